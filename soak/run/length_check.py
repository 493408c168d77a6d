"""A check before a run: which scenarios will have too few blocks for a verdict."""

from collections.abc import Iterator
from math import ceil

from soak.report.figures import count
from soak.run.plan import QUICK_BLOCKS, SoakPlan
from soak.scenarios import scenario


def too_short(plan: SoakPlan) -> Iterator[str]:
    """Yield a sentence for each scenario whose `--cycles` give too few blocks for a verdict."""
    if plan.cycles is None:
        return
    for name in plan.scenarios:
        each = len(scenario(name).block)
        blocks = ceil(plan.cycles / each)
        if blocks < QUICK_BLOCKS:
            ran = f"{count(plan.cycles, 'cycle')} make {count(blocks, 'block')} of {each}"
            yield f"{name}: {ran}; a verdict takes {QUICK_BLOCKS} blocks: --cycles {QUICK_BLOCKS * each}"
