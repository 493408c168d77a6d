"""The report of an investigation: in the terminal, on the page, in the file, with any names in it."""

import html as entities
import json
import math
import os
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from profiles.report.directory import ProfileDirectory, encoded, read_profile
from profiles.report.html import AROUND, LONGEST_LINE, MOST_CARDS, page, source
from profiles.report.locations import rate_text
from profiles.report.markdown import annotations, markdown
from profiles.report.summary import MOST_CULPRITS, MOST_LINES, SIGNS, facts, headline, identity, overhead, summary
from profiles.results import (
    EXIT_STATUS,
    DoseResult,
    FindingOutcome,
    NextStep,
    Overhead,
    ProfileReport,
    ProfileVerdict,
    ScenarioCoverage,
    Unjudged,
)
from soak.gauges.results import Installed, Product
from soak.report.directory import ReportDirectory
from soak.report.files import ReportError
from tests.profiles import sample_profiles as samples
from tests.soak import sample_reports

HOSTILE = [
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "--><!--",
    "\x00\x1b[2J\x9b",
    "\ud800\ufffe",
    "a\n  ✗ forged\r\u2028b",
    "/dev/zero",
]
names = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=30), st.text(st.characters(categories=["Cc", "Cs", "Cf"])))


# -- the directory


def test_a_report_comes_back_as_it_was_written(tmp_path: Path) -> None:
    directory = ProfileDirectory(tmp_path / "not" / "there" / "yet")
    directory.write(samples.found())
    assert read_profile(directory.path) == read_profile(directory.path / "report.json") == samples.found()
    assert sorted(file.name for file in directory.path.iterdir()) == ["report.html", "report.json"]


@settings(max_examples=60)
@given(samples.reports)
def test_every_report_comes_back_as_it_was(report: ProfileReport) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "kept-under-another-name.json"
        file.write_bytes(encoded(report))
        assert read_profile(file) == report


@settings(max_examples=60)
@given(names, st.floats())
def test_report_json_is_read_back_whatever_the_names_and_numbers_are(name: str, value: float) -> None:
    back = msgspec.json.decode(encoded(samples.hostile(name, value)), type=ProfileReport)
    assert back.culprits[0].per_24h == (value if math.isfinite(value) else 0)
    assert back.culprits[0].file == name.encode(errors="backslashreplace").decode()
    assert encoded(back) == encoded(samples.hostile(name, value))


def test_a_directory_of_an_earlier_run_is_taken_over(tmp_path: Path) -> None:
    ProfileDirectory(tmp_path).write(samples.found())
    ProfileDirectory(tmp_path).write(samples.clean())
    assert read_profile(tmp_path).verdict == "clean"


@pytest.mark.parametrize("content", ["", "{}", '{"verdict": "green"}', "[" * 5000, "\x00"])
def test_a_foreign_report_json_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(ReportError, match="found something else.*move it away, or name an empty or new directory"):
        ProfileDirectory(tmp_path)
    assert (tmp_path / "report.json").read_text() == content


def test_the_report_of_a_soak_run_is_called_that(tmp_path: Path) -> None:
    ReportDirectory(tmp_path).write(sample_reports.leaking())
    with pytest.raises(ReportError, match="found the report of a soak run; move it away, or name"):
        ProfileDirectory(tmp_path)
    with pytest.raises(
        ReportError, match="found the report of a soak run; name the directory of a `mobifai profile` report"
    ):
        read_profile(tmp_path)


def test_soak_does_not_take_over_the_report_of_an_investigation(tmp_path: Path) -> None:
    ProfileDirectory(tmp_path).write(samples.found())
    with pytest.raises(ReportError):
        ReportDirectory(tmp_path)


@pytest.mark.parametrize("name", ["report.html", "junit.xml", "samples.jsonl"])
def test_a_directory_with_files_of_other_programs_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    with pytest.raises(ReportError, match=f"found {name}, but no report.json of `mobifai profile`,.*--report"):
        ProfileDirectory(tmp_path)


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ReportError, match=r"found a file; .*--report"):
            ProfileDirectory(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ReportError, match="writable directory"):
        ProfileDirectory(tmp_path)
    tmp_path.chmod(0o700)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_report_below_a_directory_that_may_not_be_searched_says_so(tmp_path: Path) -> None:
    ProfileDirectory(tmp_path / "in").write(samples.found())
    tmp_path.chmod(0o600)
    with pytest.raises(ReportError, match="can't be read"):
        read_profile(tmp_path / "in")
    tmp_path.chmod(0o700)


