"""The outcome of soak's findings in an investigation, and the commands that it names next."""

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from profiles.attach import attribute_growth
from profiles.investigate.outcome import conclude, finding_outcomes, unjudged
from profiles.next_steps import next_steps
from profiles.report.summary import summary
from profiles.results import (
    EVERYTHING,
    FindingOutcome,
    NextStep,
    ProfileReport,
    ProfileSettings,
    ScenarioCoverage,
    Unattributed,
    Unjudged,
)
from soak.gauges.results import FindingResult
from tests.profiles import sample_profiles as samples
from tests.support.shell_words import shell_words

THROUGH = [ScenarioCoverage("terminals", "judged", 120, 220, 6)]
PLACE = Path("my report")


def finding(name: str, kind: str = "growth", scenario: str = "terminals") -> FindingResult:
    return FindingResult(kind, name, "more and more", 1.4, "objects", 1.0, scenario, "mobifai soak terminals --seed 5")


def states(*findings: FindingResult, looked: list[ScenarioCoverage] | None = None) -> list[tuple[str, str]]:
    """Return their outcomes beside a culprit that explains objects, and a heap that rises without a line."""
    open_ = [Unattributed("heap.bytes", 48, "bytes", "terminals", "")]
    missing = [("terminals", "children.bytes")]
    reported = finding_outcomes(findings, [samples.CONTAINER], open_, THROUGH if looked is None else looked, missing)
    return [(one.state, one.why) for one in reported]


# -- outcomes of soak's findings


def test_each_finding_has_one_state_and_a_reason_where_nothing_is_known() -> None:
    reported = states(
        finding("python.blocks"), finding("heap.bytes"), finding("zombies"), finding("children.bytes"),
        finding("terminals", "bound"), finding("python.blocks", scenario="mixed"),
    )  # fmt: skip
    assert [state for state, _ in reported] == [
        "explained", "unattributed", "not_reproduced", "unjudged", "unjudged", "unjudged",
    ]  # fmt: skip
    assert [why for _, why in reported[2:]] == [
        "over 120 cycles in 6 windows", "it can't be measured on this system",
        "an exceeded limit is not growth; to see where it is exceeded, run the command that reproduces it",
        "its scenario was not examined",
    ]  # fmt: skip


def test_a_finding_in_a_scenario_that_was_interrupted_is_not_called_gone() -> None:
    cut = [ScenarioCoverage("terminals", "unjudged", why="the run was interrupted before it had finished")]
    assert states(finding("zombies"), looked=cut) == [("unjudged", "the run was interrupted before it had finished")]


def test_what_soak_found_and_did_not_rise_here_is_no_verdict() -> None:
    missed = [FindingOutcome("growth", "zombies", "terminals", "not_reproduced", "")]
    assert conclude([], [], [], missed) == "inconclusive"
    assert conclude([samples.CONTAINER], [], [], missed) == "found"
    assert conclude([], [], [], []) == "clean"


def test_a_gauge_that_can_t_be_measured_leaves_no_clean_verdict() -> None:
    left = unjudged(THROUGH, [("terminals", "heap.bytes")])
    assert conclude([], [], left, []) == "inconclusive"
    assert (left[0].what, left[0].why) == ("heap.bytes in terminals", "it can't be measured on this system")


def test_objects_that_a_culprit_keeps_are_explained_though_the_count_of_all_of_them_wavered() -> None:
    kept = msgspec.structs.replace(samples.CONTAINER, explains=[])
    (reported,) = finding_outcomes([finding("python.blocks")], [kept], [], THROUGH, [])
    assert reported.state == "explained"


# -- next steps


def steps(report: ProfileReport) -> dict[str, str]:
    reported = next_steps(report, PLACE)
    assert all(isinstance(one, NextStep) for one in reported)
    return {one.what: one.command for one in reported}


def test_a_culprit_names_the_command_that_shows_it_again_and_the_one_that_proves_it_gone() -> None:
    settings = ProfileSettings(["terminals"], 5, 3, "dict-by-session", dose=False)
    reported = steps(msgspec.structs.replace(samples.found(), settings=settings))
    assert reported["reproduce the growth"] == samples.REPLAY
    again, compare = reported["after the fix, prove that the growth is gone"].split("; ")
    assert shell_words(again) == [
        "mobifai", "profile", "run", "terminals", "--seed", "7", "--time-scale", "5", "--phones", "3",
        "--plant", "dict-by-session", "--no-dose", "--report", "my report-after",
    ]  # fmt: skip
    assert shell_words(compare) == ["mobifai", "profile", "compare", "my report", "my report-after"]


