"""The report: written completely, read back, bounded, and valid in all formats, whatever names are in it."""

import html as entities
import json
import math
import os
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soak.gauges.counts import CycleCounts
from soak.gauges.gauge import Sample
from soak.gauges.results import EXIT_STATUS, FindingResult, GaugeResult, Report, SeriesResult, TrafficResult
from soak.gauges.state import Trend
from soak.report import scales
from soak.report.directory import ReportDirectory, encoded, read_report
from soak.report.figures import amount, byte_count, duration, number, projection, rate
from soak.report.files import ReportError
from soak.report.html import page
from soak.report.junit import junit
from soak.report.next_steps import next_steps
from soak.report.plots import plots
from soak.report.samples import SamplesFile
from soak.report.sentences import SIGNS, sentence
from soak.report.summary import summary
from soak.report.windows import WindowFolder
from soak.run.plan import SoakPlan
from tests.soak import sample_reports
from tests.support.shell_words import shell_words

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "]]>",
    "--><!--",
    "\x00\x1b[2J\x9b",
    "\ud800\ufffe",
]
names = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30), st.text(st.characters(categories=["Cc", "Cs", "Cf"])))


# -- the directory


def test_a_report_comes_back_as_it_was_written(tmp_path: Path) -> None:
    directory = ReportDirectory(tmp_path / "not" / "there" / "yet")
    directory.write(sample_reports.leaking())
    assert directory.read() == sample_reports.leaking()
    assert sorted(file.name for file in directory.path.iterdir()) == ["junit.xml", "report.html", "report.json"]


@settings(max_examples=40)
@given(st.floats(), st.floats(allow_nan=False, allow_infinity=False), names)
def test_report_json_is_json_whatever_the_numbers_and_names_are(odd: float, even: float, name: str) -> None:
    report = msgspec.structs.replace(
        sample_reports.hostile(name),
        duration_s=odd,
        series=[SeriesResult(name, name, name, even, [(0.0, 1, odd), (1.0, 2, even)])],
    )
    back = msgspec.json.decode(encoded(report), type=Report)
    assert back.duration_s == (odd if math.isfinite(odd) else 0)
    assert back.series[0].points == [point for point in report.series[0].points if math.isfinite(point[2])]
    assert back.findings[0].name == name.encode(errors="backslashreplace").decode()


def test_a_directory_of_an_earlier_run_is_taken_over(tmp_path: Path) -> None:
    ReportDirectory(tmp_path).write(sample_reports.leaking())
    again = ReportDirectory(tmp_path)
    again.append_samples("mixed", [Sample(0, 0, {})])
    again.windows.place(1).write_bytes(b"a window")
    again.clear()
    again.write(sample_reports.held())
    assert again.read().verdict == "held"
    assert not (tmp_path / "samples.jsonl").exists() and not again.windows.files()


@pytest.mark.parametrize("content", ["", "{}", '{"verdict": "green"}', "[" * 5000, "\x00"])
def test_a_foreign_report_json_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(ReportError, match="move it away, or name another directory"):
        ReportDirectory(tmp_path)
    assert (tmp_path / "report.json").read_text() == content


@pytest.mark.parametrize("name", ["report.html", "junit.xml", "samples.jsonl"])
def test_files_of_other_programs_under_our_names_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("<testsuites/>\n")
    with pytest.raises(ReportError, match=f"found {name}, but no report.json"):
        ReportDirectory(tmp_path)


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ReportError, match=r"found a file; .*--report"):
            ReportDirectory(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ReportError, match="writable directory"):
        ReportDirectory(tmp_path)
    tmp_path.chmod(0o700)


def test_resuming_from_what_is_no_report_says_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, found in ((tmp_path, "no report.json"), (tmp_path / "gone", "nothing"), (tmp_path / "file", "a file")):
        with pytest.raises(ReportError, match=f"expected the directory of a soak report, found {found}"):
            read_report(path)


def test_a_write_that_fails_leaves_the_last_whole_report(tmp_path: Path) -> None:
    directory = ReportDirectory(tmp_path)
    directory.write(sample_reports.held())
    (tmp_path / ".report.json.draft").mkdir()  # stands for a disk that is full
    with pytest.raises(ReportError, match="free some space"):
        directory.write(sample_reports.leaking())
    assert directory.read() == sample_reports.held()