def test_reading_what_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    for path, looked_for in ((tmp_path, "report.json"), (tmp_path / "gone", "gone")):
        with pytest.raises(ReportError, match=f"{looked_for}: expected the report of `mobifai profile`, found nothing"):
            read_profile(path)


def test_a_write_that_fails_leaves_the_last_whole_report(tmp_path: Path) -> None:
    directory = ProfileDirectory(tmp_path)
    directory.write(samples.clean())
    (tmp_path / ".report.json.draft").mkdir()  # stands for a disk that is full
    with pytest.raises(ReportError, match="free some space"):
        directory.write(samples.found())
    assert read_profile(tmp_path) == samples.clean()


# -- the page


@settings(max_examples=60)
@given(names, st.floats())
def test_no_name_becomes_markup(name: str, value: float) -> None:
    shown = page(samples.hostile(f"n{name}", value))
    shown.encode()
    assert "<script" not in shown and "<img" not in shown
    calm = page(samples.hostile("calm"))
    assert shown.count("<") == calm.count("<") and shown.count(">") == calm.count(">")
    assert not set(shown) & {chr(code) for code in (*range(9), *range(11, 32), 127, 0x202E, 0x2066)}


@settings(max_examples=30)
@given(samples.reports)
def test_every_report_has_a_whole_page(report: ProfileReport) -> None:
    shown = page(report)
    assert shown.endswith("</html>\n") and shown.count("<article") == len(report.culprits)


def test_the_page_needs_nothing_else() -> None:
    shown = page(samples.found())
    for outside in ("http://", "https://", "src=", "url(", "@import", "<script", "<link"):
        assert outside not in shown


@pytest.mark.parametrize("verdict", list(EXIT_STATUS))
def test_the_page_says_the_verdict_in_words_and_with_a_sign(verdict: ProfileVerdict) -> None:
    report = msgspec.structs.replace(samples.found(), verdict=verdict)
    assert f">{SIGNS[verdict]}</div><div><h1>{headline(report)}</h1>" in page(report)


def test_the_page_tells_all_that_is_known_of_a_culprit() -> None:
    shown = entities.unescape(page(samples.found()))
    for expected in (
        '<h3 title="/opt/venv/lib/python3.11/site-packages/soak/plants/python_objects.py">'
        "soak/plants/python_objects.py:49 ClosureHoldsSession.on_event</h3>",
        "✗ container, list of Bound",
        samples.CONTAINER.retained_by,
        "+4.73 KB a cycle",
        "+1.2 GB in 24 h",
        "mobifai/session/registry.py:229 SessionRegistry._open",
        "/usr/lib/python3.11/dataclasses.py:1501 replace",
        "+11 after 5",
        "✗ scales",
        *samples.CONTAINER.evidence,
        "3 lines</summary>",
        f'<code class="copy">{samples.REPLAY}</code>',
        samples.OPEN.why,
        "aiortc 1.13.0",
    ):
        assert expected in shown, expected


def test_what_looking_cost_is_reported_when_it_was_counted() -> None:
    assert "The examination took 16 s, and its traces at most 780 KB" in page(samples.attached())
    assert "Overhead" not in page(samples.clean())


@pytest.mark.parametrize("culprits", [MOST_CARDS - 1, MOST_CARDS, MOST_CARDS + 1])
def test_the_page_has_so_many_cards_at_most(culprits: int) -> None:
    shown = page(msgspec.structs.replace(samples.found(), culprits=[samples.DESCRIPTOR] * culprits))
    assert shown.count("<article") == min(culprits, MOST_CARDS)
    assert ("1 more culprits are in report.json" in shown) == (culprits > MOST_CARDS)


# -- the source on the page


def lines_shown(file: Path, line: int) -> list[str]:
    text = entities.unescape(source(str(file), line) or "")
    for end in ("<pre><code>", "</code></pre>", "<span>", "</span>", "</mark>"):
        text = text.replace(end, "")
    return text.replace("<mark>", "").splitlines()


