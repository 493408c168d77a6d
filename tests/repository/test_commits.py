"""The subjects of commits: at most 72 characters. In a shallow clone only the commits that are there are checked.

`MOBIFAI_COMMITS_SINCE` names the base: the commits after it are checked. By default that is `BASE`, the commit from
which on the rule holds.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE = "bb692dd933162d678173bc1e0d6dbbdf78d23e7e"
LONGEST = 72


def git(root: Path, *words: str) -> str:
    """Return the output of git. Raises CalledProcessError."""
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True)
    return done.stdout


def subjects(root: Path, base: str) -> list[tuple[str, str]]:
    """Return the short id and the subject of each commit after the base; of all that are there if the base is not."""
    known = subprocess.run(
        ["git", "-C", str(root), "merge-base", "--is-ancestor", base, "HEAD"], capture_output=True, check=False
    )
    commits = f"{base}..HEAD" if known.returncode == 0 else "HEAD"
    lines = git(root, "log", "--no-merges", "--format=%h %s", commits).splitlines()
    return [(commit, subject) for commit, _, subject in (line.partition(" ") for line in lines)]


def too_long(root: Path, base: str) -> list[str]:
    """Return a line for each commit whose subject is too long."""
    return [
        f"{commit}: {len(subject)} characters, at most {LONGEST}: {subject!r}; reword it with git rebase"
        for commit, subject in subjects(root, base)
        if len(subject) > LONGEST
    ]


def test_subjects_of_commits_have_at_most_72_characters() -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("expected a clone; found a folder without history")
    assert too_long(ROOT, os.environ.get("MOBIFAI_COMMITS_SINCE", BASE)) == []


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of three commits: two with long subjects, of which one is the first."""
    root = tmp_path / "whole"
    root.mkdir()
    git(root, "init", "-q")
    for subject in ("a" * 80, "b" * 72, "c" * 73):
        who = ("-c", "user.name=n", "-c", "user.email=e@localhost", "-c", "commit.gpgsign=false")
        git(root, *who, "commit", "-q", "--allow-empty", "-m", f"{subject}\n\nA body.")
    return root


def test_a_subject_after_the_base_that_is_too_long_is_named(repository: Path) -> None:
    base = git(repository, "rev-list", "--max-parents=0", "HEAD").strip()
    assert [line.split(": ")[2] for line in too_long(repository, base)] == [f"'{'c' * 73}'; reword it with git rebase"]
    assert too_long(repository, "HEAD") == []


def test_in_a_shallow_clone_the_commits_that_are_there_are_checked(repository: Path, tmp_path: Path) -> None:
    base = git(repository, "rev-list", "--max-parents=0", "HEAD").strip()
    git(tmp_path, "clone", "-q", "--depth", "2", f"file://{repository}", "shallow")
    found = subjects(tmp_path / "shallow", base)
    assert [subject[0] for _, subject in found] == ["c", "b"]
    assert len(too_long(tmp_path / "shallow", base)) == 1
