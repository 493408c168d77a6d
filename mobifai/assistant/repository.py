"""Checks that git runs no program of a repository when it only shows something.

A repository, for example from an archive, has its own settings and hooks, and git runs the pagers, monitors, filters
and signature checks that they name. A repository is accepted only if all of its settings are known to name no program.
"""

import re
from collections.abc import Mapping
from pathlib import Path

MOST_SETTINGS = 256 << 10
MOST_INDEX = 32 << 20
"""The maximum sizes in bytes of a repository's settings file and of its index. A larger file is rejected."""

_SECTION = re.compile(r'\[([A-Za-z]+)(?:[ \t]+"[^"\\]*")?\]')
_SETTING = re.compile(r'([A-Za-z][A-Za-z0-9-]*)[ \t]*(?:=[^\\"]*)?')


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NAME_NO_PROGRAM: Mapping[str, frozenset[str]] = {
    "core": _names(
        "autocrlf bare eol filemode ignorecase logallrefupdates precomposeunicode protecthfs protectntfs quotepath"
        " repositoryformatversion safecrlf symlinks"
    ),
    "remote": _names("fetch gh-resolved prune pushurl tagopt url"),
    "branch": _names("description gh-merge-base merge rebase remote vscode-merge-base"),
    "user": _names("name email"),
}
"""Settings, in lower case, by which git runs no program when it only shows something."""

_SUBMODULE = b"\x00\x00\xe0\x00"
"""The file mode of a submodule in the index. A submodule is a repository that git reads as well."""


def why_not(directory: str) -> str:
    """Return why git may run a program of the repository that contains this directory; empty if it can't."""
    if not directory:
        return "the directory in which git would look is not known"
    try:
        found = _find(Path(directory))
        return _why_not(*found) if found is not None else ""
    except (OSError, ValueError):
        return "the git repository here can't be looked through"


def _find(directory: Path) -> tuple[Path, Path] | None:
    """Return the directory of the repository around `directory`, and that of its settings; None without one.

    The two differ in an additional worktree.
    """
    for place in (directory, *directory.parents):
        if all((place / name).exists() for name in ("HEAD", "objects", "refs")):
            return place, place
        if (place / ".git").is_dir():
            return place / ".git", place / ".git"
        if (place / ".git").exists():
            own = place / _text(place / ".git").removeprefix("gitdir:").strip()
            common = own / "commondir"
            return own, own / _text(common).strip() if common.exists() else own
    return None


def _why_not(own: Path, common: Path) -> str:
    settings = [common / "config", own / "config.worktree"]
    unknown = next((name for file in settings if (name := _unknown_setting(file))), "")
    if unknown:
        return f"this git repository has a setting by which git may run a program: {unknown[:60]}"
    if (common / "hooks" / "post-index-change").exists():
        return "this git repository has a hook that git may run: post-index-change"
    if any(own.glob("sharedindex.*")):
        return "this git repository has a split index, which can't be looked through for submodules"
    if _has_submodule(own / "index"):
        return "this git repository has submodules, in which git may run programs"
    return ""


def _has_submodule(index: Path) -> bool:
    return index.exists() and _SUBMODULE in _bytes(index, MOST_INDEX)


def _unknown_setting(file: Path) -> str:
    """Return the first line of git's settings file that is not known to be harmless; empty if there is none."""
    if not file.exists() and file.name == "config.worktree":
        return ""
    known: frozenset[str] | None = None
    for line in (row.strip(" \t\r") for row in _text(file).split("\n")):
        if not line or (line[0] in "#;" and "\\" not in line):
            continue
        if section := _SECTION.fullmatch(line):
            known = _NAME_NO_PROGRAM.get(section[1].lower())
        setting = _SETTING.fullmatch(line)
        if known is None or not (section or (setting and setting[1].lower() in known)):
            return line
    return ""


def _text(file: Path) -> str:
    return _bytes(file, MOST_SETTINGS).decode()


def _bytes(file: Path, most: int) -> bytes:
    """Read a regular file of at most `most` bytes. Raises OSError or ValueError, also for a pipe, which could block."""
    if not file.is_file():
        raise ValueError(f"{file}: expected a file")
    with file.open("rb") as opened:
        found = opened.read(most + 1)
    if len(found) > most:
        raise ValueError(f"{file}: expected at most {most} bytes")
    return found