@given(st.integers(1, 30), st.integers(-2, 40))
def test_the_line_is_marked_with_its_neighbours(length: int, line: int) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "source.py"
        file.write_text("".join(f"line_{number}\n" for number in range(1, length + 1)))
        near = range(max(1, line - AROUND), min(length, line + AROUND) + 1) if 1 <= line <= length else range(0)
        expected = [f"{'▶' if number == line else ' '}{number:>5}  line_{number}" for number in near]
        assert lines_shown(file, line) == expected


def test_lines_are_counted_as_python_counts_them(tmp_path: Path) -> None:
    file = tmp_path / "source.py"
    file.write_bytes(b"first = 1\r\n\x0c\nthird = '\xe2\x80\xa8'\nfourth = 4")
    assert lines_shown(file, 4)[-1] == "▶    4  fourth = 4"


def test_source_is_text_and_a_long_line_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "source.py"
    file.write_bytes(b"<b>&\xff\n" + b"x" * (LONGEST_LINE + 1))
    shown = source(str(file), 2) or ""
    assert "&lt;b&gt;&amp;\N{REPLACEMENT CHARACTER}" in shown and f"{'x' * LONGEST_LINE}…" in shown


def test_what_is_no_source_shows_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for file in (tmp_path, tmp_path / "pipe", tmp_path / "gone", "/dev/zero", "<string>", "", "\x00", "\ud800"):
        assert source(str(file), 1) is None


# -- the terminal


def test_a_culprit_in_another_process_says_which() -> None:
    assert "process" not in dict(facts(samples.CONTAINER))
    assert dict(facts(msgspec.structs.replace(samples.CONTAINER, process="keeper")))["process"] == "keeper"


def test_the_summary_has_who_what_why_and_how_to_see_it_again() -> None:
    lines = summary(samples.found(), Path("profile-report/report.html")).plain.splitlines()
    assert lines[:17] == [
        "✗ 2 culprits found, 1 gauge without a culprit; 120 cycles judged in 1 min 32 s.",
        "  ✗ soak/plants/python_objects.py:49 ClosureHoldsSession.on_event: container, list of Bound",
        f"      held by     {samples.CONTAINER.retained_by}",
        "      grows by    +4.73 KB a cycle, +1.4 things a cycle, +1.2 GB in 24 h",
        "      made at     "
        + ", ".join(f"mobifai/terminals/terminal.py:{60 + n} Terminal.__init__" for n in range(4))
        + " and 2 more",
        "      started by  mobifai/session/registry.py:229 SessionRegistry._open",
        "      through     /usr/lib/python3.11/dataclasses.py:1501 replace",
        "      scales with terminal: with 5, 10, 20 terminals it kept 11, 20, 40 more; not with connect",
        "      scenario    terminals",
        "      called by   soak/plants/hooks.py:41 _tell < mobifai/terminals/tabs.py:168 Tabs._start",
        "      how sure    high, because",
        "                  · a builtins.list gets 1.4 entries longer with each cycle",
        "                  · the dose test: it grows in proportion",
        f"      {samples.REPLAY}",
        "  ✗ /srv/app/pipes.py:8: descriptor, pipe",
        "      held by     an unknown object",
        "      grows by    +0.5 things a cycle, +120,000 things in 24 h",
    ]
    assert lines[-8:] == [
        "  ? unattributed: heap.bytes in terminals, +48 B a cycle",
        "      it rose over 120 cycles; no line was seen with it",
        *(
            f"  · {name}: 60 cycles judged in 6 windows, after 40 cycles of warm-up"
            for name in ("terminals", "reconnects", "mixed")
        ),
        "  · a note",
        f"  · mobifai 0.1.0, commit {samples.clean().product.commit}, without edits (installed in an unknown way)",
        "  report: profile-report/report.html",
    ]


def test_no_line_is_wrapped_or_cut_in_a_narrow_window() -> None:
    report = msgspec.structs.replace(
        samples.found(), culprits=[msgspec.structs.replace(samples.CONTAINER, replay=f"mobifai {'x  ' * 300}y")]
    )
    out = StringIO()
    Console(file=out, width=40, highlight=False).print(summary(report), soft_wrap=True)
    assert out.getvalue().rstrip("\n") == summary(report).plain
    assert f"      mobifai {'x  ' * 300}y\n" in out.getvalue()