# -- samples and windows


@settings(max_examples=30)
@given(st.lists(st.dictionaries(names, st.floats(), max_size=4), max_size=40), st.integers(60, 2000))
def test_samples_stay_in_two_bounded_files_and_the_newest_are_kept(values: list[dict[str, float]], most: int) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "samples.jsonl"
        samples = SamplesFile(file, most)
        for cycle, one in enumerate(values):
            samples.append("mixed", [Sample(float(cycle), cycle, one)])
        found = sorted(Path(folder).iterdir())
        assert {one.name for one in found} <= {"samples.jsonl", "samples.1.jsonl"}
        assert all(one.stat().st_size <= most for one in found)
        lines = [json.loads(line)["cycle"] for one in found for line in one.read_bytes().splitlines()]
        assert lines == sorted(lines) and samples.is_ours()


def test_half_a_line_of_a_killed_harness_does_not_spoil_the_next(tmp_path: Path) -> None:
    file = tmp_path / "samples.jsonl"
    samples = SamplesFile(file)
    samples.append("mixed", [Sample(0, 0, {"tasks": 1})])
    file.write_bytes(file.read_bytes() + b'{"scenario": "mi')
    samples.append("mixed", [Sample(1, 1, {"tasks": 2})])
    whole = [line for line in file.read_text().splitlines() if line.endswith("}")]
    assert [json.loads(line)["values"] for line in whole] == [{"tasks": 1}, {"tasks": 2}]


def test_a_window_of_a_relative_report_goes_there_from_any_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert WindowFolder(Path("memray")).place(0) == tmp_path / "memray" / "window-000000.bin"


@pytest.mark.parametrize("number", [2, 3, 4])
def test_windows_are_bounded_in_number(tmp_path: Path, number: int) -> None:
    windows = WindowFolder(tmp_path / "memray", most=3)
    for i in range(number):
        windows.place(i).write_bytes(b"0123456789")
    kept = [int(file.stem.partition("-")[2]) for file in windows.files()]
    assert kept == list(range(number))[-3:]


@pytest.mark.parametrize(("size", "kept"), [(9, 2), (10, 2), (11, 1), (21, 0)])
def test_windows_are_bounded_in_bytes(tmp_path: Path, size: int, kept: int) -> None:
    windows = WindowFolder(tmp_path / "memray", most_bytes=20)
    for i in range(2):
        windows.place(i).write_bytes(bytes(size))
    windows.trim()
    assert len(windows.files()) == kept


# -- the page


@settings(max_examples=40)
@given(names)
def test_no_name_becomes_markup(name: str) -> None:
    shown = page(sample_reports.hostile(f"n{name}"))
    shown.encode()
    assert "<script" not in shown and "<img" not in shown
    calm = page(sample_reports.hostile("calm"))
    assert shown.count("<") == calm.count("<") and shown.count(">") == calm.count(">")
    assert not set(shown) & {chr(code) for code in (*range(9), *range(11, 32), 127, 0x202E, 0x2066)}


def test_the_page_needs_nothing_else() -> None:
    shown = page(sample_reports.leaking())
    for outside in ("http://", "https://", "src=", "url(", "@import", "<script", "<link"):
        assert outside not in shown


@pytest.mark.parametrize("verdict", list(EXIT_STATUS))
def test_the_page_says_the_verdict_in_words_and_with_a_sign(verdict: str) -> None:
    report = msgspec.structs.replace(sample_reports.leaking(), verdict=verdict)
    shown = page(report)
    assert f">{SIGNS[report.verdict]}</div><div><h1>{sentence(report).partition(':')[0]}</h1>" in shown


def test_the_page_shows_every_finding_with_its_command() -> None:
    report = sample_reports.leaking()
    shown = entities.unescape(page(report))
    for finding in report.findings:
        assert finding.detail in shown and f"✗ {finding.kind}" in shown
    assert shown.count(f'<code class="copy">{sample_reports.REPLAY}</code>') == len(report.findings)


def test_a_bound_that_nothing_filled_is_not_called_good() -> None:
    shown = page(sample_reports.held())
    assert shown.count("– not filled") == 2 and shown.count("✓ full and held") == 3


