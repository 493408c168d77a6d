"""The warning before a run that has too few cycles for a verdict."""

import pytest

from soak.run.length_check import too_short
from soak.run.plan import SoakPlan


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (SoakPlan(("terminals",), cycles=10),
         ["terminals: 10 cycles make 1 block of 20; a verdict takes 8 blocks: --cycles 160"]),
        (SoakPlan(("terminals", "limits"), cycles=48),
         ["terminals: 48 cycles make 3 blocks of 20; a verdict takes 8 blocks: --cycles 160"]),
        (SoakPlan(("terminals",), cycles=141), []),
        (SoakPlan(("terminals",)), []),
        (SoakPlan(("terminals",), duration=1.0), []),
    ],
)  # fmt: skip
def test_a_run_with_too_few_cycles_is_named_with_the_cycles_that_a_verdict_takes(
    plan: SoakPlan, said: list[str]
) -> None:
    assert [*too_short(plan)] == said
