"""What a soak report asks to be explained, and what is said when there is nothing in it."""

from pathlib import Path
from typing import Any

import pytest

from mobifai.errors import MobiFaiError
from profiles.investigate.explain import explain_request, nothing_to_explain, read_soak, steps_to_findings
from profiles.investigate.investigation import Investigation, InvestigationRequest
from profiles.results import Culprit
from soak.gauges.counts import CycleCounts
from soak.gauges.results import FindingResult, Report, TrafficResult
from soak.report.directory import ReportDirectory
from soak.run.plan import SoakPlan

ANY = InvestigationRequest(SoakPlan(("mixed",), 1))


def finding(scenario: str, name: str = "python.blocks", kind: str = "growth") -> FindingResult:
    return FindingResult(kind, name, "more and more", 1.4, "objects", 1.0, scenario, "")


def soaked(verdict: str, *findings: FindingResult, **other: Any) -> Report:
    """A report of soak."""
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
    with pytest.raises(MobiFaiError, match="held: there is nothing to explain; name a SCENARIO"):
        explain_request(soaked("held"), ANY, ())


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (soaked("inconclusive", interrupted=True), "was interrupted, and had found nothing to explain after 0 cycles"),
        (soaked("unfinished", finished=False), "had not ended when its report was written"),
        (soaked("inconclusive"), "reached no verdict"),
        (soaked("failed", finding("mixed", "TargetFailed", "failure")), "failed before it found any growth"),
    ],
)
def test_a_run_that_found_nothing_before_its_end_leaves_nothing_to_explain(report: Report, told: str) -> None:
    assert told in nothing_to_explain(report, ())


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
def test_a_plan_of_something_else_is_told(plan: object) -> None:
    with pytest.raises(MobiFaiError):
        explain_request(soaked("leak", finding("terminals"), plan=plan), ANY, ())


def test_what_no_scenario_shows_is_told() -> None:
    with pytest.raises(MobiFaiError, match="no scenario|a scenario can show"):
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
    hunt = Investigation(wanted, tmp_path, {}, "", "", lambda _: None)
    assert hunt.report().unattributed == []
    assert [(one.name, one.scenario, one.state) for one in hunt.report().sought] == [
        ("python.blocks", "terminals", "unjudged"), ("python.blocks", "mixed", "unjudged"),
    ]  # fmt: skip
    assert hunt.report() == hunt.report()  # asking changes nothing


def culprit() -> Culprit:
    return Culprit("container", "/x.py", 7, "keep", "", 10.0, 1.0, 1e3, "", "high", "again")


async def test_an_interrupted_hunt_has_no_verdict_whatever_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asyncio import CancelledError  # noqa: PLC0415

    saved: list[str] = []
    hunt = Investigation(ANY, tmp_path, {}, "", "", lambda _: None, lambda report: saved.append(report.verdict))

    async def found_then_cancelled(*_: object) -> None:
        hunt._culprits = [culprit()]
        raise CancelledError

    monkeypatch.setattr(hunt, "_scenario", found_then_cancelled)
    report = await hunt.run()
    assert (report.verdict, len(report.culprits)) == ("inconclusive", 1)
    assert "interrupted" in report.unjudged[0].why
    assert hunt.interrupted
