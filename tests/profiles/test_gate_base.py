"""A base that can't be compared with: no verdict or bad usage, never a failure of the change, with a one-line cause."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.profiles.ending_commands import commanded
from tests.profiles.gate_branches import commit, git, repository

pytestmark = [pytest.mark.extended, pytest.mark.timeout(300)]

ERRORS, AGENT = "mobifai/errors.py", "mobifai/cli/serve.py"


def append(checkout: Path, file: str, text: str) -> None:
    with (checkout / file).open("a") as out:
        out.write(text)


def no_python(checkout: Path) -> None:
    append(checkout, ERRORS, "def broken(:\n")


def no_import(checkout: Path) -> None:
    append(checkout, ERRORS, "raise RuntimeError('not today')\n")


def no_start(checkout: Path) -> None:
    file = checkout / AGENT
    text = file.read_text()
    assert "def serve(" in text
    file.write_text(text.replace("def serve(", "def serve(not_an_option, ", 1))


def no_build(checkout: Path) -> None:
    file = checkout / "pyproject.toml"
    file.write_text(file.read_text().replace('build-backend = "', 'build-backend = "nowhere.', 1))


def no_dependencies(checkout: Path) -> None:
    file = checkout / "pyproject.toml"
    file.write_text(file.read_text().replace("dependencies = [", "dependencies_ = [", 1))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("gate") / "checkout")


def gated(checkout: Path, place: Path, base: str) -> tuple[int, str]:
    """Run a gate with this base. Return its status and output."""
    words = ("gate", "terminals", "--base", base, "--candidate", "installed", "--report", str(place / "report"))
    with commanded(place / "x", *words, cwd=checkout) as command:
        status = command.wait()
        command.leaves_nothing()
        return status, command.said()


@pytest.mark.parametrize(
    ("spoil", "reported"),
    [
        (no_python, "mobifai/errors.py:"),
        (no_import, "RuntimeError: not today"),
        (no_start, "serve() missing 1 required positional argument"),
        (no_build, "nowhere"),
        (no_dependencies, "pyproject.toml"),
    ],
)
def test_a_base_that_can_t_be_run_is_no_verdict(
    spoil: Callable[[Path], None], reported: str, checkout: Path, tmp_path: Path
) -> None:
    git(checkout, "checkout", "--quiet", "-b", spoil.__name__, "main")
    try:
        spoil(checkout)
        commit(checkout, spoil.__name__)
    finally:
        git(checkout, "checkout", "--quiet", "main")
    status, said = gated(checkout, tmp_path, spoil.__name__)
    assert status == 4, said
    (line,) = [line for line in said.splitlines() if line.startswith("? No verdict")]
    assert reported in line
    assert "Traceback" not in said


@pytest.mark.parametrize("base", ["no-such-branch", "0123456789012345678901234567890123456789", "HEAD~99"])
def test_a_base_that_is_no_commit_here_is_bad_usage(base: str, checkout: Path, tmp_path: Path) -> None:
    status, said = gated(checkout, tmp_path, base)
    assert status == 2
    assert "fetch it first" in said
    assert not (tmp_path / "report" / "report.json").exists()
