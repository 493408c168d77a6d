"""The gate's verdict on figures and slopes, accepted growth, and stored figures, without an agent."""

import datetime as dt
import json
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.gate.accepted import AcceptedError, AcceptedGrowth, read_accepted
from profiles.gate.baseline import (
    Baseline,
    BaselineError,
    fitting,
    misfit,
    read_baselines,
    write_baseline,
)
from profiles.gate.comparison import conclude, difference, expired, smaller_growth, trial_findings, unneeded
from profiles.gate.figures import FIGURES, figure_of
from profiles.gate.gate import SCENARIOS, SEED, TIME_SCALE
from profiles.gate.line_growth import compare_lines
from profiles.gate.report_files import GateDirectory, annotations, encoded, junit, read_gate
from profiles.gate.rest_figures import smallest_values
from profiles.gate.results import GrownLine
from profiles.gate.sides import GateSide
from profiles.gate.table import markdown, summary
from profiles.gate.trial import Measurement, ScenarioTrial
from profiles.gate.workload import code_of, workload_of
from soak.gauges.gauge import gauge_of
from soak.gauges.results import FindingResult
from soak.gauges.trend import judge
from soak.harness.installation import Installation
from soak.report.files import ReportError
from soak.run.plan import SoakPlan
from tests.profiles.sample_gates import ROOT, TODAY, culprit, gate_report, only
from tests.support.agent import run_command
from tests.support.shell_line import run_line

TOMORROW, YESTERDAY = dt.date(2026, 7, 2), dt.date(2026, 6, 30)

amounts = st.integers(0, 10**9)


def entry(figure: str, grows_by: float, expires: dt.date = TODAY) -> AcceptedGrowth:
    return AcceptedGrowth(figure, grows_by, "made to try it", expires)


# -- figures at rest


@given(base=amounts, more=amounts, name=st.sampled_from(sorted(FIGURES)))
def test_a_figure_may_grow_by_its_step_only(base: int, more: int, name: str) -> None:
    step = max(figure_of(name).step, figure_of(name).share * base)
    assert only(base, base + more, name=name).verdict == ("ok" if base + more <= base + step else "grown")


@pytest.mark.parametrize(("more", "verdict"), [(-1, "ok"), (0, "ok"), (128 << 10, "ok"), ((128 << 10) + 1, "grown")])
def test_at_one_less_than_the_step_at_it_and_at_one_more(more: int, verdict: str) -> None:
    assert only(10_000_000, 10_000_000 + more).verdict == verdict


@pytest.mark.parametrize("name", ["idle.threads", "used.threads:mixed"])
def test_one_more_thread_is_too_many(name: str) -> None:
    assert only(7, 8, name=name).verdict == "grown"


def test_accepted_growth_is_let_through_to_its_last_day_and_no_further() -> None:
    assert only(0, 900_000, entry("idle.heap", 900_000, TODAY)).verdict == "accepted"
    assert only(0, 900_000, entry("idle.heap", 900_000, YESTERDAY)).verdict == "grown"
    assert only(0, 900_001, entry("idle.heap", 900_000)).verdict == "grown"
    assert only(0, 900_000, entry("idle.*", 900_000)).verdict == "accepted"
    assert only(0, 900_000, entry("used.heap:*", 900_000)).verdict == "grown"


def test_an_entry_that_is_over_fails_also_where_nothing_grows() -> None:
    found_ = expired([entry("idle.heap", 1, YESTERDAY), entry("idle.heap", 1, TODAY)], TODAY, "accepted.toml")
    assert [one.kind for one in found_] == ["accepted"]
    assert "2026-06-30" in found_[0].detail
    assert conclude([only(1, 1)], found_, whole=True) == "grown"


def test_an_entry_that_lets_nothing_through_is_reported() -> None:
    reported = [only(0, 900_000, entry("idle.heap", 900_000))]
    assert unneeded([entry("idle.heap", 900_000)], reported, TODAY) == []
    assert "imports.heap" in unneeded([entry("imports.heap", 9)], reported, TODAY)[0]


