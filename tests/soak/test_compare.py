"""`mobifai soak compare`, which compares two reports."""

import json
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mobifai.cli.main import cli
from soak.gauges.results import BoundOutcome, FindingResult, Report
from soak.gauges.state import Trend
from soak.report.comparison import EXIT_STATUS, LARGER, Change, ComparisonOutcome, ReportComparison, compare
from soak.report.comparison_text import text
from soak.report.directory import ReportDirectory
from tests.soak import sample_reports


def with_findings(*findings: FindingResult, **changes: Any) -> Report:
    """Return the report of a run with these findings. Without findings, everything held."""
    verdict = "leak" if findings else "held"
    return msgspec.structs.replace(sample_reports.held(20), **{"verdict": verdict, "findings": [*findings], **changes})


def growth(name: str = "heap.bytes", per_cycle: float = 48, scenario: str = "terminals") -> FindingResult:
    found: FindingResult = sample_reports.finding("growth", name, "why", per_cycle, "bytes", scenario)
    return found


def changes(before: Report, after: Report) -> dict[str, Change]:
    return {one.name: one.change for one in compare(before, after).findings}


def run(*words: str) -> tuple[int, str]:
    """Return the exit status of the command and its output."""
    result = CliRunner().invoke(cli, ["soak", "compare", *words], prog_name="mobifai", standalone_mode=False)
    status = result.exception.exit_code if isinstance(result.exception, click.ClickException) else result.return_value
    return int(status), result.output


def test_a_run_is_not_worse_than_itself() -> None:
    found = compare(sample_reports.leaking(20), sample_reports.leaking(20))
    assert (found.outcome, found.differences, found.limits) == (ComparisonOutcome.NOT_WORSE, [], [])
    assert {one.change for one in found.findings} == {Change.SAME}


@pytest.mark.parametrize(
    ("before", "after", "change", "outcome"),
    [
        ([], [growth()], Change.NEW, ComparisonOutcome.WORSE),
        ([growth()], [], Change.GONE, ComparisonOutcome.NOT_WORSE),
        ([growth()], [growth(per_cycle=48 * LARGER)], Change.SAME, ComparisonOutcome.NOT_WORSE),
        ([growth()], [growth(per_cycle=48 * LARGER + 1)], Change.LARGER, ComparisonOutcome.WORSE),
        ([growth()], [growth(per_cycle=24)], Change.SMALLER, ComparisonOutcome.NOT_WORSE),
    ],
)
def test_findings_are_new_gone_larger_or_smaller(
    before: list[FindingResult], after: list[FindingResult], change: Change, outcome: ComparisonOutcome
) -> None:
    found = compare(with_findings(*before), with_findings(*after))
    assert [one.change for one in found.findings] == [change]
    assert found.outcome is outcome


def test_the_same_name_in_another_scenario_is_another_finding() -> None:
    found = compare(with_findings(growth()), with_findings(growth(scenario="mixed")))
    assert {(one.scenario, one.change) for one in found.findings} == {("mixed", Change.NEW), ("terminals", Change.GONE)}


def test_a_finding_whose_scenario_was_not_judged_again_is_not_called_gone() -> None:
    short = [msgspec.structs.replace(one, state=Trend.UNJUDGED) for one in sample_reports.held(20).scenarios]
    assert changes(with_findings(growth()), with_findings(scenarios=short)) == {"heap.bytes": Change.UNKNOWN}


@given(st.floats(0.001, 1e9), st.floats(0.001, 1e9))
def test_what_is_larger_one_way_is_smaller_or_the_same_the_other_way(one: float, other: float) -> None:
    there = changes(with_findings(growth(per_cycle=one)), with_findings(growth(per_cycle=other)))["heap.bytes"]
    back = changes(with_findings(growth(per_cycle=other)), with_findings(growth(per_cycle=one)))["heap.bytes"]
    assert {there, back} in ({Change.SAME}, {Change.LARGER, Change.SMALLER})


def test_an_unfinished_report_can_not_be_compared() -> None:
    found = compare(with_findings(finished=False, verdict="unfinished"), with_findings(growth()))
    assert (found.outcome, found.reasons) == (
        ComparisonOutcome.INCOMPARABLE, ["the earlier report was written during its run"],
    )  # fmt: skip


def test_a_later_report_without_a_verdict_says_nothing_unless_it_has_something_new() -> None:
    assert compare(with_findings(), with_findings(verdict="inconclusive")).outcome is ComparisonOutcome.INCOMPARABLE
    assert compare(with_findings(), with_findings(growth(), verdict="inconclusive")).outcome is ComparisonOutcome.WORSE


def test_runs_of_other_scenarios_can_not_be_compared() -> None:
    one, *others = sample_reports.held(20).scenarios
    for part in (others, [one], [one, *others[1:]]):
        found = compare(with_findings(), with_findings(scenarios=part))
        assert found.outcome is ComparisonOutcome.INCOMPARABLE
        assert "the runs had different scenarios (" in found.reasons[0]


