"""Which lines have more at rest than in the base: for growth that no cycle brings, such as an import or a table.

Owns nothing. Lines are known again by their file and their text: they move when something is added above.
"""

import asyncio
import collections
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from profiles.gate.resting import IMPORT_ALL, REST_SECONDS
from profiles.gate.results import GrownLine
from profiles.gate.sides import Side
from profiles.inside.standing import FRAMES, Line
from soak import shell
from soak.rest import at_rest
from soak.target import agent_under_test

LEAST_BYTES: Final = 2048
"""A line with so much more is worth being named."""
MOST_LINES: Final = 5
TRACED: Final[Mapping[str, str]] = {"PYTHONTRACEMALLOC": str(FRAMES)}

TELL_STANDING = """
from profiles.inside.standing import standing
print(json.dumps(standing()))
"""


async def grown_at_rest(base: Side, now: Side, folder: Path, *, imports: bool) -> list[GrownLine]:
    """The lines that have most more than in the base. Raises TargetFailed, StateError, ValueError."""
    of_base, of_now = [
        await (_imported(side) if imports else _idle(side, folder / str(number)))
        for number, side in enumerate((base, now))
    ]
    return grown(of_base, of_now, _home(base), _home(now))


def grown(base: Iterable[Line], now: Iterable[Line], base_home: Path, home: Path) -> list[GrownLine]:
    """The same of two counts that were taken, with where the sources are."""
    before = _by_text(base, base_home)
    found = []
    for key, lines in _lines_by_text(now, home).items():
        more = sum(one["bytes"] for one in lines) - before.get(key, 0)
        if more >= LEAST_BYTES:
            found.append(GrownLine(key[0], max(lines, key=lambda one: one["bytes"])["line"], key[1], more))
    return sorted(found, key=lambda one: -one.more_bytes)[:MOST_LINES]


def _by_text(lines: Iterable[Line], home: Path) -> dict[tuple[str, str], int]:
    return {key: sum(one["bytes"] for one in same) for key, same in _lines_by_text(lines, home).items()}


def _lines_by_text(lines: Iterable[Line], home: Path) -> dict[tuple[str, str], list[Line]]:
    found: dict[tuple[str, str], list[Line]] = collections.defaultdict(list)  # bounded by the lines of the program
    sources: dict[str, Sequence[str]] = {}
    for one in lines:
        source = sources.setdefault(one["file"], _source(home / one["file"]))
        text = source[one["line"] - 1].strip() if 0 < one["line"] <= len(source) else ""
        found[one["file"], text].append(one)
    return found


def _source(file: Path) -> Sequence[str]:
    try:
        return file.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _home(side: Side) -> Path:
    return side.installation.path or Path()


async def _imported(side: Side) -> list[Line]:
    process = await asyncio.create_subprocess_exec(
        *(side.installation.python, "-c", IMPORT_ALL + TELL_STANDING),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**side.installation.environment(), **TRACED},
    )
    out, _ = await process.communicate()
    return msgspec.json.decode(out.splitlines()[-1] if out else b"[]", type=list[Line])


async def _idle(side: Side, folder: Path) -> list[Line]:
    folder.mkdir(parents=True)
    settings = folder / "config.toml"
    settings.write_text("")
    async with agent_under_test(
        folder / "agent",
        settings,
        ["--shell", shell.COMMAND],
        installation=side.installation,
        variables=TRACED,
    ) as target:
        await at_rest(target.values, None, REST_SECONDS)
        return msgspec.convert(await target.ask("profile.standing"), list[Line])