@pytest.mark.parametrize(("base", "now"), [(None, 5), (5, None)])
def test_what_was_not_measured_on_both_sides_is_never_a_pass(base: float | None, now: float | None) -> None:
    row = only(base, now)
    assert row.verdict == "unjudged"
    assert conclude([row], [], whole=True) == "inconclusive"


@given(st.lists(st.dictionaries(st.sampled_from(sorted(FIGURES)), amounts), min_size=1))
def test_the_least_of_each_figure_stands_and_one_that_was_missing_is_missing(starts: list[dict[str, float]]) -> None:
    found_ = smallest_values(starts)
    for name in FIGURES:
        values = [one.get(name) for one in starts]
        assert found_.get(name) == (None if None in values else min(value for value in values if value is not None))


@given(st.lists(st.tuples(amounts, amounts, amounts, amounts), min_size=1, max_size=5))
def test_of_two_measurements_the_one_with_less_growth_stands(values: list[tuple[int, int, int, int]]) -> None:
    names = [f"used.heap:{number}" for number in range(len(values))]
    parts = [{name: float(four[part]) for name, four in zip(names, values, strict=True)} for part in range(4)]
    base, now = smaller_growth((parts[0], parts[1]), (parts[2], parts[3]))
    for name, (one, other, one_again, other_again) in zip(names, values, strict=True):
        assert now[name] - base[name] == min(other - one, other_again - one_again)
    assert smaller_growth((parts[0], parts[1]), ({}, {})) == (parts[0], parts[1])  # it could not be measured again


# -- slopes


def look(name: str, *gauges: tuple[str, float], failure: FindingResult | None = None, cycles: int = 20) -> Measurement:
    """Return a side whose gauges rise by this amount with each cycle."""
    points = {gauge: [(block * cycles, 1000 + rate * block * cycles) for block in range(9)] for gauge, rate in gauges}
    return Measurement(
        GateSide(name, Installation()),
        judged={gauge: judge(window, gauge_of(gauge)) for gauge, window in points.items()},
        points=points,  # type: ignore[arg-type]
        cycles=8 * cycles, bounds=42, cycles_per_second=2.0, failure=failure,
    )  # fmt: skip


def trial(now: float, base: float | None = None, gauge: str = "python.blocks") -> ScenarioTrial:
    """Return both passes of a scenario in which the candidate and the base rise at these rates."""
    sides = [("base", base)] if base is not None else []
    first, again = (
        [look(name, (gauge, rate), cycles=cycles) for name, rate in [*sides, ("now", now)]] for cycles in (20, 60)
    )
    return ScenarioTrial("mixed", "mobifai soak mixed --seed 1", first, again)


def test_a_slope_of_the_change_alone_is_its_own() -> None:
    reported = trial_findings(trial(3.0, 0.0))
    assert [(one.kind, one.name, one.scenario) for one in reported.findings] == [("growth", "python.blocks", "mixed")]
    assert reported.findings[0].per_cycle == pytest.approx(3.0)
    assert reported.also_in_base == []
    assert trial_findings(trial(3.0)).findings == reported.findings  # so it is beside stored figures


def test_a_slope_that_the_base_has_too_is_not_the_changes() -> None:
    reported = trial_findings(trial(3.0, 3.0))
    assert reported.findings == []
    assert [one.name for one in reported.also_in_base] == ["python.blocks"]


def test_a_slope_that_the_base_has_less_of_is_the_changes() -> None:
    assert [one.name for one in trial_findings(trial(6.0, 3.0)).findings] == ["python.blocks"]


@given(base=st.floats(0, 50), now=st.floats(0, 50))
def test_what_rises_no_more_than_the_base_never_fails_a_change(base: float, now: float) -> None:
    if now <= base:
        assert trial_findings(trial(now, base)).findings == []


def test_what_does_not_come_again_in_a_fresh_process_is_no_finding() -> None:
    tried = trial(3.0, 0.0)
    tried.again = [look("base", ("python.blocks", 0.0), cycles=60), look("now", ("python.blocks", 0.0), cycles=60)]
    assert trial_findings(tried).findings == []


