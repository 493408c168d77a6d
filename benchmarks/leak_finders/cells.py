"""Measures one cell of the table of leak finders in a separate process.

A cell is one run of a finder with one plant, or without a plant. Owns the process and its folder.
"""

import asyncio
import json
import os
import shutil
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import msgspec
from memray import FileReader

from benchmarks.leak_finders.host import NO_PLANT, SHORT_REST_SECONDS
from soak.plants import LifecycleEvent

ROOT = Path(__file__).parents[2]
"""The folder from which `benchmarks` and `tests` are imported.

Symbolic links are not resolved. So this may be a folder with links to both, in which the checkout's own mobifai is
missing, and the installed one is imported.
"""
CELL_SECONDS = 300.0
REST_SECONDS = 6.0
"""Seconds of rest at the end of a test. The timer of a decoy takes five seconds."""
NO_LIMIT = 1 << 40
MOST_PLACES = 500

MARKED_TEST = """\
import pathlib
import pytest
from benchmarks.leak_finders.host import HostedAgent


@pytest.fixture
def hosted():
    with HostedAgent({moment!r}, {plant!r}, pathlib.Path({folder!r})) as hosted:
        hosted.drive({events})
        hosted.rest({short})
        yield hosted


@pytest.mark.limit_leaks("{limit} B")
def test_leaks_nothing(hosted):
    hosted.drive({events})
    hosted.rest({rest})
"""

MEMRAY_OPTIONS = ("--memray", "--hide-memray-summary", "-p", "no:logging", "-p", "no:cacheprovider")


@dataclass(frozen=True, slots=True)
class FinderCell:
    """A cell to measure.

    `tool` is `memray` or `rss`, and `role` is `calibration`, `clean`, `leak` or `decoy`. `moment` is the kind of event
    that is caused. `number` distinguishes cells that are equal otherwise. `limit` is the number of bytes at which
    pytest-memray reports a location; RSS has none.
    """

    tool: str
    role: str
    moment: LifecycleEvent
    plant: str = NO_PLANT
    number: int = 0
    limit: int = NO_LIMIT

    @property
    def key(self) -> str:
        """The identity of the cell, which is the same whenever the table is measured."""
        return f"{self.tool} {self.role} {self.moment} {self.plant} {self.number}"


class CellResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of one cell. `alarm` is the answer of pytest-memray; `course` is RSS in bytes after each sample.

    `largest` is the number of bytes that the worst location kept, and `at` is the innermost line of Python there.
    `names_plant` is true if a stack above the limit has a line of a plant. `error` is the reason if there is no answer.
    """

    key: str
    tool: str
    role: str
    moment: str
    plant: str
    seconds: float
    events: int
    limit: int = 0
    alarm: bool = False
    largest: int = 0
    at: str = ""
    names_plant: bool = False
    places: list[tuple[str, int]] = []
    """The worst locations (innermost line of Python), with the bytes that each call stack ending there kept."""
    course: list[int] = []
    error: str = ""


async def measure(cell: FinderCell, events: int) -> CellResult:
    """Measure a cell with `events` events. An error is stated in the result and not raised."""
    started, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="leak-finders-"))
    run = _memray if cell.tool == "memray" else _rss
    try:
        said = await run(cell, events, folder)
    except (OSError, ValueError, LookupError, ElementTree.ParseError, TimeoutError) as error:
        said = {"error": f"{type(error).__name__}: {error}"[-600:]}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    known = {name: getattr(cell, name) for name in ("key", "tool", "role", "moment", "plant", "limit")}
    return msgspec.convert({**known, "seconds": time.monotonic() - started, "events": events, **said}, CellResult)


async def _rss(cell: FinderCell, events: int, folder: Path) -> dict[str, object]:
    words = ["-m", "benchmarks.leak_finders.host", cell.moment, cell.plant, str(folder / "host"), str(events)]
    said = await _python(words, folder)
    return {"course": json.loads(said.splitlines()[0])}


async def _memray(cell: FinderCell, events: int, folder: Path) -> dict[str, object]:
    values = {"moment": cell.moment.value, "plant": cell.plant, "folder": str(folder / "host"), "events": events}
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_leaks.py").write_text(
        MARKED_TEST.format(limit=cell.limit, rest=REST_SECONDS, short=SHORT_REST_SECONDS, **values)
    )
    (folder / "bin").mkdir()
    words = ["-m", "pytest", *MEMRAY_OPTIONS, "--memray-bin-path", str(folder / "bin"), "--junitxml", "junit.xml"]
    said = await _python([*words, "test_leaks.py"], folder)
    alarm = _failed_by_memray(folder / "junit.xml", said)
    return {"alarm": alarm, **_locations(next((folder / "bin").rglob("*.bin")), cell.limit)}


def _failed_by_memray(junit: Path, said: str) -> bool:
    """Return whether pytest-memray failed the test because of a leak. Raises ValueError for any other failure."""
    case = next(ElementTree.parse(junit).iter("testcase"))  # noqa: S314 - written by our own run
    failure = case.find("failure")
    if failure is None and case.find("error") is None:
        return False
    if failure is None or "allowed to leak" not in "".join(case.itertext()) + failure.get("message", ""):
        raise ValueError(f"expected a test that passes or leaks; found {said[-500:]}")
    return True


def _locations(recorded: Path, limit: int) -> dict[str, object]:
    """Return the fields of a CellResult about locations, from the records of memray that pytest-memray judges."""
    records = sorted(FileReader(recorded).get_leaked_allocation_records(), key=lambda one: one.size, reverse=True)
    over = [one.stack_trace() for one in records if one.size >= limit]
    places = [(_place(one.stack_trace(max_stacks=1)), one.size) for one in records[:MOST_PLACES]]
    worst, largest = places[0] if places else ("", 0)
    return {
        "largest": largest,
        "at": worst,
        "places": places,
        "names_plant": any("soak/plants/" in file and "hooks" not in file for stack in over for _, file, _ in stack),
    }


def _place(stack: list[tuple[str, str, int]]) -> str:
    return f"{_short(stack[0][1])}:{stack[0][2]}" if stack else "outside of Python"


def _short(file: str) -> str:
    for place in (str(ROOT), sysconfig.get_path("purelib")):
        if file.startswith(f"{place}/"):
            return str(Path(file).relative_to(place))
    return "/".join(Path(file).parts[-2:])


async def _python(words: list[str], folder: Path) -> str:
    (folder / "tmp").mkdir()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *words),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=True,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(CELL_SECONDS):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = said.decode(errors="replace")
    if process.returncode not in (0, 1):
        raise ValueError(f"expected exit status 0 or 1; found {process.returncode}: {text[-500:]}")
    return text
