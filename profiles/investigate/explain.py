"""Turns a soak report into the request that `mobifai profile run --from` investigates. Runs nothing."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec

from profiles.investigate.request import InvestigationRequest
from profiles.results import NextStep, ProfileError
from soak.gauges.results import FindingResult, Report
from soak.plants import plant
from soak.report.directory import read_report
from soak.report.figures import count
from soak.report.next_steps import next_steps
from soak.run.plan import SoakPlan
from soak.run.replay import shell_command
from soak.scenarios import scenarios

NOT_GROWTH: Final = ("failure", "integrity", "harness")
"""Kinds of soak findings that are not growth. No line can be named for them."""
RESUME: Final = shell_command("soak", "--resume")
NAME_ONE: Final = "name the directory of a soak report (its --report DIR)"


class _PlanInReport(msgspec.Struct, frozen=True):
    """The settings of a soak run that an investigation takes from its report (`environment.plan`)."""

    time_scale: float = 20.0
    phones: int = 2
    plant: str | None = None


def read_soak(place: Path) -> Report:
    """Return the soak report in `place`, a directory or a report.json.

    Raises MobiFaiError if there is none, or if it can't be read.
    """
    if not place.exists():
        raise ProfileError(f"there is no {place}; {NAME_ONE}")
    return read_report(directory_of(place))


def directory_of(place: Path) -> Path:
    """Return the directory of a report, given the directory or the report.json in it."""
    return place.parent if place.is_file() and place.name == "report.json" else place


def nothing_to_explain(report: Report, names: Sequence[str]) -> str:
    """Return the reason why there is nothing to investigate in a soak report, or an empty text.

    The text is empty if the report has findings of growth, and also if the user named scenarios (`names`), because
    these are investigated in any case.
    """
    if names or _findings(report):
        return ""
    if report.verdict == "failed":
        return "the soak run failed before it found any growth"
    how = "had not ended when its report was written" if report.verdict == "unfinished" else "was interrupted"
    how = how if report.interrupted or report.verdict == "unfinished" else "reached no verdict"
    return f"the soak run {how}, and had found nothing to explain after {count(report.cycles, 'cycle')}"


def steps_to_findings(report: Report, place: Path) -> list[NextStep]:
    """Return the steps to suggest for a soak report without findings: first complete the soak run, then explain it.

    `place` is the directory of the soak report, or its report.json.
    """
    folder = directory_of(place).absolute()
    steps = [NextStep(step.why, step.command) for step in next_steps(report, folder)]
    if any(step.command.startswith(RESUME) for step in steps):
        return [*steps, NextStep("then explain what it found", shell_command("profile", "run", "--from", str(folder)))]
    names = [one.name for one in report.scenarios if one.name in scenarios()]
    again = shell_command("soak", *names, "--seed", str(report.seed), "--quick")
    return steps or [NextStep("run soak until it has a verdict", again)]


def explain_request(report: Report, request: InvestigationRequest, names: Sequence[str]) -> InvestigationRequest:
    """Return a copy of `request` that investigates the findings of a soak report.

    If the user named scenarios (`names`), these are investigated, with the seed and the settings of the report. Raises
    ProfileError if no scenario is named and the soak run has nothing to explain, or if the report's plan is invalid.
    """
    found = [one for one in _findings(report) if one.scenario in scenarios()]
    if names:
        found = [one for one in found if one.scenario in names]
    elif report.verdict == "held":
        raise ProfileError("the soak run found nothing to explain; name a SCENARIO to investigate it anyway")
    elif _findings(report) and not found:
        raise ProfileError("the soak run found nothing that a scenario can reproduce, so there is nothing to explain")
    chosen = tuple(dict.fromkeys([*names, *(one.scenario for one in found)]))
    return replace(request, plan=_plan(report, chosen), findings=found, mode="from")


def _findings(report: Report) -> list[FindingResult]:
    return [one for one in report.findings if one.kind not in NOT_GROWTH]


def _plan(report: Report, names: tuple[str, ...]) -> SoakPlan:
    stored: Any = report.environment.get("plan", {})
    try:
        known = msgspec.convert(stored, _PlanInReport)
    except msgspec.ValidationError as error:
        raise ProfileError(
            f"expected a report with the settings of its run (`environment.plan`); they are missing or invalid: {error}"
        ) from None
    if known.plant is not None:
        plant(known.plant)
    return SoakPlan(names, report.seed, time_scale=known.time_scale, phones=known.phones, plant=known.plant)
