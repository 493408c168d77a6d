"""The findings of a soak report to explain, and the message for a report without any."""

from asyncio import CancelledError
from pathlib import Path
from typing import Any

import pytest

from mobifai.errors import MobiFaiError
from profiles.evidence import Evidence, GrowingContainer
from profiles.investigate.explain import explain_request, nothing_to_explain, read_soak, steps_to_findings
from profiles.investigate.investigation import Examinations, Investigation
from profiles.investigate.request import InvestigationRequest
from profiles.results import Overhead
from soak.gauges.counts import CycleCounts
from soak.gauges.results import FindingResult, Report, TrafficResult
from soak.harness.pauses import PauseDetector
from soak.report.directory import ReportDirectory
from soak.run.block_runner import ignore_progress
from soak.run.plan import SoakPlan

ANY = InvestigationRequest(SoakPlan(("mixed",), 1))


def finding(scenario: str, name: str = "python.blocks", kind: str = "growth") -> FindingResult:
    return FindingResult(kind, name, "more and more", 1.4, "objects", 1.0, scenario, "")


def soaked(verdict: str, *findings: FindingResult, **other: Any) -> Report:
    """Return a report of soak."""
    plan = other.pop("plan", {"time_scale": 5, "phones": 3, "plant": "text-only", "scenarios": ["terminals"]})
    return Report(verdict, CycleCounts(), 1.0, 7, {"plan": plan}, [], [], [], list(findings), TrafficResult(), **other)  # type: ignore[arg-type]


def test_the_scenarios_seed_and_plant_are_those_of_the_report() -> None:
    wanted = explain_request(soaked("leak", finding("terminals"), finding("terminals", "zombies")), ANY, ())
    assert wanted.plan == SoakPlan(("terminals",), 7, time_scale=5, phones=3, plant="text-only")
    assert [one.name for one in wanted.findings] == ["python.blocks", "zombies"]
    assert wanted.mode == "from"


def test_a_scenario_that_is_named_is_looked_into_whatever_was_found() -> None:
    report = soaked("held")
    assert explain_request(report, ANY, ("mixed",)).plan.scenarios == ("mixed",)
    assert nothing_to_explain(report, ("mixed",)) == ""


def test_a_run_that_held_leaves_nothing_to_explain() -> None:
    with pytest.raises(MobiFaiError, match="found nothing to explain; name a SCENARIO"):
        explain_request(soaked("held"), ANY, ())


@pytest.mark.parametrize(
    ("report", "reported"),
    [
        (soaked("inconclusive", interrupted=True), "was interrupted, and had found nothing to explain after 0 cycles"),
        (soaked("unfinished", finished=False), "had not ended when its report was written"),
        (soaked("inconclusive"), "reached no verdict"),
        (soaked("failed", finding("mixed", "TargetFailed", "failure")), "failed before it found any growth"),
    ],
)
def test_a_run_that_found_nothing_before_its_end_leaves_nothing_to_explain(report: Report, reported: str) -> None:
    assert reported in nothing_to_explain(report, ())


@pytest.mark.parametrize(("verdict", "finished"), [("unfinished", False), ("inconclusive", True)])
def test_a_run_that_did_not_end_is_resumed_before_it_is_explained(verdict: str, finished: bool, tmp_path: Path) -> None:
    plan = {"scenarios": ["terminals"], "time_scale": 20.0, "phones": 2, "plant": None, "duration": 600.0}
    report = soaked(verdict, plan=plan, finished=finished, interrupted=True)
    place = tmp_path / "report"
    place.mkdir()
    (place / "report.json").write_text("")
    commands = [step.command for step in steps_to_findings(report, place / "report.json") if step.command]
    assert commands == [f"mobifai soak --resume {place}", f"mobifai profile run --from {place}"]


@pytest.mark.parametrize(
    "report",
    [
        soaked("failed", finding("mixed", "TargetFailed", "failure")),
        soaked("inconclusive"),
        soaked("inconclusive", plan={"scenarios": ["attached"]}),
    ],
)
def test_a_run_that_can_t_go_on_is_never_answered_with_the_same_command_again(report: Report, tmp_path: Path) -> None:
    commands = [step.command for step in steps_to_findings(report, tmp_path)]
    assert commands and not [command for command in commands if "--from" in command]


