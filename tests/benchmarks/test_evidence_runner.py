"""The evidence is run unit by unit, stored after each unit, and continued after any ending."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.evidence.revision import digest, revision
from benchmarks.evidence.soak_report import SOAK_PACKAGES
from benchmarks.evidence.store import ResultStore
from benchmarks.evidence.units import PACKAGES
from tests.benchmarks import evidence_host
from tests.support.eventually import eventually

ALL_RIGHT, WRONG, REFUSED, FAILED, INCOMPLETE = 0, 1, 2, 3, 4


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with one source of the product."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "mobifai").mkdir()
    (tmp_path / "mobifai" / "agent.py").write_text("one = 1\n")
    commit(tmp_path)
    return tmp_path


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, "-C", str(root), *words], check=True, capture_output=True)


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "a commit")


def asked(root: Path, script: str, *options: str) -> Result:
    command = evidence_host.command(root, script)
    return CliRunner().invoke(command, ["--allow-dirty", "--docs", str(root / "docs"), *options])


def ran(root: Path) -> list[str]:
    path = root / "ran"
    return path.read_text().split() if path.exists() else []


def kept(root: Path) -> list[dict[str, object]]:
    path = root / "docs" / "evidence" / "results.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [one for one in map(json.loads, lines) if one["type"] == "result"]


def test_every_unit_is_run_once_and_a_second_run_has_nothing_to_do(root: Path) -> None:
    assert asked(root, "a=right b=right c=right").exit_code == ALL_RIGHT
    assert asked(root, "a=right b=right c=right").exit_code == ALL_RIGHT
    assert ran(root) == ["a", "b", "c"]
    assert "| a | agent | native | terminals | leak | `growth heap.bytes` |" in (root / "docs/self-test.md").read_text()


def test_a_wrong_unit_is_an_answer_and_is_never_run_again(root: Path) -> None:
    assert asked(root, "a=wrong,right b=right").exit_code == WRONG
    assert asked(root, "a=wrong,right b=right").exit_code == WRONG
    assert ran(root) == ["a", "b"]
    assert "held (wrong)" in (root / "docs" / "self-test.md").read_text()


def test_the_files_of_a_run_that_is_not_right_are_kept_until_its_next_one(root: Path) -> None:
    said = asked(root, "a=right b=wrong c=failed,right").output
    found = root / ".cache" / "evidence"
    assert {path.name: (path / "report").read_text() for path in found.iterdir()} == {
        "self-test-b": "b wrong\n",
        "self-test-c": "c failed\n",
    }
    assert f"are kept in {found / 'self-test-b'}" in said


def test_a_unit_that_failed_is_run_once_more_and_the_page_shows_both(root: Path) -> None:
    assert asked(root, "a=failed,right b=right").exit_code == ALL_RIGHT
    assert ran(root) == ["a", "b", "a"]
    page = (root / "docs" / "self-test.md").read_text()
    assert "These runs failed and were repeated once" in page
    assert "- a: said failed" in page


def test_a_unit_that_failed_is_run_again_after_everything_else_has_ended(root: Path) -> None:
    assert asked(root, "a=failed,right b=failed,slow c=slow d=slow", "--jobs", "2").exit_code == ALL_RIGHT
    assert sorted(ran(root)[:4]) == ["a", "b", "c", "d"]
    assert ran(root)[4:] == ["a", "b"]


def test_a_unit_that_fails_twice_is_not_tried_again_and_is_no_success(root: Path) -> None:
    assert asked(root, "a=failed,failed,right").exit_code == FAILED
    assert asked(root, "a=failed,failed,right").exit_code == FAILED
    assert ran(root) == ["a", "a"]
    assert "Two runs of these units said neither right nor wrong" in (root / "docs" / "self-test.md").read_text()


def test_what_would_last_longer_than_the_limit_is_not_started(root: Path) -> None:
    shown = asked(root, "a=right", "--limit-minutes", "2")
    assert (shown.exit_code, ran(root)) == (INCOMPLETE, [])
    assert asked(root, "a=right", "--limit-minutes", "3").exit_code == ALL_RIGHT


def test_only_the_units_that_are_named_are_run_and_an_unknown_one_is_refused(root: Path) -> None:
    assert asked(root, "a=right b=right", "--unit", "b").exit_code == ALL_RIGHT
    assert ran(root) == ["b"]
    assert "1 of 2 runs are done; 1 are missing" in (root / "docs" / "self-test.md").read_text()
    assert "found 'x'" in asked(root, "a=right", "--unit", "x").output


def test_the_status_counts_and_estimates_and_runs_nothing(root: Path) -> None:
    asked(root, "a=right b=wrong", "--unit", "b")
    shown = asked(root, "a=right b=wrong", "--status")
    assert ran(root) == ["b"]
    assert shown.output.splitlines()[1].split() == ["self-test", "2", "0", "1", "0", "0", "1", "0"]
    assert "wrong: self-test b: said wrong" in shown.output


def test_a_commit_of_docs_keeps_the_results_and_a_change_of_a_source_does_not(root: Path) -> None:
    asked(root, "a=right b=right", "--unit", "a")
    (root / "README.md").write_text("read me\n")
    commit(root)
    assert asked(root, "a=right b=right").exit_code == ALL_RIGHT
    assert ran(root) == ["a", "b"]
    (root / "mobifai" / "agent.py").write_text("one = 2\n")
    refused = asked(root, "a=right b=right")
    assert refused.exit_code == REFUSED
    assert "--discard-earlier" in refused.output
    assert "2 results are of another revision" in asked(root, "a=right b=right", "--status").output
    assert asked(root, "a=right b=right", "--discard-earlier").exit_code == ALL_RIGHT
    assert ran(root) == ["a", "b", "a", "b"]


def test_a_changed_checkout_is_refused_or_named_in_the_page(root: Path) -> None:
    (root / "mobifai" / "agent.py").write_text("one = 3\n")
    refused = CliRunner().invoke(evidence_host.command(root, "a=right"), ["--docs", str(root / "docs")])
    assert refused.exit_code == REFUSED
    assert "dirty" in refused.output
    assert asked(root, "a=right").exit_code == ALL_RIGHT
    assert ", dirty" in (root / "docs" / "self-test.md").read_text()


def test_a_second_run_at_the_same_time_is_refused(root: Path) -> None:
    with ResultStore(root / "docs"):
        assert "another run writes to it" in asked(root, "a=right").output


def test_a_kind_s_revision_depends_only_on_the_packages_that_its_units_run(root: Path) -> None:
    (root / "profiles").mkdir()
    (root / "profiles" / "flame.py").write_text("one = 1\n")
    of_soak, of_all = revision(root, SOAK_PACKAGES), revision(root, PACKAGES)
    (root / "profiles" / "flame.py").write_text("one = 2\n")
    assert revision(root, SOAK_PACKAGES) == of_soak
    assert revision(root, PACKAGES) != of_all
    (root / "mobifai" / "agent.py").write_text("one = 2\n")
    assert revision(root, SOAK_PACKAGES) != of_soak


def test_soak_does_not_use_the_packages_that_its_revision_leaves_out() -> None:
    program = "import sys, soak.command; print(*{name.partition('.')[0] for name in sys.modules})"
    imported = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert "soak" in imported.split()
    assert "profiles" not in imported.split()


def test_comments_and_docstrings_do_not_change_the_digest(root: Path) -> None:
    file = root / "mobifai" / "a.py"
    file.write_text('"""One."""\n\n\ndef a(b: int) -> int:\n    """Two."""\n    return b + 1  # three\n')
    first = digest(root, ["mobifai"])
    file.write_text('"""Other."""\n# four\ndef a(b: int) -> int:\n    return b + 1\n')
    assert digest(root, ["mobifai"]) == first
    file.write_text('"""Other."""\ndef a(b: int) -> int:\n    return b + 2\n')
    assert digest(root, ["mobifai"]) != first


def test_the_digest_depends_on_names_contents_and_the_version_of_python(root: Path) -> None:
    first = digest(root, ["mobifai"])
    assert digest(root, ["mobifai"]) == first
    assert digest(root, ["mobifai"], python="3.0") != first
    (root / "mobifai" / "agent.py").rename(root / "mobifai" / "other.py")
    assert digest(root, ["mobifai"]) != first


@contextmanager
def waiting(root: Path, script: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a program, once one of its units waits."""
    words = [sys.executable, evidence_host.__file__, str(root), script, "--allow-dirty", "--jobs", "2"]
    env = {**os.environ, "TMPDIR": str(root)}  # a killed run leaves its folder
    with subprocess.Popen(words, env=env, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            asyncio.run(eventually(lambda: (root / "waits").exists() and len(kept(root)) == 2, timeout=60))
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_loses_the_unit_under_way_alone(root: Path, number: signal.Signals) -> None:
    with waiting(root, "a=right c=waits b=right") as process:
        process.send_signal(number)
        shown = process.communicate()[0]
        assert (process.returncode, "missing" in shown) == (INCOMPLETE, True)
    assert asked(root, "a=right c=right b=right").exit_code == ALL_RIGHT
    assert ran(root) == ["a", "b", "c"]


def test_a_kill_in_the_middle_of_a_line_loses_nothing_that_was_whole(root: Path) -> None:
    with waiting(root, "a=right c=waits b=right") as process:
        process.kill()
        process.wait()
    with (root / "docs" / "evidence" / "results.jsonl").open("a") as file:
        file.write('{"type":"result","kind":"self-t')
    assert asked(root, "a=right c=right b=right").exit_code == ALL_RIGHT
    assert ran(root) == ["a", "b", "c"]
    assert [one["unit"] for one in kept(root)] == ["a", "b", "c"]