@given(names, st.floats())
def test_no_text_drives_the_terminal_or_forges_a_line(name: str, value: float) -> None:
    text = summary(samples.hostile(name, value), Path("here")).plain
    text.encode()
    assert not any(ord(sign) < 32 and sign not in "\n\t" for sign in text)
    calm = summary(samples.hostile("calm"), Path("here")).plain
    assert abs(len(text.split("\n")) - len(calm.split("\n"))) <= 4  # rows of empty containers
    assert text.count("\n  ✗ ") == 1


@given(samples.reports)
def test_every_report_has_a_summary_that_begins_with_its_verdict(report: ProfileReport) -> None:
    first = summary(report).plain.partition("\n")[0]
    assert first.startswith(f"{SIGNS[report.verdict]} {headline(report)}")


@pytest.mark.parametrize(
    ("verdict", "culprits", "gauges", "reported"),
    [("clean", 0, 0, "Nothing grows in terminals, reconnects, mixed"), ("failed", 0, 0, "The run itself failed"),
     ("failed", 1, 0, "The run itself failed, 1 culprit by then"), ("inconclusive", 0, 0, "No verdict"),
     ("found", 1, 0, "1 culprit found"), ("found", 2, 1, "2 culprits found, 1 gauge without a culprit"),
     ("found", 0, 2, "Memory grows (2 gauges), but no line can be named")],
)  # fmt: skip
def test_the_headline_says_what_is_known(verdict: ProfileVerdict, culprits: int, gauges: int, reported: str) -> None:
    report = msgspec.structs.replace(
        samples.clean(), verdict=verdict, culprits=[samples.CONTAINER] * culprits, unattributed=[samples.OPEN] * gauges
    )
    assert headline(report) == reported


def test_a_look_into_a_running_agent_tells_what_it_cost() -> None:
    text = summary(samples.attached()).plain
    assert text.startswith("✓ Nothing grows; 8 windows judged in 16 s.\n  · 8 windows of 2 s each\n")
    assert "it blocked the event loop for 738 ms at most; 263 KB more and 967 objects more" in text


def test_what_was_tried_in_vain_is_reported() -> None:
    scales = [DoseResult(name, (5, 10, 20), (0, 0, 0), scales=False) for name in ("connect", "prompt")]
    culprit = msgspec.structs.replace(samples.CONTAINER, scales_with="", scales=scales)
    text = summary(msgspec.structs.replace(samples.found(), culprits=[culprit])).plain
    assert "      scales with nothing that was tried: connect, prompt\n" in text


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_long_summary_says_what_it_leaves_out(more: int) -> None:
    report = msgspec.structs.replace(
        samples.found(),
        culprits=[samples.DESCRIPTOR] * (MOST_CULPRITS + more),
        unattributed=[samples.OPEN] * (MOST_CULPRITS + more),
        notes=["a note"] * (MOST_LINES + more),
    )
    text = summary(report).plain
    assert text.count("\n  ✗ ") == text.count("\n  ? ") == min(MOST_CULPRITS, MOST_CULPRITS + more)
    for what in ("culprits", "gauges without a culprit", "notes"):
        assert (f"  and 1 more {what}: see the report" in text) == (more > 0)


# -- judged and unjudged


def test_a_finding_of_soak_that_did_not_rise_is_neither_growth_nor_gone() -> None:
    soak_findings = [
        FindingOutcome(
            "growth", "heap.bytes", "mixed", "not_reproduced", "more", "no gauge of that name rose", "mobifai soak"
        ),
        FindingOutcome("bound", "terminals", "", "unjudged", "33 of 32", "a limit is no growth"),
    ]
    report = msgspec.structs.replace(samples.clean(), verdict="inconclusive", mode="from", soak_findings=soak_findings)
    for shown in (summary(report).plain, entities.unescape(page(report)), markdown(report)):
        assert "No verdict: heap.bytes in mixed, which soak found, did not rise in this run" in shown
        assert "soak found heap.bytes in mixed: it did not rise in this run" in shown
        assert "soak found terminals: not judged: a limit is no growth" in shown
        assert "Something grows" not in shown and "Nothing grows" not in shown


