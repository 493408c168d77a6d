"""Counts inside a process: exact, repeatable, and without an effect on themselves."""

import asyncio
import functools
import gc
import logging
import os
import sqlite3
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import pytest

from mobifai.bounds import Ledger
from mobifai.control.debug_plugins import PluginContext
from mobifai.control.server import ControlHandler
from mobifai.errors import MobiFaiError, StateError
from mobifai.limits import TERMINALS
from soak.gauges.gauge import gauge_of
from soak.inside.control_handlers import RUN_VARIABLE, control_handlers
from soak.inside.count import count
from soak.inside.free_lists import AT_ONCE, fill_free_lists
from soak.inside.tidy import tidy
from soak.inside.windows import MemoryWindows

HANDFUL = 8
"""Number of objects by which a thousand counts may grow."""


@pytest.fixture(autouse=True)
def _frozen() -> Iterator[None]:
    """Hide the objects of earlier tests from the garbage collector, so that the many collections here are fast."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True, scope="module")
def _memray_is_loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Record a first window, because it opens a pipe that stays open."""
    if find_spec("memray") is not None:
        windows = MemoryWindows()
        windows.begin(tmp_path_factory.mktemp("memray") / "window.bin")
        windows.end()


class Thing:
    """An object that is counted."""


# -- counting


async def test_every_name_belongs_to_a_gauge() -> None:
    ledger = Ledger()
    with ledger.bound(TERMINALS):
        values = count(ledger, disturb=True)
    assert values["python.blocks"] > 1000
    assert values["instances:terminals"] == 1
    for name in values:
        gauge_of(name)


async def test_objects_are_counted_by_type() -> None:
    name = f"types:{Thing.__module__}.Thing"
    before = count(Ledger(), disturb=True).get(name, 0)
    things = [Thing() for _ in range(7)]
    for thing in things:
        thing.itself = thing  # type: ignore[attr-defined]
    assert count(Ledger(), disturb=True)[name] == before + 7
    del things, thing
    assert count(Ledger(), disturb=False)[name] == before + 7  # the garbage was not collected
    after = count(Ledger(), disturb=True)
    assert after.get(name, 0) == before
    assert after["uncollected"] >= 7


async def test_a_look_that_may_not_disturb_collects_nothing_and_empties_nothing() -> None:
    @functools.lru_cache(maxsize=8)
    def cached(number: int) -> int:
        return number

    [cached(number) for number in range(5)]
    gc.disable()
    try:
        thing = Thing()
        thing.itself = thing  # type: ignore[attr-defined]
        seen = weakref.ref(thing)
        del thing
        assert count(Ledger(), disturb=False)["uncollected"] == 0
        assert seen() is not None
        assert cached.cache_info().currsize == 5
    finally:
        gc.enable()


async def test_tasks_threads_and_handlers_are_counted_by_name() -> None:
    gate, threads_gate = asyncio.Event(), threading.Event()

    async def wait_at_the_gate() -> None:
        await gate.wait()

    before = count(Ledger(), disturb=True)
    tasks = [asyncio.create_task(wait_at_the_gate()) for _ in range(3)]
    threads = [threading.Thread(target=threads_gate.wait, name=f"counted-{number}") for number in range(2)]
    handler = logging.NullHandler()
    logging.getLogger("soak.of.this.test").addHandler(handler)
    for thread in threads:
        thread.start()
    after = count(Ledger(), disturb=True)
    gate.set()
    threads_gate.set()
    await asyncio.gather(*tasks)
    for thread in threads:
        thread.join()
    logging.getLogger("soak.of.this.test").removeHandler(handler)
    (name,) = [name for name in after if name.endswith("wait_at_the_gate") and name.startswith("tasks:")]
    assert after[name] == 3
    assert after["threads:counted"] == 2
    assert after["handlers"] == before["handlers"] + 1
    assert name not in count(Ledger(), disturb=True)


@pytest.mark.extended
@pytest.mark.timeout(300)
async def test_a_thousand_counts_leave_everything_where_it_was() -> None:
    ledger = Ledger()
    for _ in range(20):
        count(ledger, disturb=True)
    before = count(ledger, disturb=True)["python.blocks"]  # keep only one value: the others would be counted too
    for _ in range(1000):
        count(ledger, disturb=True)
    assert abs(count(ledger, disturb=True)["python.blocks"] - before) <= HANDFUL


# -- what is emptied before a count


def test_bounded_caches_are_emptied_and_unbounded_ones_and_single_entries_stay() -> None:
    bounded = functools.lru_cache(maxsize=8)(str)
    single = functools.lru_cache(maxsize=1)(str)
    unbounded = functools.lru_cache(maxsize=None)(str)
    for number in range(5):
        for cache in (bounded, single, unbounded):
            cache(number)
    kept = single(4)
    tidy()
    assert bounded.cache_info().currsize == 0
    assert unbounded.cache_info().currsize == 5
    assert single(4) is kept
    assert single.cache_info().hits == 2


def test_a_method_that_remembers_is_a_cache_too() -> None:
    class Knower:
        @functools.lru_cache(maxsize=16)  # noqa: B019 - what is counted
        def knows(self, number: int) -> int:
            return number

    knower = Knower()
    [knower.knows(number) for number in range(4)]
    seen = weakref.ref(knower)
    del knower
    tidy()
    assert seen() is None


def test_a_data_base_keeps_no_dead_cursors(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "base.sqlite")) as base:
        base.execute("create table one (x)")
        for number in range(150):
            base.execute("insert into one values (?)", (number,))
        dead = [entry for kept in _lists(base) for entry in kept if type(entry) is weakref.ref and entry() is None]
        assert len(dead) > 100
        alive = base.execute("select x from one")
        tidy()
        dead = [entry for kept in _lists(base) for entry in kept if type(entry) is weakref.ref and entry() is None]
        assert len(dead) <= 1
        assert alive.fetchone() == (0,)
        base.rollback()


