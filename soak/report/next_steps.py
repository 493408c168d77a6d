"""What to do next, as a sentence and the exact command for a shell. Pure: it decides nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

from soak.gauges.counts import cycles_for
from soak.gauges.results import FindingResult, Report
from soak.gauges.state import State
from soak.gauges.verdict import ENOUGH_BLOCKS, FAILED_KINDS
from soak.run.resume import ResumeError, rest_of
from soak.shell_quoting import joined

WARM_UP_SHARE: Final = 2
"""A resumed run warms up again: about as long as it then takes."""


@dataclass(frozen=True, slots=True)
class Step:
    """`command` is empty where a sentence is all there is."""

    why: str
    command: str = ""


def next_steps(report: Report, place: Path) -> list[Step]:
    """What to do with the report in the directory `place`."""
    if any(_is_growth(one) for one in report.findings):
        return [Step("to name the line that does it", _name_the_line(report, place))]
    if report.findings:
        return [Step("to see it again", one.replay) for one in report.findings[:1] if one.replay]
    if report.verdict in ("inconclusive", "unfinished"):
        return [*_go_on(report, place), *_more_blocks(report)]
    return []


def _is_growth(finding: FindingResult) -> bool:
    return finding.kind not in {*FAILED_KINDS, "bound"}


def _name_the_line(report: Report, place: Path) -> str:
    if report.is_watch:
        return joined(["mobifai", "profile", "attach"])
    return joined(["mobifai", "profile", "run", "--from", str(place)])


def _go_on(report: Report, place: Path) -> Iterator[Step]:
    if report.is_watch:
        yield Step("to watch for longer, give --attach a longer --duration")
        return
    words = ["mobifai", "soak", "--resume", str(place)]
    if (report.interrupted or not report.finished) and _has_more_to_do(report):
        yield Step("to go on with this run", joined(words))
    elif more := _longer(report):
        yield Step("to run it for longer", joined([*words, *more]))


def _has_more_to_do(report: Report) -> bool:
    try:
        rest_of(report)
    except ResumeError:
        return False
    return True


def _longer(report: Report) -> list[str]:
    """The option with which a run that came to its end has enough blocks."""
    plan: Any = report.environment.get("plan")
    if not isinstance(plan, dict) or not any(one.state is State.UNJUDGED for one in report.scenarios):
        return []
    if plan.get("cycles") is not None:
        done = min((one.counts.judged_cycles for one in report.scenarios), default=0)
        most = max((cycles_for(ENOUGH_BLOCKS, one.counts) for one in report.scenarios), default=0)
        return ["--cycles", str(done + most)]
    if plan.get("duration") is not None:
        each = report.duration_s / max(1, report.counts.rounds)
        return ["--duration", f"{ceil((report.duration_s + WARM_UP_SHARE * ENOUGH_BLOCKS * each) / 60)}m"]
    return []


def _more_blocks(report: Report) -> Iterator[Step]:
    for one in report.scenarios:
        if not report.is_watch and (missing := ENOUGH_BLOCKS - one.judged_blocks) > 0:
            blocks = f"{missing} more block{'s' if missing > 1 else ''}"
            yield Step(f"{one.name} needs {blocks}, {ENOUGH_BLOCKS} in one process; a run with --quick has as many")
