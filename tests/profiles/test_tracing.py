"""Examining this process: leaks are named, and the process is unchanged afterwards."""

import _tracemalloc
import asyncio
import builtins
import contextlib
import ctypes
import functools
import gc
import io
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mobifai.errors import StateError
from profiles.attribution.growth import risen_containers, risen_sites
from profiles.inside.tracing import AllocationTracer

WINDOWS = 7
EVENTS = 20

WRAPPED: tuple[tuple[Any, str], ...] = (
    *((os, name) for name in ("open", "pipe", "openpty", "dup", "posix_spawn", "fork", "forkpty")),
    *((builtins, "open"), (io, "open"), (socket.socket, "__init__"), (sqlite3, "connect"), (gc, "freeze")),
    *((subprocess.Popen, "__init__"), (ctypes.CDLL, "__getitem__")),
)


@pytest.fixture
def tracing() -> Iterator[AllocationTracer]:
    one = AllocationTracer()
    yield one
    one.end()


class Holder:
    """A long-lived object of the program."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.by_name: dict[str, str] = {}


HOLDER = Holder()


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Hide the objects of earlier tests, which would slow down the examination."""
    gc.collect()
    gc.freeze()
    globals()["HOLDER"] = Holder()
    yield
    globals()["HOLDER"] = Holder()
    gc.unfreeze()


async def looked(
    tracing: AllocationTracer,
    leak: Callable[[int], object] | Callable[[int], Awaitable[object]],
    folder: Path | None = None,
) -> dict[str, Any]:
    """Call a function between windows, and examine the growth."""
    tracing.begin()
    for window in range(WINDOWS):
        for number in range(EVENTS):
            happened = leak(window * EVENTS + number)
            if isinstance(happened, Awaitable):
                await happened
        gc.collect()
        await tracing.window()
    reported, cycles = tracing.histories(), [EVENTS * number for number in range(WINDOWS)]
    sites, containers = risen_sites(cycles, reported["sites"]), risen_containers(cycles, reported["containers"])
    folders = [str(folder)] if folder else []
    return {
        **await tracing.examine([*sites], [*containers], folders),
        "risen": [reported["sites"][key] for key in sites],
    }


def line_of(function: Callable[..., object], text: str) -> tuple[str, int]:
    """Return the line of a text in a function."""
    code = function.__code__
    lines = Path(code.co_filename).read_text().splitlines()
    number = next(n for n in range(code.co_firstlineno, len(lines)) if text in lines[n])
    return code.co_filename, number + 1


async def test_a_list_that_grows_is_named_with_its_line_what_it_holds_and_what_holds_it(
    tracing: AllocationTracer,
) -> None:
    def leak(number: int) -> None:
        HOLDER.kept.append(functools.partial(print, f"number {number}"))

    examined = await looked(tracing, leak)
    (mine,) = [one for one in examined["containers"] if one["path"].endswith("HOLDER.kept: list")]
    assert mine["grown_at"][0] == line_of(leak, "append")
    assert mine["of"] == "functools.partial"
    assert mine["holds"]["builtins.str"] == mine["holds"]["functools.partial"]
    assert not mine["weak"]


async def test_a_dictionary_of_text_alone_is_seen_though_the_collector_does_not_know_it(
    tracing: AllocationTracer,
) -> None:
    def leak(number: int) -> None:
        HOLDER.by_name[f"name {number}"] = f"value {number}"

    examined = await looked(tracing, leak)
    assert any(one["path"].endswith("HOLDER.by_name: dict") for one in examined["containers"])


async def test_the_objects_below_an_element_are_explained_by_their_container(tracing: AllocationTracer) -> None:
    class Thing:
        def __init__(self, number: int) -> None:
            self.text = f"thing {number}" * 10

    examined = await looked(tracing, lambda number: HOLDER.kept.append({"one": (Thing(number),)}))
    (mine,) = [one for one in examined["containers"] if "HOLDER.kept" in one["path"]]
    made = {tuple(place) for place in mine["made_at"]}
    assert line_of(Thing.__init__, "self.text") in made or len(mine["explains"]) >= 2


async def test_the_line_that_made_an_element_comes_before_the_lines_of_what_it_refers_to(
    tracing: AllocationTracer,
) -> None:
    def received(number: int) -> list[str]:
        return [f"part {number} {part}" for part in range(20)]

    def leak(number: int) -> None:
        parts = received(number)
        HOLDER.by_name[f"name {number}"] = functools.partial(print, parts)

    examined = await looked(tracing, leak)
    (mine,) = [one for one in examined["containers"] if one["path"].endswith("HOLDER.by_name: dict")]
    first, *others = (tuple(place) for place in mine["made_at"])
    assert first == line_of(leak, "partial")
    assert line_of(received, "part ") in others


async def test_an_unbounded_cache_is_known_by_its_function(tracing: AllocationTracer) -> None:
    @functools.cache
    def title(number: int) -> str:
        return f"title {number}"

    HOLDER.kept.append(title)
    examined = await looked(tracing, title)
    (mine,) = [one for one in examined["containers"] if one["cache"]]
    assert mine["cache"][0] == __file__


async def test_what_comes_and_goes_is_not_reported(tracing: AllocationTracer) -> None:
    def comes_and_goes(number: int) -> None:
        HOLDER.kept.append(object())
        if len(HOLDER.kept) > 30:
            HOLDER.kept.clear()

    examined = await looked(tracing, comes_and_goes)
    assert not [one for one in examined["containers"] if "HOLDER" in one["path"]]