def test_a_breach_fails_even_if_the_base_breached_too() -> None:
    tried = trial(0.0, 0.0)
    breach = FindingResult("bound", "terminals", "expected at most 32", 0, "", 0, "mixed", "")
    tried.first[0].breached, tried.first[1].breached = [breach], [breach]
    assert trial_findings(tried).findings == [breach]
    assert conclude([only(1, 1)], [breach], whole=True) == "grown"


def test_a_base_that_breaks_leaves_no_verdict_and_a_change_that_breaks_a_failed_run() -> None:
    broken = FindingResult("failure", "TargetFailed", "base: the agent ended", 0, "", 0, "mixed", "")
    gone = trial_findings(
        ScenarioTrial("mixed", "", [look("base", failure=broken), look("now", ("python.blocks", 0.0))])
    )
    assert gone.findings == []
    assert "the base could not be run" in gone.unjudged[0].why
    assert conclude([only(1, 1)], [], whole=not gone.unjudged) == "inconclusive"
    failed = trial_findings(
        ScenarioTrial("mixed", "", [look("base", ("python.blocks", 0.0)), look("now", failure=broken)])
    )
    assert conclude([only(1, 1)], failed.findings, whole=True) == "failed"


@given(st.lists(st.tuples(amounts, amounts), max_size=9))
def test_the_difference_is_by_how_much_more_there_is(values: list[tuple[int, int]]) -> None:
    base = [(cycle, float(one)) for cycle, (one, _) in enumerate(values)]
    now = [(cycle, float(other)) for cycle, (_, other) in enumerate(values)]
    assert difference(base, now) == [(cycle, other - one) for cycle, (one, other) in enumerate(values)]


# -- accepted growth


def accepted_file(place: Path, text: str) -> Path:
    file = place / "accepted.toml"
    file.write_text(text)
    return file


def test_entries_are_read(tmp_path: Path) -> None:
    text = '[[accepted]]\nfigure = "used.heap:*"\ngrows_by = 3_000\nreason = "a cache of 3 KB"\nexpires = 2027-01-31\n'
    assert read_accepted(accepted_file(tmp_path, text)) == [
        AcceptedGrowth("used.heap:*", 3000, "a cache of 3 KB", dt.date(2027, 1, 31))
    ]
    assert read_accepted(accepted_file(tmp_path, "")) == []


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("figure =", "expected valid TOML"),
        ('[other]\nname = "x"', "expected only [[accepted]] tables; found other"),
        ('[[accepted]]\nfigure = "idle.heap"', "entry 1: Object missing required field"),
        ("{}expires = 2027-13-01", "expected valid TOML"),
        ('{}expires = "soon"', "entry 1: Invalid"),
        ('{}expires = 2027-01-01\nowner = "me"', "also found owner"),
        ('{}expires = 2027-01-01\nfigure = "slopes:mixed"', "expected valid TOML"),
    ],
)
def test_what_is_no_entry_is_refused_with_its_number(tmp_path: Path, text: str, reported: str) -> None:
    start = '[[accepted]]\nfigure = "idle.heap"\ngrows_by = 5\nreason = "for the tests"\n'
    with pytest.raises(AcceptedError) as refused:
        read_accepted(accepted_file(tmp_path, text.format(start)))
    assert reported in str(refused.value)