def test_plots_with_findings_come_first_and_are_large() -> None:
    report = sample_reports.leaking()
    assert [course.name for course in plots(report) if course.findings] == [
        "descriptors:socket", "heap.bytes", "terminal.ring",
    ]  # fmt: skip
    assert page(report).count('class="plot large"') == 3


def test_the_plot_of_a_finding_fits_the_process_that_grew_and_no_other_line_hides_the_rise() -> None:
    def rising(scenario: str, start: float, rise: float) -> SeriesResult:
        points = [(float(i), i, start + rise * i) for i in range(20)]
        return SeriesResult("python.blocks", scenario, "objects", None, points)

    found = [sample_reports.finding("growth", "python.blocks", "why", 3, "objects", name) for name in ("one", "two")]
    series = [rising("one", 306_600, 3), rising("two", 100_000, 3), rising("calm", 500_000, 0),
              rising("harness", 300_000, 1500)]  # fmt: skip
    report = msgspec.structs.replace(sample_reports.leaking(), findings=found, series=series)
    drawn = [(bool(one.findings), [line.scenario for line in one.lines]) for one in plots(report)]
    assert drawn == [(True, ["one"]), (True, ["two"]), (False, ["calm"]), (False, ["harness"])]
    shown = page(report)
    first = shown.partition('id="plot-0"')[2].partition("</figure>")[0]
    heights = [float(pair.split(",")[1]) for pair in first.partition('points="')[2].partition('"')[0].split()]
    assert heights[0] - heights[-1] > 200, "of 300: the rise fills the drawing"
    assert "19 judged cycles" in first and "rounds" not in first
    harness = shown.partition("The harness itself</h2>")[2]
    assert "19 rounds" in harness and shown.count("19 rounds") == 1
    assert 'href="#plot-0"' in shown and 'href="#plot-1"' in shown


@pytest.mark.timeout(60)
def test_the_page_of_200_gauges_of_4096_points_is_below_two_megabytes() -> None:
    points = [(i * 0.25, i, float(i * 7919 % 4096)) for i in range(4096)]
    series = [SeriesResult(f"types:some.module.Type{i}", "terminals", "objects", None, points) for i in range(200)]
    shown = page(msgspec.structs.replace(sample_reports.held(), series=series))
    assert len(shown.encode()) < 2_000_000 and shown.count("<polyline") >= 200


def test_pages_of_the_shortest_reports_are_pages() -> None:
    bare = msgspec.structs.replace(
        sample_reports.held(1), scenarios=[], bounds=[], rest=[], gauges=[], harness=[], memory=[], environment={}
    )
    for report in (bare, msgspec.structs.replace(bare, series=[]), sample_reports.held(1)):
        assert page(report).endswith("</html>\n")


point = st.tuples(st.integers(0, 10**6).map(float), st.floats(-1e12, 1e12))


@given(st.lists(point, min_size=1, max_size=400).map(sorted), st.integers(4, 50))
def test_fewer_points_have_the_same_ends_and_extremes(whole: list[scales.Point], most: int) -> None:
    kept = scales.fewer(whole, most)
    values = [value for _, value in whole]
    assert len(kept) <= max(most, 4) and [kept[0], kept[-1]] == [whole[0], whole[-1]]
    assert {min(values), max(values)} <= {value for _, value in kept}
    assert [x for x, _ in kept] == sorted(x for x, _ in kept)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.none() | st.floats(0, 1e9))
def test_every_value_lies_in_the_drawing(values: list[float], capacity: float | None) -> None:
    up = scales.span(values, capacity)
    assert all(0 <= up.place(value, 300) <= 300 for value in [*values, *scales.ticks(up.low, up.high, 4)])
    assert len(scales.ticks(up.low, up.high, 4)) <= 9


# -- junit.xml


def parsed(document: bytes) -> Element:
    return fromstring(document)  # noqa: S314 - our own


def verdict_case(report: Report) -> Element:
    (case,) = (case for case in parsed(junit(report)).iter("testcase") if case.get("classname") == "soak.run")
    return case


@settings(max_examples=60)
@given(names)
def test_junit_is_xml_with_any_names(name: str) -> None:
    root = parsed(junit(sample_reports.hostile(name)))
    assert root.tag == "testsuites" and int(root.get("failures", "0")) > 0