def _lists(connection: sqlite3.Connection) -> list[list[object]]:
    return [found for found in gc.get_referents(connection) if type(found) is list]


def test_data_bases_that_are_closed_or_of_another_thread_are_no_error(tmp_path: Path) -> None:
    closed = sqlite3.connect(tmp_path / "closed.sqlite")
    closed.close()
    made: list[sqlite3.Connection] = []
    go_on = threading.Event()

    def elsewhere() -> None:
        with closing(sqlite3.connect(tmp_path / "elsewhere.sqlite")) as base:
            [base.execute("select 1") for _ in range(10)]
            made.append(base)
            go_on.wait()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    try:
        while not made:
            thread.join(0.01)
        tidy()
    finally:
        go_on.set()
        thread.join()
    made.clear()


# -- free lists


async def test_free_lists_are_filled_by_what_lives_at_one_time_and_nothing_of_it_stays() -> None:
    tasks = asyncio.all_tasks()
    await fill_free_lists()
    await fill_free_lists()
    before = count(Ledger(), disturb=True)["python.blocks"]
    for _ in range(3):
        await fill_free_lists()
    assert asyncio.all_tasks() == tasks
    # A pass creates many thousand objects.
    assert abs(count(Ledger(), disturb=True)["python.blocks"] - before) < AT_ONCE


# -- windows of memray


def test_a_window_is_a_whole_file_once_it_is_ended(tmp_path: Path) -> None:
    memray = pytest.importorskip("memray")
    windows, file = MemoryWindows(), tmp_path / "window.bin"
    windows.begin(file)
    kept = [bytearray(100_000) for _ in range(10)]
    with pytest.raises(StateError, match="expected no open memray window in this process; found one: end it first"):
        windows.begin(tmp_path / "another.bin")
    windows.end()
    windows.end()
    with memray.FileReader(str(file)) as reader:
        sizes = [record.size for record in reader.get_leaked_allocation_records(merge_threads=True)]
    assert sum(sizes) >= 1_000_000
    assert not (tmp_path / "another.bin").exists()
    assert len(kept) == 10


async def test_one_window_after_the_other_leaves_the_heap_where_it_was(tmp_path: Path) -> None:
    pytest.importorskip("memray")
    windows = MemoryWindows()

    def once() -> tuple[int, int]:
        windows.begin(tmp_path / "window.bin")
        for number in range(2000):
            bytearray(1000 + number)
        windows.end()
        values = count(Ledger(), disturb=True)
        return int(values["python.blocks"]), int(values.get("heap.bytes", 0))

    for _ in range(3):
        once()
    first = once()
    for _ in range(5):
        last = once()
    assert abs(last[0] - first[0]) <= 2 * HANDFUL
    assert last[1] - first[1] <= 64 << 10


def test_a_window_that_can_not_be_written_leaves_none_open(tmp_path: Path) -> None:
    pytest.importorskip("memray")
    windows = MemoryWindows()
    with pytest.raises((OSError, MobiFaiError)):
        windows.begin(tmp_path / "no such folder" / "window.bin")
    windows.begin(tmp_path / "window.bin")
    windows.end()


# -- control handlers


@pytest.fixture
def asked() -> MappingProxyType[str, ControlHandler]:
    """Return the control handlers of this process, by name."""
    return MappingProxyType(dict(control_handlers(PluginContext(Ledger()))))


def test_the_first_window_loads_what_stays_and_the_next_one_nothing(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\nimport sys\nfrom mobifai.health.process_stats import descriptor_kinds\n"
        "from soak.inside.windows import MemoryWindows\nwindows, seen = MemoryWindows(), []\n"
        "for _ in range(3):\n"
        "    windows.begin(Path(sys.argv[1]))\n    windows.end()\n    seen.append(descriptor_kinds())\n"
        "assert seen[0] == seen[1] == seen[2], seen\n"
    )
    pytest.importorskip("memray")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "window.bin")], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


async def test_a_sample_says_which_process_it_is_of_and_what_the_ledger_holds(
    asked: MappingProxyType[str, ControlHandler],
) -> None:
    reported = await asked["soak.sample"]({})
    assert isinstance(reported, dict)
    assert reported["pid"] == os.getpid()
    assert reported["values"]["python.blocks"] > 1000
    ledger = Ledger()
    with ledger.bound(TERMINALS) as bound:
        bound.set(3)
        reported = await control_handlers(PluginContext(ledger))["soak.sample"]({"disturb": False})
        assert isinstance(reported, dict)
    entry = next(entry for entry in reported["bounds"] if entry["name"] == "terminals")
    assert (entry["used"], entry["peak"]) == (3, 3)


async def test_leaks_are_planted_only_where_the_harness_started_the_agent(
    asked: MappingProxyType[str, ControlHandler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RUN_VARIABLE, raising=False)
    with pytest.raises(StateError, match="expected an agent that `mobifai soak` has started"):
        await asked["soak.plant"]({"name": "zombie"})
    monkeypatch.setenv(RUN_VARIABLE, "run")
    with pytest.raises(MobiFaiError, match="no plant is called"):
        await asked["soak.plant"]({"name": "nothing of the kind"})


async def test_a_window_is_begun_by_one_question_and_ended_by_another(
    asked: MappingProxyType[str, ControlHandler], tmp_path: Path
) -> None:
    pytest.importorskip("memray")
    file = tmp_path / "window.bin"
    await asked["soak.trace"]({"file": str(file)})
    await asked["soak.untrace"]({})
    assert file.stat().st_size > 0
