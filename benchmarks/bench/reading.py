"""The speed at which MobiFai reads the output of a terminal that no phone shows, compared with a loop in C.

The loop in C is compiled during the run. Each terminal, and the program that prints on it, exist for one reading.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import click
import msgspec

from benchmarks.bench.page_text import READING_TEXT
from benchmarks.bench.payload import Payload
from benchmarks.bench.results import BenchCell, BenchResults
from benchmarks.bench.rows import MB
from benchmarks.bench.tables import table_of
from mobifai.terminals.spawning import start_shell

READING = "reading"
"""The name of the table of this module. `--rows` accepts it beside the names of rows."""
SPEED, CPU = "reading", "reading-cpu"
OURS, LOOP = "mobifai-reader", "c-loop"
TITLES = {OURS: "MobiFai's terminal, into its ring", LOOP: "a C loop of `read`, 64 KiB, into one buffer"}
TIMES = 3
"""How many times the file is printed for one figure."""
READ_SECONDS = 120.0
HERE = Path(__file__).parent


class ReadingFailed(Exception):
    """A reader could not be measured. The message says why."""


@contextmanager
def printing(payload: Payload) -> Iterator[int]:
    """Yield the descriptor of the PTY master of a raw terminal, on which the file is printed TIMES times."""
    files = " ".join([f"'{payload.path}'"] * TIMES)
    command = ("/bin/sh", "-c", f"stty raw -echo; cat {files}; exec sleep 1000")
    pid, master = start_shell(command, dict(os.environ), "/", (24, 80))
    try:
        yield master
    finally:
        os.close(master)
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


async def compiled(folder: Path) -> list[str]:
    """Compile the C loop and return its command. Raises ReadingFailed without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise ReadingFailed("no C compiler on this machine")
    program = folder / "reader"
    process = await asyncio.create_subprocess_exec(compiler, "-O2", "-o", str(program), str(HERE / "reader.c"))
    if await process.wait() != 0:
        raise ReadingFailed("the C compiler failed")
    return [str(program)]


async def read_by(command: list[str], payload: Payload) -> dict[str, float]:
    """Run the reader `command` on all printed output. Return what it reports: `seconds`, `cpu` (seconds) and `bytes`.

    Raises ReadingFailed if it takes too long, or reads another number of bytes.
    """
    wanted = TIMES * payload.size
    with printing(payload) as master:
        process = await asyncio.create_subprocess_exec(
            *command, str(master), str(wanted), pass_fds=(master,), stdout=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(READ_SECONDS):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise ReadingFailed(f"not finished within {READ_SECONDS:g} s") from None
    took = json.loads(output or b"{}")
    if took.get("bytes") != wanted:
        raise ReadingFailed(f"expected {wanted:,} bytes; got {took.get('bytes', 0):,}")
    return dict(took)


async def rounds(many: int, payload: Payload, folder: Path, results: BenchResults) -> None:
    """Measure those of `many` rounds that `results` does not have. A failed round leaves cells with the reason."""
    for number in range(1, many + 1):
        for peer in (OURS, LOOP):
            if not results.has((number, peer, SPEED)):
                for cell in await _measure(number, peer, payload, folder):
                    results.add(cell)


async def _measure(number: int, peer: str, payload: Payload, folder: Path) -> list[BenchCell]:
    try:
        ours = [sys.executable, str(HERE / "reader.py")]
        took = await read_by(ours if peer == OURS else await compiled(folder), payload)
    except (ReadingFailed, OSError) as error:
        return [BenchCell(number, peer, row, reason=str(error)) for row in (SPEED, CPU)]
    speed, cpu = took["bytes"] / MB / took["seconds"], took["cpu"] / took["bytes"] * 1e9
    click.echo(f"{number} {READING:10} {peer:13} {took['seconds']:5.1f} s  {speed:.1f} MB/s", err=True)
    return [BenchCell(number, peer, SPEED, speed), BenchCell(number, peer, CPU, cpu)]


class _ReaderFigures(msgspec.Struct, frozen=True):
    """The figures of one reader by round, or the reason why there is none."""

    values: dict[tuple[str, int], float]
    reason: str

    def of(self, row: str) -> dict[int, float]:
        return {number: value for (name, number), value in self.values.items() if name == row}


def reading_section(cells: Iterable[BenchCell]) -> str:
    """Return the section of the page about the speed of reading, or an empty text without measurements of it."""
    found = [cell for cell in cells if cell.peer in TITLES]
    if not found:
        return ""
    read = {
        peer: _ReaderFigures(
            {(one.row, one.round): one.value for one in found if one.peer == peer and one.value is not None},
            next((one.reason for one in found if one.peer == peer and one.reason), "–"),
        )
        for peer in TITLES
    }
    head = ["", "MB/s", "of the C loop's", "CPU seconds a GB"]
    rows = [[title, *_cells(read[peer], read[LOOP])] for peer, title in TITLES.items()]
    return READING_TEXT + "\n" + table_of(head, rows)


def _cells(read: _ReaderFigures, loop: _ReaderFigures) -> list[str]:
    speeds, others, cpu = read.of(SPEED), loop.of(SPEED), read.of(CPU)
    if not speeds:
        return [read.reason, "–", "–"]
    ratios = [speeds[number] / others[number] for number in speeds.keys() & others.keys()]
    share = f"{median(ratios):.2f}" if ratios else "–"
    return [f"{median(speeds.values()):.0f}", share, f"{median(cpu.values()):.2f}" if cpu else "–"]