def test_junit_has_a_case_for_everything_and_says_what_failed() -> None:
    root = parsed(junit(sample_reports.leaking()))
    cases = {(case.get("classname"), case.get("name")): case for case in root.iter("testcase")}
    assert cases["soak.gauges", "heap.bytes (terminals)"].find("failure") is not None
    assert cases["soak.gauges", "heap.bytes (reconnects)"].find("system-out") is not None
    assert cases["soak.gauges", "children.bytes (mixed)"].find("skipped") is not None
    assert cases["soak.bounds", "relay.rooms"].find("skipped") is not None
    assert cases["soak.bounds", "terminal.ring"].find("failure") is not None
    assert cases["soak.rest", "descriptors:socket (terminals)"].find("failure") is not None
    assert cases["soak.findings", "canary: canaries:Session (terminals)"].find("failure") is not None
    assert cases["soak.scenarios", "terminals"].find("error") is not None
    assert cases["soak.harness", "rss.bytes (harness)"].find("failure") is not None
    assert root.get("tests") == str(len(cases))
    assert sum(len(suite) for suite in root) == len(cases)


def test_a_clean_run_has_no_failures_and_counts_what_is_not_known() -> None:
    root = parsed(junit(sample_reports.held()))
    assert (root.get("failures"), root.get("errors"), root.get("skipped")) == ("0", "0", "4")


def test_every_finding_fails_a_case() -> None:
    for finding in sample_reports.FINDINGS:
        report = msgspec.structs.replace(sample_reports.held(), findings=[finding], scenarios=[])
        root = parsed(junit(report))
        assert int(root.get("failures", "0")) + int(root.get("errors", "0")) == 1, finding.kind


# -- states


@pytest.mark.parametrize(
    ("state", "word", "element"),
    [
        (Trend.FLAT, "flat", "system-out"),
        (Trend.RISING, "rising", "failure"),
        (Trend.SUSPECTED, "suspected", "skipped"),
        (Trend.UNJUDGED, "not judged", "skipped"),
        (Trend.UNMEASURED, "not measured", "skipped"),
    ],
)
def test_a_gauge_has_the_same_state_in_every_format(state: Trend, word: str, element: str) -> None:
    gauge = GaugeResult("some.gauge", "objects", 1, state, None, "terminals", "the reason")
    report = msgspec.structs.replace(sample_reports.held(5), gauges=[gauge])
    (case,) = (one for one in parsed(junit(report)).iter("testcase") if one.get("classname") == "soak.gauges")
    (reported,) = case
    assert reported.tag == element and (reported.text or "").startswith(f"{word}: the reason")
    assert f" {word}</span>" in page(report) and "the reason" in page(report)
    assert json.loads(encoded(report))["gauges"][0]["state"] == state.value
    if not state.is_judged:
        assert f"{word}: the reason: some.gauge" in summary(report).plain


@pytest.mark.parametrize(
    ("harness", "reported"),
    [
        (
            [Trend.UNJUDGED, Trend.UNJUDGED],
            "not part of the verdict): not judged: why",
        ),
        ([Trend.FLAT, Trend.UNJUDGED], "the harness itself did not grow (a"),
        ([Trend.FLAT, Trend.RISING], "the harness itself grew: b"),
    ],
)
def test_the_harness_did_not_grow_only_where_that_was_judged(harness: list[Trend], reported: str) -> None:
    gauges = [
        GaugeResult(name, "objects", 11_140, state, None, "harness", "why")
        for name, state in zip("ab", harness, strict=True)
    ]
    report = msgspec.structs.replace(sample_reports.held(5), harness=gauges)
    assert reported in summary(report).plain
    assert reported[1:] in page(report)
    if Trend.FLAT not in harness:
        section = page(report).partition("The harness itself</h2>")[2].partition("</section>")[0]
        assert "flat" not in section and "did not grow" not in section


def test_a_run_that_exchanged_no_byte_does_not_say_that_none_was_lost() -> None:
    report = msgspec.structs.replace(sample_reports.held(5), traffic=TrafficResult())
    assert "no bytes were exchanged" in sentence(report)
    assert "none printed; not judged" in page(report)


# -- the next step


