"""The summary of a run in a CI job: a Markdown page and annotations, only on GitHub's runner."""

from pathlib import Path

import msgspec
import pytest

from soak.report.github import publish
from soak.report.job_summary import annotations, markdown
from tests.soak import sample_reports


def test_the_page_has_the_verdict_the_findings_the_unknown_and_the_next_command(tmp_path: Path) -> None:
    page = markdown(sample_reports.leaking(20), tmp_path / "a report")
    assert page.startswith("### ✗ 4 leaks were found: heap.bytes in terminals")
    for part in (
        f"`{sample_reports.REPLAY}`",
        "- limits that were not filled, so nothing is known about them: relay.rooms",
        "- not measured: not measurable on this platform: children.bytes",
        f"`mobifai profile run --from '{tmp_path / 'a report'}'`",
        "commit 0123456789ab",
    ):
        assert part in page


def test_text_of_others_is_text_in_the_page_and_in_annotations(tmp_path: Path) -> None:
    report = sample_reports.hostile("a|b<script>\n::error::`")
    page = markdown(report, tmp_path)
    assert "<script>" not in page.replace("`", "")[: page.find("reproduce it")]
    for line in annotations(report):
        assert line.startswith("::error ") and "\n" not in line


def test_a_run_that_held_has_no_annotation_and_others_have_one_of_their_level() -> None:
    held = sample_reports.held(20)
    assert [*annotations(held)] == []
    (line,) = annotations(msgspec.structs.replace(held, verdict="inconclusive"))
    assert line.startswith("::warning title=mobifai soak::No verdict")
    first = next(iter(annotations(sample_reports.leaking(20))))
    assert first.startswith("::error title=mobifai soak::4 leaks were found")
    assert len([*annotations(sample_reports.leaking(20))]) == 9


def test_only_github_s_runner_gets_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish(["::error::one"], "page\n", as_json=False, environ={})
    assert capsys.readouterr().out == ""
    place = tmp_path / "summary.md"
    place.write_text("of a step before\n")
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(place)}
    publish(["::error::one"], "page\n", as_json=False, environ=environ)
    assert capsys.readouterr().out == "::error::one\n"
    publish(["::error::one"], "page\n", as_json=True, environ=environ)
    assert capsys.readouterr() == ("", "::error::one\n")
    assert place.read_text() == "of a step before\npage\n\npage\n\n"


def test_a_summary_that_can_not_be_written_is_said_and_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish([], "page", as_json=False, environ={"GITHUB_STEP_SUMMARY": str(tmp_path)})
    assert "the job's summary can't be written" in capsys.readouterr().err
