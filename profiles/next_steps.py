"""Suggests the next steps after a run of `mobifai profile run` or `attach`.

A step is a command that reproduces growth, proves a fix, or reaches a verdict. Pure.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from profiles.replay import attach_command, run_command
from profiles.results import NextStep, ProfileReport
from soak.run.plan import SoakPlan
from soak.shell_quoting import joined, quoted

HEAP: Final = "heap.bytes"
LONGER_LOOK: Final = 60.0
"""Shortest duration, in seconds, of the `attach` command that these steps suggest: enough for a verdict."""


def next_steps(report: ProfileReport, place: Path) -> list[NextStep]:
    """Return the steps to suggest after the run whose report is in the directory `place`.

    Their commands are complete and quoted for a shell.
    """
    return list(dict.fromkeys(_steps(report, place)))


def _steps(report: ProfileReport, place: Path) -> Iterator[NextStep]:
    if report.culprits:
        yield NextStep("reproduce the growth", report.culprits[0].replay)
    if report.verdict == "found":
        yield from _unnamed(report)
        again = f"{_again(report)} --report {quoted(f'{place}-after')}"
        proof = joined(["mobifai", "profile", "compare", str(place), f"{place}-after"])
        yield NextStep("after the fix, prove that the growth is gone", f"{again}; {proof}")
    elif report.verdict != "clean":
        yield from _without_verdict(report)


def _unnamed(report: ProfileReport) -> Iterator[NextStep]:
    """Yield the step that examines the C heap with memray, if the heap grows and no line is known for it."""
    heap = any(one.name == HEAP for one in report.unattributed)
    if heap and report.mode != "attach" and report.settings.memray is not True:
        yield NextStep("examine the C heap by line", _run(report, memray=True))


def _without_verdict(report: ProfileReport) -> Iterator[NextStep]:
    for one in report.soak_findings:
        if one.state in ("not_reproduced", "unjudged") and one.replay:
            yield NextStep(f"see {one.name} as soak found it", one.replay)
    yield NextStep("examine it again" if report.mode == "attach" else "run it again", _again(report))


def _again(report: ProfileReport) -> str:
    if report.mode == "attach":
        return attach_command(Path(report.settings.state_dir), max(report.settings.seconds, LONGER_LOOK))
    return _run(report, memray=report.settings.memray) if report.settings.scenarios else report.command


def _run(report: ProfileReport, *, memray: bool | None) -> str:
    asked = report.settings
    plan = SoakPlan(
        tuple(asked.scenarios), report.seed, time_scale=asked.time_scale, phones=asked.phones, plant=asked.plant
    )  # fmt: skip
    return run_command(plan, dose=asked.dose, memray=memray, process=asked.process)