def test_what_was_not_judged_is_said_with_its_reason_in_every_format() -> None:
    left = [Unjudged("scenario mixed", "the run was interrupted", "mixed")]
    scenarios = [samples.JUDGED[0], ScenarioCoverage("mixed", "unjudged", why="the run was interrupted")]
    report = msgspec.structs.replace(samples.clean(), verdict="inconclusive", scenarios=scenarios, unjudged=left)
    for shown in (summary(report).plain, entities.unescape(page(report)), markdown(report)):
        assert "No verdict: scenario mixed was not judged, because the run was interrupted" in shown
        assert "? scenario mixed was not judged, because the run was interrupted" in shown
        assert "terminals: 60 cycles judged in 6 windows, after 40 cycles of warm-up" in shown


def test_the_next_step_and_the_commit_are_in_every_format() -> None:
    report = msgspec.structs.replace(samples.found(), next_steps=[NextStep("prove that it is gone", "mobifai x 'a b'")])
    for shown in (summary(report).plain, entities.unescape(page(report)), markdown(report)):
        assert "mobifai x 'a b'" in shown
        assert "commit 0123456789abcdef0123456789abcdef01234567" in shown


def test_annotations_mark_the_line_of_each_culprit_and_say_the_verdict() -> None:
    lines = list(annotations(samples.found()))
    assert lines[0].startswith("::error file=soak/plants/python_objects.py,line=49,title=list of Bound grows::held by ")
    assert lines[-1].startswith("::error title=mobifai profile::2 culprits found, 1 gauge without a culprit")
    assert list(annotations(samples.clean())) == []
    open_ = msgspec.structs.replace(samples.clean(), verdict="inconclusive")
    assert [line.partition(" ")[0] for line in annotations(open_)] == ["::warning"]


@given(names)
def test_text_of_others_is_text_in_markdown_and_in_annotations(name: str) -> None:
    report = samples.hostile(name)
    assert "<script" not in markdown(report) and "<img" not in markdown(report)
    for line in annotations(report):
        assert "\n" not in line and line.startswith("::error")


def test_a_report_of_before_there_were_versions_is_refused_and_its_directory_is_taken_over(tmp_path: Path) -> None:
    reported = json.loads(encoded(samples.found()))
    del reported["schema_version"]
    (tmp_path / "report.json").write_text(json.dumps(reported))
    with pytest.raises(ReportError, match="expected a report of schema version 2, found none"):
        read_profile(tmp_path)
    ProfileDirectory(tmp_path).write(samples.clean())
    assert read_profile(tmp_path).verdict == "clean"


def test_a_report_of_another_schema_version_is_refused(tmp_path: Path) -> None:
    ProfileDirectory(tmp_path).write(msgspec.structs.replace(samples.found(), schema_version=99))
    with pytest.raises(ReportError, match="expected a report of schema version 2, found 99; read it with the MobiFai"):
        read_profile(tmp_path)


# -- wording


@pytest.mark.parametrize(
    ("size", "objects", "reported"),
    [
        (263_000, 967, "263 KB more and 967 objects more are in use than before"),
        (263_000, -899, "263 KB more and 899 objects fewer are in use than before"),
        (-2_000, 1, "2 KB less and 1 object more are in use than before"),
    ],
)
def test_what_a_look_leaves_is_more_or_fewer_and_never_negative(size: int, objects: int, reported: str) -> None:
    cost = Overhead(16, 8, 780_000, size, objects, 0.7)
    assert reported in overhead(cost)


def test_a_projection_is_as_exact_as_its_rate() -> None:
    one = msgspec.structs.replace(samples.DESCRIPTOR, per_24h=6_360_063.0)
    assert "+6,360,000 things in 24 h" in rate_text(one)


@pytest.mark.parametrize("installed", list(Installed))
def test_how_the_product_was_installed_is_said_in_words(installed: Installed) -> None:
    reported = identity(Product("0.1.0", installed=installed))
    assert f"({installed})" not in reported
    assert "installed" in reported or "checkout" in reported