async def test_what_the_look_itself_takes_is_never_reported(tracing: AllocationTracer) -> None:
    examined = await looked(tracing, lambda number: None)
    files = {file for row in examined["risen"] for file, _ in row["stack"]}
    assert not [file for file in files if "/profiles/inside/" in file]
    assert not [one for one in examined["containers"] if "/profiles/" in str(one["grown_at"])]


# -- leftovers


async def test_descriptors_are_known_by_the_line_that_opened_them(tracing: AllocationTracer) -> None:
    ends: list[int] = []

    def leak(number: int) -> None:
        ends.extend(os.pipe())

    try:
        examined = await looked(tracing, leak)
        row = next(one for one in examined["descriptors"] if one["what"] == "pipe")
        assert tuple(row["stack"][0]) == line_of(leak, "os.pipe")
        assert row["count"] == 2 * EVENTS * (WINDOWS - 1)
    finally:
        for end in ends:
            os.close(end)


async def test_files_rows_children_threads_and_tasks_are_known_by_their_lines(
    tracing: AllocationTracer, tmp_path: Path
) -> None:
    base = sqlite3.connect(tmp_path / "rows.sqlite", isolation_level=None)
    base.execute("CREATE TABLE happened (number)")
    ended, children, tasks = threading.Event(), [], []

    def leak(number: int) -> None:
        (tmp_path / f"file-{number}").write_text("x")
        base.execute("INSERT INTO happened VALUES (?)", (number,))
        if number % EVENTS == 0:
            children.append(subprocess.Popen(["sleep", "60"], stdin=subprocess.PIPE))
            threading.Thread(target=ended.wait, name="waits").start()
            tasks.append(asyncio.get_running_loop().create_task(asyncio.sleep(60)))

    try:
        examined = await looked(tracing, leak, tmp_path)
        lines = {
            kind: {tuple(frame) for one in examined[kind] for frame in one["stack"]}
            for kind in ("files", "threads", "tasks", "children")
        }
        assert [(one["what"], one["count"]) for one in examined["rows"]] == [("happened", EVENTS * (WINDOWS - 1))]
        assert line_of(leak, "write_text") in lines["files"]
        assert line_of(leak, "Thread(") in lines["threads"]
        assert line_of(leak, "create_task") in lines["tasks"]
        assert line_of(leak, "Popen(") in lines["children"]
    finally:
        ended.set()
        base.close()
        for child in children:
            child.kill()
            child.communicate()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for thread in threading.enumerate():
            if thread.name == "waits":
                thread.join()


async def test_memory_that_ctypes_asked_for_is_known_until_it_is_freed(tracing: AllocationTracer) -> None:
    library = ctypes.CDLL(None)
    malloc, free = library.malloc, library.free
    malloc.argtypes, malloc.restype, free.argtypes = [ctypes.c_size_t], ctypes.c_void_p, [ctypes.c_void_p]
    kept: list[int] = []

    def leak(number: int) -> None:
        free(malloc(32))
        kept.append(malloc(16))

    examined = await looked(tracing, leak)
    for address in kept:
        free(address)
    assert [(one["what"], one["count"]) for one in examined["allocated"]] == [("malloc", EVENTS * (WINDOWS - 1))]
    assert tuple(examined["allocated"][0]["stack"][0]) == line_of(leak, "kept.append")


async def test_who_freezes_garbage_is_known(tracing: AllocationTracer) -> None:
    def leak(number: int) -> None:
        gc.freeze()

    try:
        examined = await looked(tracing, leak)
    finally:
        gc.unfreeze()
    assert [tuple(one["stack"][0]) for one in examined["freezes"]] == [line_of(leak, "gc.freeze")]


# -- cleaning up


async def test_everything_comes_off(tracing: AllocationTracer, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "base.sqlite")):
        before = [getattr(owner, name) for owner, name in WRAPPED]
        factory = asyncio.get_running_loop().get_task_factory()
        tracing.begin()
        assert [getattr(owner, name) for owner, name in WRAPPED] != before
        await tracing.window()
        tracing.end()
        tracing.end()
        assert [getattr(owner, name) for owner, name in WRAPPED] == before
        assert asyncio.get_running_loop().get_task_factory() is factory
    assert not _tracemalloc.is_tracing()
    assert not tracing.on


async def test_a_second_tracer_is_refused_and_the_first_goes_on(tracing: AllocationTracer) -> None:
    tracing.begin()
    other = AllocationTracer()
    with pytest.raises(StateError, match="is already traced"):
        other.begin()
    other.end()
    assert _tracemalloc.is_tracing()


LOOKS = """
import asyncio, gc, json, sys
from profiles.inside.tracing import AllocationTracer

async def look():
    tracing = AllocationTracer()
    tracing.begin()
    for _ in range(3):
        await tracing.window()
    found = tracing.histories()
    await tracing.examine([0, 1], [row["id"] for row in found["containers"]][:3], [])
    tracing.end()

async def looks():
    amounts = []
    for _ in range(6):
        await look()
        gc.collect()
        sys._clear_type_cache()
        amounts.append(sys.getallocatedblocks())
    return amounts

print(json.dumps(asyncio.run(looks())))
"""
"""A separate process, because an examination covers every object, and this process has those of earlier tests."""


@pytest.mark.extended
@pytest.mark.timeout(300)
def test_looks_leave_no_objects_behind() -> None:
    run = subprocess.run([sys.executable, "-c", LOOKS], capture_output=True, text=True, check=True)
    amounts = json.loads(run.stdout)
    assert amounts[-1] - amounts[2] < 50, amounts