def test_what_was_found_by_then_is_explained() -> None:
    assert nothing_to_explain(soaked("unfinished", finding("terminals"), finished=False), ()) == ""


@pytest.mark.parametrize("plan", ["text", {"plant": "no-such-plant"}, {"time_scale": "fast"}])
def test_a_plan_of_something_else_is_reported(plan: object) -> None:
    with pytest.raises(MobiFaiError):
        explain_request(soaked("leak", finding("terminals"), plan=plan), ANY, ())


def test_what_no_scenario_shows_is_reported() -> None:
    with pytest.raises(MobiFaiError, match="a scenario can reproduce"):
        explain_request(soaked("leak", finding("attached")), ANY, ())


def test_only_a_directory_that_is_there_is_read(tmp_path: Path) -> None:
    ReportDirectory(tmp_path / "report").write(soaked("held"))
    assert read_soak(tmp_path / "report" / "report.json") == read_soak(tmp_path / "report")
    for place in (tmp_path / "report" / "TYPO", tmp_path / "TYPO"):
        with pytest.raises(MobiFaiError, match=f"there is no {place}"):
            read_soak(place)
    with pytest.raises(MobiFaiError, match=r"expected the directory of a soak report, found a file"):
        read_soak(tmp_path / "report" / "report.html")


def test_what_was_not_looked_into_is_no_finding(tmp_path: Path) -> None:
    wanted = explain_request(soaked("leak", finding("terminals"), finding("mixed")), ANY, ())
    investigation = Investigation(wanted, tmp_path, {}, "", "", lambda _: None)
    assert investigation.report().unattributed == []
    assert [(one.name, one.scenario, one.state) for one in investigation.report().soak_findings] == [
        ("python.blocks", "terminals", "unjudged"), ("python.blocks", "mixed", "unjudged"),
    ]  # fmt: skip
    assert investigation.report() == investigation.report()  # the check changes nothing


async def one_scenario(scenario: str, _plan: SoakPlan, _folder: Path, *_: object) -> tuple[Evidence, Overhead]:
    """Evidence of a growing list in `terminals`; any other scenario is interrupted."""
    if scenario != "terminals":
        raise CancelledError
    line = ("/x.py", 7)
    grown = GrowingContainer(1, "builtins.list", 1.0, (line,), {}, 64.0, [], [], False, None, "module x.kept: list")
    return Evidence(scenario, 100, 10.0, {"python.blocks": 1.0}, containers=[grown]), Overhead()


async def test_an_interrupted_investigation_has_no_verdict_whatever_it_found(tmp_path: Path) -> None:
    two = InvestigationRequest(SoakPlan(("terminals", "mixed")), dose=False)
    investigation = Investigation(two, tmp_path, {}, "", "", ignore_progress, examinations=Examinations(one_scenario))
    report = await investigation.run()
    assert (report.verdict, len(report.culprits)) == ("inconclusive", 1)
    assert "interrupted" in report.unjudged[0].why
    assert investigation.interrupted


async def test_an_examination_that_a_pause_interrupted_is_repeated_and_the_report_says_so(tmp_path: Path) -> None:
    now, folders = [0.0], []

    async def capture_after_a_pause(
        scenario: str, plan: SoakPlan, folder: Path, *_: object
    ) -> tuple[Evidence, Overhead]:
        folders.append(folder.name)
        if len(folders) == 1:
            now[0] += 60.0
            raise TimeoutError("a phone timed out")
        return await one_scenario(scenario, plan, folder)

    lines: list[str] = []
    investigation = Investigation(
        InvestigationRequest(SoakPlan(("terminals",)), dose=False), tmp_path, {}, "", "", lines.append,
        examinations=Examinations(capture_after_a_pause), pauses=PauseDetector(lambda: now[0]),
    )  # fmt: skip
    report = await investigation.run()
    assert folders == ["c", "cp1"]
    assert report.verdict == "found"
    assert any("the run was paused once" in note for note in report.notes)
    assert any(line.startswith("paused for") for line in lines)
