"""Finds the lines of code that hold more memory at rest than in the base.

Such growth does not come from use: examples are a new import and a larger table. A line of the candidate and a line of
the base are the same if file and text are equal, because line numbers change when lines are added above.
"""

import collections
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

import mobifai
import profiles
from profiles.gate.rest_figures import IMPORT_ALL, REST_SECONDS, run_program, waiting_agent
from profiles.gate.results import GrownLine
from profiles.gate.sides import GateSide
from profiles.inside.baseline_memory import BaselineMemory, ImportedModule, LineMemory
from soak.gauges.quiescence import at_rest

LEAST_BYTES: Final = 4096
"""Smallest growth, in bytes, for which a line is named."""
MOST_LINES: Final = 5
SHOWN_MODULES: Final = 3
IMPORTERS: Final = Path(str(profiles.__file__)).parent / "inside" / "importers"

PRINT_BASELINE_MEMORY = """
from profiles.inside.baseline_memory import baseline_memory
print(json.dumps(baseline_memory()))
"""


async def lines_grown_at_rest(base: GateSide, now: GateSide, folder: Path, *, imports: bool) -> list[GrownLine]:
    """Run both sides while they are traced, and return the lines of the candidate (`now`) that hold more memory.

    With `imports`, a process that imports every module is traced, otherwise an agent that waits for its first phone.
    The lines with the largest difference come first, at most `MOST_LINES`. `folder` is the directory for the agents'
    files. Raises TargetFailed, StateError, ProfileError, MsgspecError.
    """
    of_base, of_now = [
        await (_imported(side) if imports else _idle(side, folder / str(number)))
        for number, side in enumerate((base, now))
    ]
    return compare_lines(of_base, of_now, _home(base), _home(now))


def compare_lines(base: BaselineMemory, now: BaselineMemory, base_home: Path, home: Path) -> list[GrownLine]:
    """Return the lines of the candidate that hold more memory than in the base, the largest difference first.

    `base` and `now` are the memory by line of base and candidate. `base_home` and `home` are the directories with their
    sources. At most `MOST_LINES` lines are returned.
    """
    found = [*_allocating(base, now, base_home, home), *_importing(base, now, home)]
    return sorted(found, key=lambda one: -one.more_bytes)[:MOST_LINES]


def _allocating(base: BaselineMemory, now: BaselineMemory, base_home: Path, home: Path) -> Iterable[GrownLine]:
    """Yield the lines of the candidate (`now`) that hold at least `LEAST_BYTES` more than the same line of the base."""
    before = {key: _bytes(lines) for key, lines in _lines_by_text(base["lines"], base_home).items()}
    for key, lines in _lines_by_text(now["lines"], home).items():
        more = _bytes(lines) - before.get(key, 0)
        if more >= LEAST_BYTES:
            file, text = key
            yield GrownLine(file, max(lines, key=lambda one: one["bytes"])["line"], text, more)


def _importing(base: BaselineMemory, now: BaselineMemory, home: Path) -> Iterable[GrownLine]:
    """Yield the lines of the candidate (`now`) that import modules which the base does not import."""
    known = {one["name"] for one in base["modules"]}
    brought: dict[tuple[str, int], list[ImportedModule]] = collections.defaultdict(list)  # bounded by the modules
    for one in now["modules"]:
        if one["name"] not in known:
            brought[one["file"], one["line"]].append(one)
    for (file, line), modules in brought.items():
        source = _source(home / file)
        names = ", ".join(one["name"] for one in modules[:SHOWN_MODULES])
        more = f" and {len(modules) - SHOWN_MODULES} more" if len(modules) > SHOWN_MODULES else ""
        text = source[line - 1].strip() if 0 < line <= len(source) else ""
        yield GrownLine(file, line, text, _bytes(modules), f"imports {names}{more}")


def _bytes(counted: Iterable[LineMemory] | Iterable[ImportedModule]) -> int:
    return sum(one["bytes"] for one in counted)


def _lines_by_text(lines: Iterable[LineMemory], home: Path) -> dict[tuple[str, str], list[LineMemory]]:
    found: dict[tuple[str, str], list[LineMemory]] = collections.defaultdict(
        list
    )  # bounded by the lines of the program
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


def _traced(side: GateSide) -> dict[str, str]:
    """Return the environment variables with which a process of a side traces its allocations and imports by line."""
    home = str(_home(side))
    return {"PYTHONTRACEMALLOC": "1", "PYTHONPATH": f"{IMPORTERS}{os.pathsep}{home}", "MOBIFAI_SIDE": home}


def _home(side: GateSide) -> Path:
    """Return the directory that contains the package `mobifai` of a side."""
    return side.installation.path or Path(str(mobifai.__file__)).parents[1]


async def _imported(side: GateSide) -> BaselineMemory:
    return msgspec.json.decode(
        await run_program(side, IMPORT_ALL + PRINT_BASELINE_MEMORY, _traced(side)), type=BaselineMemory
    )


async def _idle(side: GateSide, folder: Path) -> BaselineMemory:
    async with waiting_agent(side, folder, _traced(side)) as target:
        await at_rest(target.values, None, REST_SECONDS)
        return msgspec.convert(await target.ask("profile.standing"), BaselineMemory)
