"""Next steps after a run. Each step has a sentence, and a shell command if one carries it out."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

from soak.duration import duration_text
from soak.gauges.counts import cycles_for
from soak.gauges.results import FindingResult, Report, ScenarioResult
from soak.gauges.state import Trend
from soak.gauges.verdict import ENOUGH_BLOCKS, ENOUGH_LOOKS, FAILED_KINDS
from soak.report.figures import duration
from soak.run.plan import WATCH_SECONDS
from soak.run.resume import ResumeError, remaining_run
from soak.shell_quoting import joined

SPARE: Final = 1.5
"""Safety factor on estimated times, because the speed of a machine varies."""
START_SECONDS: Final = 5.0
"""Time to start the processes of a scenario."""
USUAL_CYCLE_SECONDS: Final = 0.25
"""Assumed duration of a cycle, for a scenario that has not run any."""
WATCHED: Final = "watched"
"""The key in a report's environment under which the state directory of the watched agent is stored."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A suggested step. `why` says what the step is for. `command` is empty if no command carries it out."""

    why: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class LongerRun:
    """Options of a longer run, and the reason for their values."""

    why: str
    words: tuple[str, ...]


def next_steps(report: Report, place: Path) -> list[Suggestion]:
    """Return the next steps for the report that is in the directory `place`."""
    if any(_is_growth(one) for one in report.findings):
        return [Suggestion("to find the responsible line", _name_the_line(report, place))]
    if report.findings:
        return [Suggestion("to reproduce it", one.replay) for one in report.findings[:1] if one.replay]
    if report.verdict in ("inconclusive", "unfinished"):
        return [*_go_on(report, place), *_more_blocks(report)]
    return []


def _is_growth(finding: FindingResult) -> bool:
    return finding.kind not in {*FAILED_KINDS, "bound"}


def _name_the_line(report: Report, place: Path) -> str:
    if report.is_watch:
        return joined(["mobifai", "profile", "attach"])
    return joined(["mobifai", "profile", "run", "--from", str(place)])


def _go_on(report: Report, place: Path) -> Iterator[Suggestion]:
    if report.is_watch:
        yield _watch_longer(report)
        return
    words = ["mobifai", "soak", "--resume", str(place)]
    if (report.interrupted or not report.finished) and _has_more_to_do(report):
        yield Suggestion("to continue this run", joined(words))
    elif longer := _longer(report):
        yield Suggestion(f"to run longer ({longer.why})", joined([*words, *longer.words]))


def _watch_longer(report: Report) -> Suggestion:
    """Return the command that watches longer. Samples are taken at equal intervals, at most once a second."""
    looks = report.counts.judged_cycles
    each = max(1.0, report.duration_s / looks) if looks else WATCH_SECONDS / ENOUGH_LOOKS
    seconds = max(2 * ENOUGH_LOOKS * each, report.duration_s)
    words = ["mobifai", "soak", "--attach", str(report.environment.get(WATCHED, "STATE_DIR")), "--duration",
             duration_text(_rounded_up(seconds))]  # fmt: skip
    return Suggestion(
        f"to watch longer, while no phone is connected ({looks} of the {ENOUGH_LOOKS} samples that a verdict needs)",
        joined(words),
    )


def _has_more_to_do(report: Report) -> bool:
    try:
        remaining_run(report)
    except ResumeError:
        return False
    return True


def _longer(report: Report) -> LongerRun | None:
    """Return the options with which the run would have enough blocks; None if it has them or its plan is unknown."""
    plan: Any = report.environment.get("plan")
    if not isinstance(plan, dict) or not any(one.state is Trend.UNJUDGED for one in report.scenarios):
        return None
    if plan.get("cycles") is not None:
        done = min((one.counts.judged_cycles for one in report.scenarios), default=0)
        more = max((cycles_for(ENOUGH_BLOCKS, one.counts) for one in report.scenarios), default=0)
        return LongerRun(f"{done:,} cycles are done, {more:,} more are needed", ("--cycles", str(done + more)))
    if plan.get("duration") is not None:
        seconds = sum(_seconds_for(one, report.segments) for one in report.scenarios)
        whole = _rounded_up(report.duration_s + seconds)
        why = f"{duration(report.duration_s)} have passed, about {duration(seconds)} more are needed"
        return LongerRun(why, ("--duration", duration_text(whole)))
    return None


def _seconds_for(scenario: ScenarioResult, parts: int) -> float:
    """Return the estimated seconds in which a resumed run warms up a scenario and runs enough blocks of it.

    `parts` is how many times the run was started or resumed so far. Each part had its own warm-up, so the warm-up
    cycles are divided by it.
    """
    counts = scenario.counts
    cycles = counts.warm_up_cycles / parts + cycles_for(ENOUGH_BLOCKS, counts)
    each = scenario.duration_s / counts.cycles if counts.cycles else USUAL_CYCLE_SECONDS
    return START_SECONDS + SPARE * cycles * each


def _rounded_up(seconds: float) -> int:
    """Round a duration up to a multiple of 10 s, or of a minute if it is longer than five minutes."""
    step = 10 if seconds <= 300 else 60
    return ceil(seconds / step) * step


def _more_blocks(report: Report) -> Iterator[Suggestion]:
    for one in report.scenarios:
        if not report.is_watch and one.judged_blocks < ENOUGH_BLOCKS:
            had = f"{one.name} has {one.judged_blocks} of the {ENOUGH_BLOCKS} blocks that a verdict needs"
            yield Suggestion(f"{had}; these must be of one process, so a resumed run, which starts new processes, runs "
                       f"{ENOUGH_BLOCKS} again, as --quick does")  # fmt: skip