def shown_steps(report: Report, place: Path) -> list[str]:
    commands = [step.command for step in next_steps(report, place) if step.command]
    for command in commands:
        assert command in summary(report, place).plain and entities.escape(command) in page(report, place)
    return commands


def test_a_run_that_found_something_names_the_command_that_names_the_line() -> None:
    place = Path("/a place/it's")
    (command,) = shown_steps(sample_reports.leaking(5), place)
    assert shell_words(command) == ["mobifai", "profile", "run", "--from", str(place)]


@pytest.mark.parametrize("kind", ["bound", "failure", "integrity"])
def test_what_no_line_can_be_named_for_is_seen_again(kind: str) -> None:
    found = [one for one in sample_reports.FINDINGS if one.kind == kind]
    assert shown_steps(msgspec.structs.replace(sample_reports.held(5), findings=found), Path("/r")) == [
        sample_reports.REPLAY
    ]


@pytest.mark.parametrize(
    ("changes", "plan", "expected"),
    [
        ({"interrupted": True}, {"cycles": 60}, "mobifai soak --resume /r"),
        ({"interrupted": True}, {"cycles": 40}, "mobifai soak --resume /r --cycles 200"),
        ({"finished": False, "verdict": "unfinished"}, {"duration": 600.0}, "mobifai soak --resume /r"),
        ({}, {"cycles": 40}, "mobifai soak --resume /r --cycles 200"),
        ({}, {"duration": 60.0}, "mobifai soak --resume /r --duration 160s"),
    ],
)
def test_a_run_without_a_verdict_names_what_to_do(changes: dict[str, Any], plan: dict[str, Any], expected: str) -> None:
    counts = CycleCounts(40, 100, blocks=2, rounds=2)
    one = msgspec.structs.replace(
        sample_reports.held(5).scenarios[0], counts=counts, judged_blocks=2, state=Trend.UNJUDGED, reason="why"
    )
    report = msgspec.structs.replace(
        sample_reports.held(5), **{"verdict": "inconclusive", "counts": counts, "duration_s": 60.0, "scenarios": [one],
                                   "environment": {"plan": {**asdict(SoakPlan(("terminals",))), **plan}}, **changes},
    )  # fmt: skip
    assert shown_steps(report, Path("/r")) == [expected]
    text = summary(report, Path("/r")).plain
    assert "terminals has 2 of the 8 blocks that a verdict needs; these must be of one process" in text


def test_a_longer_run_says_what_is_done_and_what_comes_beside_it() -> None:
    counts = CycleCounts(20, 100, blocks=1, rounds=1)
    one = msgspec.structs.replace(sample_reports.held(5).scenarios[0], counts=counts, judged_blocks=1,
                                  state=Trend.UNJUDGED, reason="why")  # fmt: skip
    environment = {"plan": {**asdict(SoakPlan(("terminals",))), "cycles": 20}}
    report = msgspec.structs.replace(sample_reports.held(5), verdict="inconclusive", scenarios=[one],
                                     environment=environment)  # fmt: skip
    assert "(20 cycles are done, 160 more are needed)" in summary(report, Path("/r")).plain


@pytest.mark.parametrize(
    ("looks", "seconds", "expected"), [(3, 3.0, "20s"), (5, 12.0, "50s"), (0, 30.0, "20m"), (5, 300.0, "18m")]
)
def test_a_watch_without_a_verdict_names_a_length_that_gives_one(looks: int, seconds: float, expected: str) -> None:
    one = msgspec.structs.replace(sample_reports.held(5).scenarios[0], name="attached", state=Trend.UNJUDGED)
    report = msgspec.structs.replace(
        sample_reports.held(5), verdict="inconclusive", scenarios=[one], counts=CycleCounts(looks, blocks=looks),
        duration_s=seconds, environment={"watched": "/state dir"},
    )  # fmt: skip
    (command,) = shown_steps(report, Path("/r"))
    assert command == f"mobifai soak --attach '/state dir' --duration {expected}"
    assert f"({looks} of the 9 samples that a verdict needs)" in summary(report, Path("/r")).plain
    assert f"{looks} judged samples" in summary(report, Path("/r")).plain
    assert "cycle" not in summary(report, Path("/r")).plain.partition("report:")[0].partition("harness")[0]