def test_memory_of_the_c_heap_without_a_line_is_looked_at_with_memray() -> None:
    reported = steps(msgspec.structs.replace(samples.found(), culprits=[]))
    assert reported["examine the C heap by line"].endswith("--no-dose --memray")


def test_a_finding_that_was_not_reproduced_names_the_command_that_soak_found_it_with() -> None:
    missed = FindingOutcome(
        "growth", "zombies", "terminals", "not_reproduced", "", replay="mobifai soak terminals --seed 5"
    )
    reported = steps(
        msgspec.structs.replace(samples.clean(), verdict="inconclusive", mode="from", soak_findings=[missed])
    )
    assert reported["see zombies as soak found it"] == "mobifai soak terminals --seed 5"


@pytest.mark.parametrize("verdict", ["inconclusive", "failed", "unfinished"])
def test_without_a_verdict_the_whole_run_is_named_again_with_its_seed(verdict: str) -> None:
    reported = steps(msgspec.structs.replace(samples.clean(), verdict=verdict))
    assert reported["run it again"] == "mobifai profile run terminals reconnects mixed --seed 7 --no-dose"


def test_a_look_that_was_too_short_is_looked_again_for_a_minute() -> None:
    short = ProfileSettings(seconds=2, state_dir="/srv/my state")
    reported = steps(msgspec.structs.replace(samples.attached(), verdict="inconclusive", settings=short))
    assert reported == {"examine it again": "mobifai profile attach --state-dir '/srv/my state' --for 1m"}


def test_a_clean_report_leaves_nothing_to_do() -> None:
    assert steps(samples.clean()) == {}


@pytest.mark.parametrize("place", ["two\nlines", "a\tb", "$x 'y'"])
def test_commands_and_the_report_s_place_are_exact_for_odd_paths(place: str, tmp_path: Path) -> None:
    report = msgspec.structs.replace(samples.found(), next_steps=next_steps(samples.found(), tmp_path / place))
    lines = summary(report, tmp_path / place / "report.html").plain.splitlines()
    (proof,) = [line.partition(": ")[2] for line in lines if "mobifai profile compare" in line]
    for words, path in (
        (proof.rpartition("; mobifai profile compare ")[2], f"{tmp_path / place}\0{tmp_path / place}-after"),
        (lines[-1].removeprefix("  report: "), str(tmp_path / place / "report.html")),
    ):
        done = subprocess.run(["bash", "-c", f"printf '%s\\0' {words}"], capture_output=True, text=True, check=True)
        assert done.stdout == f"{path}\0"


def test_what_left_nothing_to_judge_is_said_once() -> None:
    why = "the soak run was interrupted"
    report = msgspec.structs.replace(
        samples.clean(),
        verdict="inconclusive",
        cycles=0,
        duration_s=0.0,
        scenarios=[],
        unjudged=[Unjudged(EVERYTHING, why)],
    )
    text = summary(report).plain
    assert text.startswith(f"? No verdict: nothing was judged, because {why}.\n")
    assert text.count(why) == 1


def looked(windows: int) -> float:
    """Return the projection of an examination of 80 s that ended after some of its eight windows of 10 s."""
    row = {
        "id": 1, "type": "builtins.list", "grown_at": [["/srv/x.py", 7]], "holds": {}, "bytes_each": 100.0,
        "explains": [], "made_at": [], "weak": False, "cache": None, "path": "module x.kept", "of": "",
    }  # fmt: skip
    points = [20.0 * number for number in range(windows + 1)]
    found: dict[str, Any] = {
        "counts": [{} for _ in points], "sites": [], "containers": [{"id": 1, "points": points}],
        "examined": {"sites": [], "containers": [row]},
    }  # fmt: skip
    (culprit,), _ = attribute_growth(found, 80.0, "")
    return culprit.per_24h


def test_a_look_that_ended_early_projects_the_same_rate() -> None:
    assert looked(6) == pytest.approx(looked(8))
