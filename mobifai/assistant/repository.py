"""Checks that git runs no program of a repository when it only shows something.

A repository, for example one from an archive, has settings and hooks of its own. They name pagers, monitors, filters
and signature checks, which git runs. A repository is accepted only if each of its settings is known to name no program.
"""

import re
from collections.abc import Mapping
from pathlib import Path

MOST_SETTINGS = 256 << 10
MOST_INDEX = 32 << 20
"""The maximum size of a repository's index in bytes, like MOST_SETTINGS for its settings file. A repository with a
larger file is rejected."""

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
"""The settings, by section and in lower case, that do not make git run a program when it only shows something."""

_SUBMODULE = b"\x00\x00\xe0\x00"
"""The file mode of a submodule in the index. A submodule is another repository, which git reads as well."""


def why_not(directory: str) -> str:
    """Return why git may run a program of the repository around this directory, or an empty text if it runs none."""
    if not directory:
        return "the directory in which git would look is not known"
    try:
        found = _find(Path(directory))
        return _why_not(*found) if found is not None else ""
    except (OSError, ValueError):
        return "the git repository here can't be looked through"


def _find(directory: Path) -> tuple[Path, Path] | None:
    """Return the directory of the repository around `directory`, and the directory with its settings.

    The two differ in an additional worktree. Return None if there is no repository.
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
    """Return the first line of a git settings file that is not known to be harmless, or an empty text."""
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
    """Read a regular file of at most `most` bytes.

    Raises OSError, or ValueError for a longer file or another kind of file.
    """
    if not file.is_file():
        raise ValueError(f"{file}: expected a file")
    with file.open("rb") as opened:
        found = opened.read(most + 1)
    if len(found) > most:
        raise ValueError(f"{file}: expected at most {most} bytes")
    return found
