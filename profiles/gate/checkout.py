"""Reads the state of a checkout (a git working tree): its commit, edits and files. Changes nothing in it."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from profiles.results import ProfileError

PACKAGE: Final = "mobifai"
COMPARED: Final = (PACKAGE, "pyproject.toml")
"""Paths in a checkout that determine how the package behaves. Edits elsewhere have no effect on the gate."""
GENERATED: Final = ("__pycache__", "relay/static/page")
"""Directories with files that an installation generates. They are not compared."""
KINDS: Final = {"M": "edited", "T": "edited", "A": "added", "R": "renamed", "C": "copied", "D": "deleted",
                "U": "unmerged", "?": "untracked"}  # fmt: skip


OF_HOOKS: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE")
"""Environment variables that git sets for a hook, and that select a repository. They are not passed on to git."""


class GitError(ProfileError):
    """A revision or a checkout does not exist, or git failed."""


class GitMissing(GitError):
    """The program git can't be run."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A file that differs from the checkout's commit.

    `kind` says how, such as `edited` or `untracked` (a value of `KINDS`). `path` is relative to the top of the
    checkout.
    """

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """The state of a git working tree.

    `top` is its directory, and `commit` the full hash of HEAD. `edits` are the edits of the package `mobifai` and of
    pyproject.toml. `others` counts the other edited files.
    """

    top: Path
    commit: str
    edits: tuple[Edit, ...] = ()
    others: int = 0

    @property
    def package(self) -> Path:
        """The directory of the package `mobifai` in this checkout."""
        return self.top / PACKAGE


def checkout_around(directory: Path) -> Checkout:
    """Return the state of the checkout that contains a directory. Raises GitError if none does, or if git fails."""
    top = toplevel(directory)
    edits = _edits(top)
    compared = tuple(one for one in edits if one.path.partition("/")[0] in COMPARED)
    return Checkout(top, commit_of(top, "HEAD"), compared, len(edits) - len(compared))


def commit_of(checkout: Path, revision: str) -> str:
    """Return the full hash of the commit that `revision` names, such as a branch or a tag.

    Raises GitError if there is no such commit.
    """
    if not revision or revision.startswith("-"):
        raise GitError(f"expected the name of a revision, found {revision!r}")
    try:
        return git(checkout, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()
    except GitMissing:
        raise
    except GitError:
        advice = "fetch it first (a shallow clone has only the newest)"
        raise GitError(f"expected a revision of this checkout, found {revision!r}; {advice}") from None


def toplevel(directory: Path) -> Path:
    """Return the top directory of the checkout that contains a directory.

    Raises GitError if none does, or if there is no git.
    """
    try:
        return Path(git(directory, "rev-parse", "--show-toplevel").decode().removesuffix("\n"))
    except GitMissing:
        raise
    except GitError as error:
        raise GitError(f"run the gate in a git clone of MobiFai that contains the base; {error}") from None


# -- files


def differing(checkout: Path, package: Path) -> list[str]:
    """Return the names of the package's files that differ between a checkout and an installation.

    `checkout` is the top of the checkout, whose edits and untracked files count. `package` is the directory of the
    installed package. Names begin with `mobifai/`. Raises GitError.
    """
    ours = {name: checkout / name for name in checkout_files(checkout)}
    theirs = {f"{PACKAGE}/{name}": package / name for name in package_files(package)}
    names = sorted({*ours, *theirs})
    return [name for name in names if name not in ours or name not in theirs or not _same(ours[name], theirs[name])]


def snapshot(checkout: Path, folder: Path) -> None:
    """Copy the files of a checkout to `folder`, with edits and untracked files, without files that git ignores.

    Raises GitError if git can't list the files.
    """
    for name in _names(checkout):
        if (source := checkout / name).is_symlink() or source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name, follow_symlinks=False)


def checkout_files(checkout: Path) -> list[str]:
    """Return the names of those files of a checkout that an installation of the package would contain.

    Names begin with `mobifai/`. Raises GitError.
    """
    return [name for name in _names(checkout, PACKAGE) if (checkout / name).is_file() and not is_generated(name)]


def _names(checkout: Path, *parts: str) -> list[str]:
    listed = git(checkout, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *parts)
    return sorted({os.fsdecode(name) for name in listed.split(b"\0") if name})


def package_files(package: Path) -> list[str]:
    """Return the names of an installed package's files, except those that the installation generated.

    Names are relative to `package`, the directory of the package.
    """
    names = [file.relative_to(package).as_posix() for file in package.rglob("*") if file.is_file()]
    return [name for name in names if not is_generated(f"{PACKAGE}/{name}")]


def is_generated(name: str) -> bool:
    """Return whether an installation generates the file `name`, such as a file below `__pycache__`."""
    return any(f"/{part}/" in f"/{name}" for part in GENERATED)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and one.read_bytes() == other.read_bytes()
    except OSError:
        return False


# -- git


def _edits(top: Path) -> list[Edit]:
    status = git(top, "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")
    lines = [os.fsdecode(line) for line in status.split(b"\0") if line]
    return [Edit(_kind(line[:2]), line[3:]) for line in lines]


def _kind(states: str) -> str:
    """Return the kind of an edit, a value of `KINDS`, given the two letters with which `git status` begins its line."""
    return KINDS.get(states.strip()[-1:], "edited")


def git(directory: Path, *words: str) -> bytes:
    """Run a git command with the arguments `words` in a directory, and return its output.

    The command does not get the environment variables with which a git hook selects a repository. Raises GitMissing
    if git can't be run, and GitError if the command fails.
    """
    variables = {name: value for name, value in os.environ.items() if name not in OF_HOOKS}
    variables.update(GIT_OPTIONAL_LOCKS="0", LC_ALL="C")
    try:
        done = subprocess.run(["git", "-C", str(directory), *words], capture_output=True, check=False, env=variables)  # noqa: S603, S607
    except OSError as error:
        raise GitMissing(f"expected git on the PATH, to find the base ({error.strerror}): install git") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip() or f"git {words[0]} ended with {done.returncode}"
        raise GitError(f"git says: {said}")
    return done.stdout