def planted(name: str | None, **changes: Any) -> Report:
    plan = {"scenarios": [*sample_reports.SCENARIOS], "plant": name, "memray": True}
    return with_findings(environment={**sample_reports.held(20).environment, "plan": plan}, **changes)


@pytest.mark.parametrize(("before", "after"), [("zombie", None), (None, "zombie"), ("zombie", "dict-by-session")])
def test_runs_with_another_plant_can_not_be_compared(before: str | None, after: str | None) -> None:
    found = compare(planted(before), planted(after))
    assert found.outcome is ComparisonOutcome.INCOMPARABLE
    assert f"plant: {before or 'none'} → {after or 'none'}" in text(found)


def test_runs_with_another_seed_can_be_compared_and_the_seeds_are_named() -> None:
    found = compare(planted("zombie"), planted("zombie", seed=8))
    assert found.outcome is ComparisonOutcome.NOT_WORSE
    assert "seed: 7 → 8" in text(found) and "plant" not in text(found)


def test_what_was_not_judged_has_no_rate_in_any_format() -> None:
    gauges = [msgspec.structs.replace(one, state=Trend.UNJUDGED, per_cycle=None, smallest_leak=None)
              for one in sample_reports.held(20).gauges]  # fmt: skip
    found = compare(with_findings(gauges=gauges), with_findings(gauges=gauges))
    assert "python.blocks in terminals: – → – (– → –), not judged" in text(found)
    assert {(one.before, one.after) for one in found.gauges} == {(None, None)}


def test_it_says_which_limits_are_newly_or_no_longer_filled_and_what_is_different() -> None:
    before = sample_reports.held(20)
    bounds = [
        msgspec.structs.replace(one, state={"relay.rooms": BoundOutcome.HELD, "terminal.ring": BoundOutcome.UNFILLED}
                                .get(one.name, one.state)) for one in before.bounds
    ]  # fmt: skip
    product = msgspec.structs.replace(before.product, commit="f" * 40)
    after = msgspec.structs.replace(before, bounds=bounds, seed=8, product=product)
    found = compare(before, after)
    assert {one.name: (one.before, one.after) for one in found.limits} == {
        "relay.rooms": (BoundOutcome.UNFILLED, BoundOutcome.HELD),
        "terminal.ring": (BoundOutcome.HELD, BoundOutcome.UNFILLED),
    }
    assert {one.name for one in found.differences} == {"commit", "seed"}
    shown = text(found)
    for line in ("newly filled: relay.rooms", "no longer filled: terminal.ring", "seed: 7 → 8"):
        assert line in shown


def test_the_text_drives_no_terminal() -> None:
    hostile = sample_reports.hostile("\x1b[2J\n")
    assert not any(ord(sign) < 32 and sign != "\n" for sign in text(compare(hostile, hostile)))


# -- the command


def test_the_command_prints_text_or_json_and_ends_with_the_documented_status(tmp_path: Path) -> None:
    ReportDirectory(tmp_path / "a").write(with_findings())
    ReportDirectory(tmp_path / "b").write(with_findings(growth()))
    status, shown = run(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (status, shown.splitlines()[0]) == (1, "✗ Something is new or larger")
    status, shown = run(str(tmp_path / "b"), str(tmp_path / "a"), "--json")
    assert status == 0
    found = msgspec.json.decode(shown, type=ReportComparison)
    assert (found.outcome, found.findings[0].change) == (ComparisonOutcome.NOT_WORSE, Change.GONE)
    assert sorted(EXIT_STATUS.values()) == [0, 1, 4]


def test_what_is_no_report_is_a_usage_error_and_another_schema_is_not_comparable(tmp_path: Path) -> None:
    ReportDirectory(tmp_path / "a").write(with_findings())
    assert run(str(tmp_path / "a"), str(tmp_path / "nowhere"))[0] == 2
    newer = {**json.loads((tmp_path / "a" / "report.json").read_text()), "schema_version": 99, "more": 1}
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "report.json").write_text(json.dumps(newer))
    status, shown = run(str(tmp_path / "a"), str(tmp_path / "b"))
    assert status == 4
    assert "found schema version 99, as a newer version writes it" in shown


def test_the_other_words_of_soak_are_scenarios_as_before() -> None:
    listed = CliRunner().invoke(cli, ["soak", "--list"])
    assert listed.exit_code == 0 and "terminals" in listed.output
    shown = CliRunner().invoke(cli, ["soak", "--help"], prog_name="mobifai").output
    assert shown.startswith("Usage: mobifai soak [OPTIONS] [SCENARIO]...")
    assert "compare BEFORE AFTER" in shown
