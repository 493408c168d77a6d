"""The identity of the MobiFai that a report is about: version, commit, and kind of installation."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from mobifai import __version__
from soak.gauges.results import Installed
from soak.harness.identity import product

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def package_in(folder: Path) -> Path:
    package = folder / "mobifai"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('"""A package."""\n\n__version__ = "7.8"\n')
    return package


def installed_in(folder: Path, source: object) -> Path:
    package = package_in(folder)
    facts = folder / "mobifai-7.8.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.4\nName: mobifai\nVersion: 7.8\n")
    if source is not None:
        (facts / "direct_url.json").write_text(source if isinstance(source, str) else json.dumps(source))
    return package


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=n", "-c", "user.email=e@localhost", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *who, "-C", str(folder), *words], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    package_in(tmp_path)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


def test_this_installation_has_its_version() -> None:
    assert product().version == __version__


def test_a_checkout_has_its_commit(checkout: Path) -> None:
    found = product(checkout / "mobifai")
    assert (found.version, found.installed, found.dirty) == ("7.8", Installed.CHECKOUT, False)
    assert found.commit == git(checkout, "rev-parse", "HEAD")


@pytest.mark.parametrize("file", ["mobifai/__init__.py", "new.py"])
def test_a_changed_or_new_file_makes_a_checkout_dirty(checkout: Path, file: str) -> None:
    (checkout / file).write_text("__version__ = '7.8'\n")
    assert product(checkout / "mobifai").dirty is True


def test_an_environment_inside_a_checkout_is_not_that_checkout(checkout: Path) -> None:
    found = product(installed_in(checkout / ".venv", None))
    assert (found.installed, found.commit, found.dirty) == (Installed.INDEX, None, None)


def test_git_s_own_variables_do_not_name_another_checkout(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(checkout / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(checkout))
    assert product(installed_in(tmp_path_factory.mktemp("elsewhere"), None)).commit is None


def test_without_git_a_checkout_s_commit_is_not_known(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    assert product(checkout / "mobifai").commit is None


@pytest.mark.parametrize(
    ("source", "installed", "commit"),
    [
        (None, Installed.INDEX, None),
        ({"url": "https://x/m.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}, Installed.REPOSITORY, COMMIT),
        ({"url": "file:///m.whl", "archive_info": {}}, Installed.ARCHIVE, None),
        ({"url": "file:///m", "dir_info": {"editable": True}}, Installed.EDITABLE, None),
        ({"url": "file:///m", "dir_info": {}}, Installed.DIRECTORY, None),
        ({"url": "file:///m", "vcs_info": {}}, Installed.UNKNOWN, None),
        ("[]", Installed.UNKNOWN, None),
        ("{", Installed.UNKNOWN, None),
    ],
)
def test_how_pip_installed_it_is_said(tmp_path: Path, source: object, installed: Installed, commit: str | None) -> None:
    found = product(installed_in(tmp_path, source))
    assert (found.version, found.installed, found.commit, found.dirty) == ("7.8", installed, commit, None)
