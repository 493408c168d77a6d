"""What is said before a run whose cycles are too few for a verdict."""

import pytest

from soak.run.outlook import too_short
from soak.run.plan import Plan


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(("terminals",), cycles=10),
         ["terminals: 10 cycles make 1 block of 20; a verdict takes 8 blocks: --cycles 160"]),
        (Plan(("terminals", "limits"), cycles=48),
         ["terminals: 48 cycles make 3 blocks of 20; a verdict takes 8 blocks: --cycles 160"]),
        (Plan(("terminals",), cycles=141), []),
        (Plan(("terminals",)), []),
        (Plan(("terminals",), duration=1.0), []),
    ],
)  # fmt: skip
def test_a_run_with_too_few_cycles_is_named_with_the_cycles_that_a_verdict_takes(plan: Plan, said: list[str]) -> None:
    assert [*too_short(plan)] == said