@pytest.mark.parametrize(
    ("figure", "grows_by", "reason", "reported"),
    [
        ("slopes:mixed", 5, "for the tests", "expected figure to be one of imports.modules"),
        ("idle.heap", 0, "for the tests", "expected grows_by above 0"),
        ("idle.heap", 5, "  because ", "expected a reason of 10 characters or more"),
    ],
)
def test_an_entry_has_a_known_figure_an_amount_and_a_reason(
    tmp_path: Path, figure: str, grows_by: int, reason: str, reported: str
) -> None:
    text = f'[[accepted]]\nfigure = "{figure}"\ngrows_by = {grows_by}\nreason = "{reason}"\nexpires = 2027-01-31\n'
    with pytest.raises(AcceptedError) as refused:
        read_accepted(accepted_file(tmp_path, text))
    assert reported in str(refused.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_entries_or_a_sentence(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place, "accepted.toml")
        file.write_bytes(data)
        try:
            read_accepted(file)
        except AcceptedError as error:
            assert str(error).startswith(str(file))


# -- stored figures


def stored(**other: str) -> Baseline:
    known = {"python": "CPython 3.11", "c_library": "glibc 2.36", "architecture": "x86_64", "workload": "w", **other}
    return Baseline(figures={"idle.heap": 5.0}, **known)


@pytest.mark.parametrize("part", ["python", "c_library", "architecture", "workload"])
def test_stored_figures_fit_their_own_environment_and_workload_only(part: str) -> None:
    assert fitting([stored()], stored()) == stored()
    assert fitting([stored()], stored(**{part: "another"})) is None
    assert "--update" in misfit([stored()], stored(**{part: "another"}))


def test_an_update_replaces_the_entry_of_its_environment_and_keeps_the_others(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baseline(file, [], stored(python="CPython 3.13"))
    write_baseline(file, read_baselines(file), stored())
    write_baseline(file, read_baselines(file), msgspec.structs.replace(stored(), figures={"idle.heap": 6.0}))
    assert {one.python: one.figures["idle.heap"] for one in read_baselines(file)} == {
        "CPython 3.11": 6.0, "CPython 3.13": 5.0,
    }  # fmt: skip
    write_baseline(file, read_baselines(file), stored(workload="another"))
    assert [one.workload for one in read_baselines(file)] == ["another"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"baselines": [{}]}', "\x00"])
def test_what_are_no_stored_figures_is_reported(tmp_path: Path, text: str) -> None:
    file = tmp_path / "baseline.json"
    file.write_text(text)
    with pytest.raises(BaselineError, match="expected .*stored figures"):
        read_baselines(file)


def test_the_projects_own_stored_figures_are_of_todays_workload() -> None:
    workload = workload_of(SoakPlan(SCENARIOS, SEED, time_scale=TIME_SCALE, phones=2))
    reported = "soak's work or a figure has changed: mobifai profile gate --baseline profiles/baseline.json --update"
    assert {one.workload for one in read_baselines(ROOT / "profiles" / "baseline.json")} == {workload}, reported


def test_rewording_prose_leaves_the_workload_as_it_is_and_another_action_does_not() -> None:
    code = 'def act():{}\n    """{}"""\n    return {}  # {}\n\nLIMIT = 5\n"""{}"""\n'
    assert code_of(code.format("", "Do it.", 1, "one", "Most.")) == code_of(
        code.format("", "Act.\n\n    Now.", 1, "1", "")
    )
    assert code_of(code.format("", "Do it.", 1, "one", "Most.")) != code_of(
        code.format("", "Do it.", 2, "one", "Most.")
    )


def test_another_seed_or_scenario_is_another_workload() -> None:
    plans = [
        SoakPlan(("mixed",), 1),
        SoakPlan(("mixed",), 2),
        SoakPlan(("terminals",), 1),
        SoakPlan(("mixed",), 1, time_scale=2),
    ]
    assert len({workload_of(plan) for plan in plans}) == len(plans)


# -- lines of figures at rest


def test_lines_that_moved_are_known_again_and_new_ones_are_named(tmp_path: Path) -> None:
    for side, text in (("a", "keep = table()\n"), ("b", "import xml.dom\nmore = list()\nkeep = table()\n")):
        (tmp_path / side).mkdir()
        (tmp_path / side / "x.py").write_text(text)
    modules = [{"name": "xml.dom", "file": "x.py", "line": 1, "bytes": 9_000}]
    found_ = compare_lines(
        {"lines": [{"file": "x.py", "line": 1, "bytes": 90_000}], "modules": []},
        {
            "lines": [{"file": "x.py", "line": 3, "bytes": 90_100}, {"file": "x.py", "line": 2, "bytes": 50_000}],
            "modules": modules,  # type: ignore[typeddict-item]
        },
        tmp_path / "a", tmp_path / "b",
    )  # fmt: skip
    assert found_ == [
        GrownLine("x.py", 2, "more = list()", 50_000),
        GrownLine("x.py", 1, "import xml.dom", 9_000, "imports xml.dom"),
    ]


# -- texts


def test_the_table_begins_with_the_answer_and_the_line_that_did_it() -> None:
    lines = summary(gate_report()).plain.splitlines()
    sides = "the checkout (fedcba987654, 1 file edited, 1 untracked), compared with main (0123456789ab)"
    assert lines[0] == f"✗ Memory grows: {sides}; 3 min 05 s."
    assert "mobifai/agent.py:7 keep" in lines[1]
    assert "mobifai profile run mixed --seed 1" in lines[2]
    assert len(lines) < 30
    assert any("✗ idle.heap" in line and "+900 KB" in line and "+131 KB" in line for line in lines)
    assert any("used.heap:mixed" in line for line in lines)
    assert not any("used.heap:other" in line for line in lines)  # less of its step is used up


def test_text_of_others_is_text_in_markdown_and_in_annotations() -> None:
    page = markdown(gate_report())
    assert "<cycle>" not in page
    assert "3 more \\| a &lt;cycle>" in page
    for line in annotations(gate_report()):
        assert line.startswith("::error ")
        assert "\n" not in line
    hostile = next(iter(annotations(gate_report(culprits=[msgspec.structs.replace(culprit(), what="a,b::c\n%")]))))
    assert "title=a%2Cb%3A%3Ac %25 grows::" in hostile


def test_annotations_mark_the_line_in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    first = next(iter(annotations(gate_report())))
    assert first.startswith("::error file=mobifai/agent.py,line=7,title=list of <Thing> grows::held by module x.kept")


def test_the_junit_file_has_the_verdict_each_figure_and_each_finding() -> None:
    root = ET.fromstring(junit(gate_report()))  # noqa: S314 - it was made here
    failed = [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None]
    assert failed == ["verdict", "idle.heap", "mixed", "growth: python.blocks (mixed)"]
    assert root.get("failures") == "4"
    assert {case.get("classname") for case in root.iter("testcase")} == {
        "gate.run", "gate.at rest", "gate.scenarios", "gate.findings",
    }  # fmt: skip


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    GateDirectory(tmp_path).write(gate_report())
    assert read_gate(tmp_path) == gate_report()
    assert json.loads(encoded(gate_report()))["verdict"] == "grown"


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "junit.xml").write_text("mine")
    with pytest.raises(ReportError, match="found junit.xml"):
        GateDirectory(tmp_path)
    (tmp_path / "report.json").write_text('{"verdict": "held"}')
    with pytest.raises(ReportError, match="expected the report of `mobifai profile gate`"):
        GateDirectory(tmp_path)
    assert (tmp_path / "junit.xml").read_text() == "mine"


# -- the command, without a run


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        ((), "expected one of --base REV and --baseline FILE"),
        (("--base", "HEAD", "--baseline", "x"), "--baseline can't be used with --base, because"),
        (("--base", "HEAD", "--update"), "expected --update with --baseline FILE"),
        (("--baseline", "nowhere.json"), "nowhere.json: expected a file of stored figures, found no file"),
        (("other", "--base", "HEAD"), "expected one of"),
        (("--base", "--", "x"), "expected"),
        (("--base", "no-such-revision"), "no-such-revision"),
        (("--base", "HEAD", "--accepted", "nowhere.toml"), "nowhere.toml: can't be read"),
    ],
)
async def test_bad_usage_is_reported_in_a_sentence(tmp_path: Path, words: tuple[str, ...], reported: str) -> None:
    status, _, err = await run_command("profile", "gate", *words, "--report", str(tmp_path / "report"))
    assert status == 2
    assert reported in err
    assert "Traceback" not in err


async def test_figures_of_another_environment_are_no_pass_and_nothing_is_run(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baseline(file, [], stored(python="CPython 2.7"))
    place = tmp_path / "report"
    status, out, _ = await run_command("profile", "gate", "--baseline", str(file), "--report", str(place))
    assert status == 4
    assert "? No verdict" in out
    assert "only for CPython 2.7, glibc 2.36, x86_64; store new ones with --update" in out
    first = read_gate(place)
    assert first.fits is False
    typed = await run_line(first.replay, tmp_path / "a person's folder")
    again = read_gate(tmp_path / "a person's folder" / "gate-report")
    assert typed[0] == 4, typed
    assert (again.base, again.seed, again.unjudged) == (first.base, first.seed, first.unjudged)
    assert again.replay == first.replay