def test_a_run_that_held_needs_nothing_more() -> None:
    assert next_steps(sample_reports.held(5), Path("/r")) == []


# -- words and numbers


def test_the_summary_has_the_findings_the_unknown_and_the_place() -> None:
    text = summary(sample_reports.leaking(), Path("soak report")).plain
    for expected in (
        "✗ 4 leaks were found: heap.bytes in terminals (+48 B a cycle",
        sample_reports.REPLAY,
        "limits that were not filled, so nothing is known about them: relay.rooms",
        "not measured: not measurable on this platform: children.bytes",
        "heap.bytes 12 B",
        "report: 'soak report/report.html'",
        f"mobifai profile run --from '{Path('soak report').absolute()}'",
    ):
        assert expected in text


@given(names)
def test_the_summary_drives_no_terminal(name: str) -> None:
    text = summary(sample_reports.hostile(name), Path("here")).plain
    assert not any(ord(sign) < 32 and sign != "\n" for sign in text)


def test_an_interrupted_run_says_so() -> None:
    report = msgspec.structs.replace(sample_reports.held(), verdict="inconclusive", interrupted=True)
    assert sentence(report).startswith("No verdict: the run was interrupted; 800 judged cycles, 160 warm-up cycles in")


def test_a_report_of_a_run_that_goes_on_is_unfinished_in_every_format() -> None:
    report = msgspec.structs.replace(sample_reports.held(), verdict="unfinished", finished=False)
    assert summary(report).plain.startswith("… Unfinished: this report was written during the run")
    assert "<h1>Unfinished</h1>" in page(report)
    assert verdict_case(report).find("skipped") is not None
    assert json.loads(encoded(report))["verdict"] == "unfinished" and EXIT_STATUS["unfinished"] == 4


@pytest.mark.parametrize(
    ("verdict", "element"),
    [("held", "system-out"), ("leak", "failure"), ("breach", "failure"), ("failed", "error"),
     ("inconclusive", "skipped"), ("unfinished", "skipped")],
)  # fmt: skip
def test_the_verdict_s_case_in_junit_says_the_verdict(verdict: Any, element: str) -> None:
    report = msgspec.structs.replace(sample_reports.held(), verdict=verdict)
    assert [child.tag for child in verdict_case(report)] == [element]


def test_a_long_summary_is_cut() -> None:
    many: list[FindingResult] = sample_reports.FINDINGS * 100
    text = summary(msgspec.structs.replace(sample_reports.leaking(), findings=many)).plain
    assert "and 780 more findings" in text and len(text.splitlines()) < 80


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (0.42, "0.4 s"), (9.96, "10 s"), (45, "45 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"),
     (3599.7, "1 h 00 min"), (12_000, "3 h 20 min"), (86_400, "24 h 00 min"), (-3, "0 s"), (math.inf, "unknown")],
)  # fmt: skip
def test_durations_read_well(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 B"), (999.6, "1 KB"), (1000, "1 KB"), (4_190_000, "4.19 MB"), (-1500, "-1.5 KB"),
     (0.25, "0.25 B"), (999_600, "1 MB"), (math.nan, "unknown")],
)  # fmt: skip
def test_bytes_read_well(value: float, shown: str) -> None:
    assert byte_count(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(6_360_063.4, "+6,360,000 objects"), (-1_234.5, "-1,230 objects"), (0, "0 objects"), (0.12345, "+0.123 objects")],
)
def test_a_projection_is_as_exact_as_the_rate_that_it_comes_from(value: float, shown: str) -> None:
    assert projection(value, "objects") == shown


def test_counts_and_rates_read_well() -> None:
    assert amount(1234, "objects") == "1,234 objects"
    assert rate(0.2, "objects") == "+0.2 objects" and rate(-16, "bytes") == "-16 B" and rate(0, "bytes") == "0 B"
    assert [number(one) for one in (0.0214, 48.06, 999.7, 1e-5, 1e20)] == [
        "0.0214",
        "48.1",
        "1,000",
        "1.0e-05",
        "1.00e+20",
    ]


@given(st.floats())
def test_every_number_can_be_shown(value: float) -> None:
    assert len(number(value)) < 25 and len(byte_count(value)) < 25 and len(duration(value)) < 420
