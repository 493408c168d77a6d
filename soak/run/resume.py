"""The remaining part of an unfinished run.

Every part of a resumed run has fresh processes and its own seed, so that it can be repeated alone.
"""

from dataclasses import dataclass, replace
from typing import Final

import msgspec

from mobifai.errors import MobiFaiError
from soak.gauges.counts import fewest
from soak.gauges.results import ATTACHED, Report
from soak.run.plan import QUICK_BLOCKS, SoakPlan

START_NEW: Final = "start a new run"
ONE_ROUND: Final = 1.0
"""Least duration of the next part, in seconds, while a scenario has no judged block.

With any duration, a part runs at least one round.
"""


class ResumeError(MobiFaiError):
    """A run can't be resumed, or not with these options."""


@dataclass(frozen=True, slots=True)
class RemainingRun:
    """The plans of a resumed run: `whole` is the plan of all its parts, and `left` that of the next part, which has its
    own seed.
    """

    whole: SoakPlan
    left: SoakPlan


def remaining_run(earlier: Report, duration: float | None = None, cycles: int | None = None) -> RemainingRun:
    """Return what is left of a run. Raises ResumeError if the run is complete or can't be resumed.

    `duration` or `cycles` replaces the length of the whole run, including the part that has already run.
    """
    whole = _extended(_plan_of(earlier), duration, cycles)
    left = whole.later(earlier.segments)
    if whole.duration is not None:
        seconds = round(whole.duration - earlier.duration_s, 1)
        left = replace(left, duration=seconds if _fewest_blocks(earlier, whole) else max(seconds, ONE_ROUND))
        _check_left(left.duration, earlier, "a longer --duration")
    elif whole.cycles is not None:
        left = replace(left, cycles=whole.cycles - _fewest_cycles(earlier, whole))
        _check_left(left.cycles, earlier, "more --cycles")
    elif _came_to_its_end(earlier) and _fewest_blocks(earlier, whole) >= QUICK_BLOCKS:
        raise ResumeError(f"expected the report of an unfinished run; found one that is complete: {START_NEW}")
    return RemainingRun(whole, left)


def _plan_of(earlier: Report) -> SoakPlan:
    try:
        plan = msgspec.convert(earlier.environment["plan"], SoakPlan)
    except (KeyError, msgspec.ValidationError):
        raise ResumeError("expected the report of a run that can be resumed; found one that lacks the run's plan: "
                          f"{START_NEW}") from None  # fmt: skip
    if ATTACHED in plan.scenarios:
        raise ResumeError("expected the report of a run that drove an agent; found one that watched an agent: watch it "
                          "again with --attach")  # fmt: skip
    return plan


def _extended(plan: SoakPlan, duration: float | None, cycles: int | None) -> SoakPlan:
    if duration is not None and plan.duration is None:
        raise ResumeError(_wrong("--duration", plan))
    if cycles is not None and plan.cycles is None:
        raise ResumeError(_wrong("--cycles", plan))
    return replace(plan, duration=duration or plan.duration, cycles=cycles or plan.cycles)


def _wrong(option: str, plan: SoakPlan) -> str:
    if plan.duration is None and plan.cycles is None:
        return (
            f"expected --resume without {option}, because that run is a quick one: leave out {option}, or {START_NEW}"
        )
    other = "--duration" if plan.duration is not None else "--cycles"
    return f"expected {other} with --resume, because that run began with {other}; found {option}: give {other} instead"


def _check_left(left: float | None, earlier: Report, advice: str) -> None:
    if left is not None and left <= 0:
        how = "is complete" if _came_to_its_end(earlier) else "ended, but was interrupted before all was judged"
        raise ResumeError(
            f"expected the report of an unfinished run; found one that {how}: {START_NEW}, or give {advice}"
        )


def _came_to_its_end(earlier: Report) -> bool:
    return earlier.finished and not earlier.interrupted


def _fewest_cycles(earlier: Report, plan: SoakPlan) -> int:
    return fewest({one.name: one.counts.judged_cycles for one in earlier.scenarios}, plan.scenarios)


def _fewest_blocks(earlier: Report, plan: SoakPlan) -> int:
    return fewest({one.name: one.judged_blocks for one in earlier.scenarios}, plan.scenarios)
