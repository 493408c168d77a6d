"""Git in a repository that names programs: the user approves each command that may run them."""

import os
import subprocess
from pathlib import Path

import pytest

from mobifai.assistant.repository import why_not
from tests.assistant.place import says, types
from tests.assistant.shells import a_shell
from tests.support.eventually import eventually

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    **{f"GIT_{who}_{what}": "a@b.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def git(directory: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=directory, check=True, capture_output=True, env=ENVIRONMENT)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a commit and a changed file."""
    project = tmp_path / "project"
    project.mkdir()
    git(project, "init", "-q")
    (project / "f").write_text("a")
    git(project, "add", "f")
    git(project, "commit", "-qm", "first")
    (project / "f").write_text("b")
    return project


def runs(project: Path) -> str:
    """Return a command that leaves a trace when it runs."""
    return f"touch {project.parent}/ran; false"


SETTINGS = [
    ("core.fsmonitor", "status"),
    ("core.pager", "log"),
    ("pager.status", "status"),
    ("diff.external", "diff"),
    ("diff.x.textconv", "diff"),
    ("diff.x.command", "diff"),
    ("filter.x.clean", "status"),
    ("gpg.program", "log --format=%G?"),
    ("alias.st", "status"),
    ("include.path", "status"),
    ("core.hooksPath", "status"),
    ("core.attributesFile", "status"),
    ("extensions.partialClone", "log"),
    ("remote.x.promisor", "log"),
    ("remote.x.vcs", "log"),
    ("log.showSignature", "log"),
]


@pytest.mark.parametrize(("name", "command"), SETTINGS)
def test_a_setting_of_the_repository_by_which_git_may_run_a_program_is_found(
    project: Path, name: str, command: str
) -> None:
    assert why_not(str(project)) == ""
    git(project, "config", name, runs(project))
    assert "setting" in why_not(str(project))
    (project / "deeper").mkdir()
    assert why_not(str(project / "deeper"))


@pytest.mark.parametrize(
    "text",
    [
        "[core] fsmonitor = x",
        "[core]\n bare = false\\\n\n[core]\n fsmonitor = x",
        "[CORE]\nFsMonitor=x",
        "[core]\n# \\\nfsmonitor = x",
        '[remote "a"]\nurl = "x\n',
        '[remote "a"]\nproxy = x',
        "[core.x]\nbare = false",
        "\ufeff[core]\nbare = false",
        "bare = false",
    ],
)
def test_settings_that_are_written_in_another_way_are_not_trusted(project: Path, text: str) -> None:
    (project / ".git" / "config").write_text(text)
    assert why_not(str(project))


def test_a_hook_a_submodule_and_a_bare_repository_are_found(project: Path) -> None:
    hook = project / ".git" / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.touch()
    assert "hook" in why_not(str(project))
    hook.unlink()
    inner = project / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    git(inner, "commit", "-qm", "x", "--allow-empty")
    git(project, "add", "inner")
    assert "submodules" in why_not(str(project))
    bare = project.parent / "bare"
    git(project.parent, "init", "-q", "--bare", "bare")
    git(bare, "config", "core.pager", "x")
    assert "setting" in why_not(str(bare))


def test_what_cannot_be_read_is_not_trusted_and_not_waited_for(project: Path) -> None:
    settings = project / ".git" / "config"
    settings.unlink()
    assert why_not(str(project))
    os.mkfifo(settings)
    assert why_not(str(project))
    assert why_not("")


def test_usual_repositories_are_trusted(project: Path) -> None:
    """A clone, another worktree, and a folder without a repository."""
    git(project.parent, "clone", "-q", str(project), "clone")
    git(project, "worktree", "add", "-q", "../further")
    git(project, "config", "user.name", "A B")
    for place in (project, project.parent / "clone", project.parent / "further", Path("/")):
        assert why_not(str(place)) == "", place
    git(project, "config", "core.pager", "x")
    assert why_not(str(project.parent / "further"))


@pytest.mark.parametrize(("name", "command"), SETTINGS[:4])
async def test_a_person_is_asked_before_git_runs_what_a_repository_names(
    project: Path, name: str, command: str
) -> None:
    git(project, "config", name, runs(project))
    async with a_shell(project, "bash", [types(f"git {command}\n"), says("ok")], [says("I see")]) as here:
        here.ask()
        asked = await here.asked()
        assert asked["actions"][-1]["line"] == f"git {command}"
        assert not (project.parent / "ran").exists()
        here.answer(asked, ok=True)
        await here.notes.end()
        await eventually((project.parent / "ran").exists)


async def test_git_asks_nobody_in_a_usual_repository(project: Path) -> None:
    async with a_shell(project, "bash", [types("git status\n"), says("ok")]) as here:
        here.ask()
        await here.notes.end()
        assert here.notes.of("ai:approval") == []


@pytest.mark.parametrize("line", ["cd inner; git status", "git status; cd inner && git log"])
async def test_git_in_a_directory_that_is_entered_in_the_same_line_is_asked_about(project: Path, line: str) -> None:
    async with a_shell(project, "bash", [types(f"{line}\n"), says("ok")]) as here:
        here.ask()
        assert "repository" in (await here.asked())["actions"][0]["risk"]


async def test_what_the_settings_allow_needs_no_trust_in_the_repository(project: Path) -> None:
    git(project, "config", "core.pager", "cat")
    steps = [types("git status\n"), says("ok")]
    async with a_shell(project, "bash", steps, allowed_commands=("git status",)) as here:
        here.ask()
        await here.notes.end()
        assert here.notes.of("ai:approval") == []
