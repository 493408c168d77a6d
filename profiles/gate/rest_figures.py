"""Measures the figures at rest before any use: after importing every module, and in an agent that waits for a phone.

Base and candidate are measured in turns, each of them `STARTS` times and in fresh processes. The smallest value of each
figure counts.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psutil

from mobifai.errors import MobiFaiError
from profiles.gate.builder import one_line_error
from profiles.gate.figures import together
from profiles.gate.sides import GateSide
from profiles.results import ProfileError
from soak import shell
from soak.gauges.quiescence import at_rest
from soak.harness.agent_process import EXACT_HEAP, AgentUnderTest, agent_under_test

STARTS = 2
REST_SECONDS = 10.0
_WHERE = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
IMPORT_SECONDS = 120.0

IMPORT_ALL = """
import gc, importlib, json, pkgutil, sys
from mobifai.health.process_stats import heap_in_use
import mobifai
for found in pkgutil.walk_packages(mobifai.__path__, "mobifai."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
gc.collect()
counted = {"modules": len(sys.modules), "objects": sys.getallocatedblocks(), "heap": heap_in_use()}
print(json.dumps({name: value for name, value in counted.items() if value is not None}))
"""

COUNTED: Mapping[str, tuple[str, ...]] = {
    "threads": ("threads:", "keeper/threads:of the system"),
    "descriptors": ("descriptors:agent ",),
    "tasks": ("tasks:",),
}
"""For each figure, the beginnings of the names of soak's gauges that it is the sum of.

Descriptors of the keeper do not count, because the keeper inherits descriptors of its parent.
"""

FigureValues = dict[str, float]
"""Values of figures at rest by name, such as `idle.heap` or `used.heap:mixed` (see `profiles.gate.figures.FIGURES`)."""


class BaseFailed(ProfileError):
    """The base can't be measured. This says nothing about the candidate."""


async def measure_at_rest(sides: Sequence[GateSide], folder: Path, tell: Callable[[str], None]) -> list[FigureValues]:
    """Measure the figures at rest of each side before any use, and return them in the order of `sides`.

    The last of `sides` is the candidate. `folder` is the directory for the agents' files. `tell` is called with lines
    of progress. Raises BaseFailed if the base can't be measured, and ProfileError, TargetFailed or StateError if the
    candidate can't.
    """
    found: list[list[FigureValues]] = [[] for _ in sides]
    for start in range(STARTS):
        for number, side in enumerate(sides):
            tell(f"{side.name}: memory at rest, measurement {start + 1} of {STARTS}")
            try:
                found[number].append(await _figures(side, folder / f"{number}.{start}"))
            except Exception as error:
                if side is sides[-1]:
                    raise
                raise BaseFailed(
                    one_line_error(str(error) if isinstance(error, MobiFaiError) else repr(error))
                ) from error
    return [smallest_values(of_side) for of_side in found]


def smallest_values(measured: Sequence[Mapping[str, float]]) -> FigureValues:
    """Return the smallest value of each figure in several measurements of one side.

    A figure that is missing in one of the measurements is left out.
    """
    names = set.intersection(*(set(one) for one in measured))
    return {name: min(one[name] for one in measured) for name in sorted(names)}


async def _figures(side: GateSide, folder: Path) -> FigureValues:
    return {**await _imports(side), **await _idle(side, folder)}


async def _imports(side: GateSide) -> FigureValues:
    counted = msgspec.json.decode(await run_program(side, IMPORT_ALL, EXACT_HEAP), type=dict[str, float])
    return {f"imports.{name}": value for name, value in counted.items()}


async def run_program(side: GateSide, program: str, variables: Mapping[str, str]) -> bytes:
    """Run a Python program with the interpreter of a side, and return the last line of its output.

    `program` is the source text, which imports every module of MobiFai. `variables` are added to its environment.
    Raises ProfileError if the program fails or takes too long.
    """
    process = await asyncio.create_subprocess_exec(
        *(side.installation.python, "-P", "-c", program),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**side.installation.helper_environment(side.temporary), **variables},
    )
    try:
        async with asyncio.timeout(IMPORT_SECONDS):
            out, err = await process.communicate()
    except TimeoutError:
        raise ProfileError(
            f"{side.name}: expected every module of mobifai to be imported within {IMPORT_SECONDS:g} s; it took longer"
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        said = _cause(err.decode(errors="replace"), side.installation.path)
        raise ProfileError(f"{side.name}: expected every module of mobifai to be importable; Python's error: {said}")
    return out.splitlines()[-1]


def _cause(traceback: str, home: Path | None) -> str:
    """Return the error of a traceback and the line where it occurred, as in `SyntaxError: ... (mobifai/agent.py:7)`.

    `home` is the directory to which the file name becomes relative.
    """
    error = (traceback.strip().splitlines() or ["nothing"])[-1]
    where = list(_WHERE.finditer(traceback))
    if not where:
        return error
    file = where[-1]["file"].removeprefix(f"{home}/")
    return f"{error} ({file}:{where[-1]['line']})"


@asynccontextmanager
async def waiting_agent(
    side: GateSide, folder: Path, variables: Mapping[str, str] | None = None
) -> AsyncIterator[AgentUnderTest]:
    """Run an agent of a side in this scope, and yield it when it waits for its first phone.

    `folder` is a new directory for its files, and `variables` are added to its environment. Raises TargetFailed,
    StateError.
    """
    folder.mkdir(parents=True)
    settings = folder / "config.toml"
    settings.write_text("")
    async with agent_under_test(
        folder / "agent",
        settings,
        ["--shell", shell.COMMAND],
        installation=side.installation,
        variables=variables,
    ) as target:
        yield target


async def _idle(side: GateSide, folder: Path) -> FigureValues:
    async with waiting_agent(side, folder) as target:
        await target.ask("soak.fill")  # fills Python's free lists, whose lengths would otherwise be random
        values, _ = await at_rest(target.values, None, REST_SECONDS)
        worst = float((await target.ask("status"))["worst_case_bytes"])
        return {**figures_of(values, "idle"), **_pages(target), "limits.bytes": worst}


def figures_of(values: Mapping[str, float], prefix: str, suffix: str = "") -> FigureValues:
    """Return figures at rest, given the `values` of soak's gauges.

    In the name of a figure, such as `used.heap:mixed`, `prefix` is the part before the point (`used`), and `suffix` the
    part from the colon (`:mixed`).
    """
    found = {f"{prefix}.{name}{suffix}": together(values, start) for name, start in COUNTED.items()}
    for name, gauge in (("objects", "python.blocks"), ("heap", "heap.bytes")):
        if gauge in values:
            found[f"{prefix}.{name}{suffix}"] = values[gauge]
    return found


def _pages(target: AgentUnderTest) -> FigureValues:
    """Return the figures `idle.pages` and `idle.keeper`: the private memory, in bytes, of the agent and of its keeper.

    Only memory that has been written to counts.
    """
    return {"idle.pages": _written(target.agent_pid), "idle.keeper": _written(target.keeper_pid)}


def _written(pid: int) -> float:
    """Return the bytes of private memory to which a process has written.

    That is `Private_Dirty` in /proc/PID/smaps_rollup. On systems without this file, return the unique set size (USS).
    """
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    if rollup.exists():
        (line,) = [line for line in rollup.read_text().splitlines() if line.startswith("Private_Dirty:")]
        return float(int(line.split()[1]) << 10)
    return float(psutil.Process(pid).memory_full_info().uss)
