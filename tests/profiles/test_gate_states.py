"""The gate's report on figures that it did not judge: in every format, and never as a pass."""

import asyncio
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from profiles.gate import gate as gates
from profiles.gate.comparison import trial_coverage, trial_findings
from profiles.gate.gate import AT_REST, Gate
from profiles.gate.next_steps import next_steps
from profiles.gate.report_files import annotations, encoded, junit, read_gate
from profiles.gate.request import GateRequest
from profiles.gate.rest_figures import BaseFailed
from profiles.gate.results import EXIT_STATUS, GateReport
from profiles.gate.sides import GateSide
from profiles.gate.table import markdown, summary
from profiles.gate.trial import Measurement, ScenarioTrial
from profiles.results import Unjudged
from soak.gauges.gauge import gauge_of
from soak.gauges.trend import judge
from soak.harness.installation import Installation
from soak.run.plan import SoakPlan
from tests.profiles.sample_gates import BASE, NOW, gate_report, only


def gate(folder: Path) -> Gate:
    """Return a gate of two scenarios that has not run."""
    sides = [GateSide("base", Installation(), BASE), GateSide("candidate", Installation(), NOW)]
    wanted = GateRequest(SoakPlan(("mixed", "terminals"), 20), sides, None, BASE, NOW)
    return Gate(wanted, folder, {}, "mobifai profile gate --base main", "", lambda _: None)


async def ended(folder: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> GateReport:
    """Return the report of a run that this error ends at its first step."""

    async def failing(*_: object) -> object:
        raise error

    monkeypatch.setattr(gates, "measure_at_rest", failing)
    return await gate(folder).run()


def every_format(report: GateReport) -> tuple[str, ...]:
    """Return all texts of a report: terminal, page, XML, and the annotation of the verdict."""
    return summary(report).plain, markdown(report), junit(report).decode(), list(annotations(report))[-1]


async def test_an_interrupted_gate_says_what_it_had_not_come_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = await ended(tmp_path, monkeypatch, asyncio.CancelledError())
    assert EXIT_STATUS[report.verdict] == 4
    assert [one.what for one in report.unjudged] == [AT_REST, "scenario mixed", "scenario terminals"]
    for shown in every_format(report):
        assert "interrupted before it had finished" in shown
        assert "does not grow" not in shown


async def test_a_base_that_can_t_run_leaves_no_verdict_and_its_cause_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = "base: Python said SyntaxError: invalid syntax (mobifai/agent/agent.py:7)"
    report = await ended(tmp_path, monkeypatch, BaseFailed(why))
    assert EXIT_STATUS[report.verdict] == 4
    assert report.findings == []
    assert why in summary(report).plain.splitlines()[0]


async def test_a_change_that_can_t_run_is_a_failed_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = await ended(tmp_path, monkeypatch, RuntimeError("no"))
    assert EXIT_STATUS[report.verdict] == 3


def test_what_was_not_judged_is_skipped_in_xml_and_named_in_every_format() -> None:
    left = [Unjudged("scenario mixed", "the base could not be run: the agent ended", "mixed")]
    report = gate_report(
        verdict="inconclusive", findings=[], rows=[only(None, 5)], checked=[], culprits=[], unjudged=left
    )
    for shown in every_format(report):
        assert "the base could not be run: the agent ended" in shown
    assert "not judged: the base was not measured" in summary(report).plain
    skipped = {
        case.get("name"): case.find("skipped")
        for case in ET.fromstring(junit(report)).iter("testcase")  # noqa: S314
    }
    assert {name for name, element in skipped.items() if element is not None} == {
        "verdict", "idle.heap", "scenario mixed",
    }  # fmt: skip


def look(blocks: int) -> Measurement:
    """Return the candidate after this number of blocks, without growth and without a measured C heap."""
    points = [(block * 20, 1000.0) for block in range(blocks + 1)]
    judged = {"python.blocks": judge(points, gauge_of("python.blocks"))}  # type: ignore[arg-type]
    return Measurement(
        GateSide("candidate", Installation()), judged=judged, cycles=blocks * 20, blocks=blocks, bounds=42
    )


def test_a_gauge_with_too_few_blocks_says_how_many_are_needed_and_claims_no_resolution() -> None:
    tried = ScenarioTrial("mixed", "", [look(3)])
    reported = {one.what: one.why for one in trial_findings(tried).unjudged}
    assert "3 of 4" in reported["python.blocks in mixed"]
    assert "can't be measured" in reported["heap.bytes in mixed"]
    seen = trial_coverage(tried)
    assert seen is not None
    assert (seen.smallest_leak_objects, seen.smallest_leak_bytes, seen.gauges) == (None, None, 0)
    text = summary(
        gate_report(verdict="inconclusive", findings=[], checked=[seen], unjudged=trial_findings(tried).unjudged)
    ).plain
    assert "would have been found" not in text


def test_limits_that_nothing_filled_are_not_called_judged() -> None:
    text = summary(gate_report()).plain
    assert "none of 42 limits exceeded; 1 of them was filled" in text


def test_figures_that_are_stored_are_not_said_to_be_compared(tmp_path: Path) -> None:
    itself = type(BASE)("itself")
    report = gate_report(verdict="passed", findings=[], rows=[only(1, 1)], base=itself, culprits=[])
    first = summary(report).plain.splitlines()[0]
    assert "were stored" in first and "was compared with nothing" in first
    (tmp_path / "report.json").write_bytes(encoded(report))
    assert read_gate(tmp_path).base == itself


def test_growth_that_was_found_before_an_interruption_is_said_with_the_command_for_its_line() -> None:
    report = gate_report(verdict="inconclusive", culprits=[], rows=[])
    assert "No verdict, 1 finding by then: " in summary(report).plain.splitlines()[0]
    assert ("name the line that grows", "mobifai profile run mixed --seed 20") in {
        (one.what, one.command) for one in next_steps(report, SoakPlan(("mixed",), 20))
    }
