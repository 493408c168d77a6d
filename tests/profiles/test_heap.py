"""The contents of a process's memory: reported correctly and completely, without leftovers of the examination."""

import array
import asyncio
import gc
import json
import os
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mobifai import __version__
from profiles.heap import print_heap
from profiles.inside import heap
from profiles.inside.heap import MOST_CHILDREN, MOST_CONTAINERS, MOST_TASKS, MOST_THREADS, MOST_TYPES, snapshot
from profiles.inside.offload import offload
from tests.support.agent import serving

MANY = 300_000
BIG: dict[str, list[str]] = {}  # bounded by the tests, which empty it


@pytest.fixture(autouse=True)
def _emptied() -> Iterator[None]:
    yield
    BIG.clear()


async def looked() -> dict[str, Any]:
    loop = asyncio.get_running_loop()
    return await offload(lambda: snapshot(loop))


class Survivor:
    """An object that becomes a canary."""

    def __init__(self, created_at: int) -> None:
        self.created_at = created_at


async def test_it_is_json_and_its_size_is_bounded() -> None:
    reported = await looked()
    assert json.loads(json.dumps(reported)) == reported
    assert len(reported["types"]) <= MOST_TYPES
    assert len(reported["containers"]) <= MOST_CONTAINERS
    assert len(reported["tasks"]) <= MOST_TASKS
    assert len(reported["threads"]) <= MOST_THREADS
    assert len(reported["children"]) <= MOST_CHILDREN
    assert len(json.dumps(reported)) < 1 << 20


async def test_the_largest_container_comes_first_with_what_holds_it_and_what_is_in_it() -> None:
    BIG["kept"] = [f"a text of its own, number {number}" for number in range(MANY)]
    first = (await looked())["containers"][0]
    each = sys.getsizeof(BIG["kept"][0])
    assert (first["type"], first["length"], first["holds"]) == ("builtins.list", MANY, ["builtins.str"])
    assert first["path"].endswith("BIG.kept: list")
    assert first["bytes"] == pytest.approx(sys.getsizeof(BIG["kept"]) + MANY * each, rel=0.1)


async def test_texts_are_counted_where_something_known_holds_them() -> None:
    before = {one["type"]: one for one in (await looked())["types"]}["builtins.str"]
    BIG["kept"] = [f"a text of its own, number {number}" for number in range(MANY)]
    after = {one["type"]: one for one in (await looked())["types"]}["builtins.str"]
    assert after["count"] - before["count"] == pytest.approx(MANY, rel=0.01)
    assert after["bytes"] - before["bytes"] == pytest.approx(MANY * sys.getsizeof(BIG["kept"][0]), rel=0.1)


async def test_what_should_have_ended_is_reported_with_its_age_and_what_holds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heap, "CANARIES", frozenset({f"{__name__}.Survivor"}))
    monkeypatch.setattr(heap.time, "time", lambda: 1_700_000_100.0)
    BIG["old"] = [Survivor(1_700_000_000_000)]  # type: ignore[list-item]
    gc.collect()  # now it is in the oldest generation
    gc.collect()
    (old,) = (await looked())["old"]
    assert (old["type"], old["age_s"]) == (f"{__name__}.Survivor", 100.0)
    assert old["path"].endswith("BIG.old → [0]: Survivor")


async def test_tasks_are_reported_together_with_where_they_wait() -> None:
    gate = asyncio.Event()

    async def outer() -> None:
        await inner()

    async def inner() -> None:
        await gate.wait()

    tasks = [asyncio.create_task(outer()) for _ in range(3)]
    await asyncio.sleep(0)
    reported = [one for one in (await looked())["tasks"] if one["coroutine"].endswith("outer")]
    gate.set()
    await asyncio.gather(*tasks)
    (one,) = reported
    assert one["count"] == 3
    assert one["defined_at"] == f"{__file__}:{outer.__code__.co_firstlineno}"
    assert "Event.wait" in one["waits_at"]
    assert one["made_at"] == ""


@pytest.mark.extended
async def test_where_a_task_was_made_is_known_while_something_traces() -> None:
    async def waits() -> None:
        await asyncio.Event().wait()

    asyncio.get_running_loop().set_task_factory(None)  # the tests' own line would have created it
    tracemalloc.start(16)
    try:
        task = asyncio.create_task(waits())
        line = sys._getframe().f_lineno - 1
        await asyncio.sleep(0)
        (one,) = [one for one in (await looked())["tasks"] if one["coroutine"].endswith("waits")]
    finally:
        tracemalloc.stop()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert one["made_at"] == f"{__file__}:{line}"


async def test_a_task_that_waits_in_a_generator_is_reported_with_its_line() -> None:
    async def gives() -> Any:
        await gate.wait()
        yield 1

    async def takes() -> None:
        async for _ in gives():
            pass

    gate = asyncio.Event()
    task = asyncio.create_task(takes())
    await asyncio.sleep(0)
    (one,) = [one for one in (await looked())["tasks"] if one["coroutine"].endswith("takes")]
    gate.set()
    await task
    assert "takes" in one["waits_at"] or "gives" in one["waits_at"] or "wait" in one["waits_at"]


async def test_threads_are_reported_with_where_they_are() -> None:
    gate, inside = threading.Event(), threading.Event()

    def work() -> None:
        inside.set()
        gate.wait()

    thread = threading.Thread(target=work, name="reported")
    thread.start()
    inside.wait()
    reported = {one["name"]: one["at"] for one in (await looked())["threads"]}
    gate.set()
    thread.join()
    assert "wait" in reported["reported"] or "work" in reported["reported"]
    assert "profile" not in reported, "the observer is not listed"


async def test_the_process_itself_is_reported() -> None:
    reading, writing = os.pipe()
    child = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        reported = await looked()
    finally:
        child.kill()
        await child.wait()
        os.close(reading)
        os.close(writing)
    assert reported["rss_bytes"] > 1 << 20
    assert reported["python_blocks"] > 1000
    assert child.pid in {one["pid"] for one in reported["children"]}
    if sys.platform == "linux":
        assert reported["descriptors"]["pipe"] >= 2
        assert reported["heap"]["used_bytes"] > 0


async def test_without_glibc_the_c_heap_is_what_psutil_tells_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> object:
        raise AttributeError("mallinfo2")

    monkeypatch.setattr(heap, "_mallinfo", nobody)
    monkeypatch.setattr(heap, "heap_in_use", lambda: 17)
    assert heap.native_heap() == {"used_bytes": 17, "free_bytes": None, "source": "psutil's heap_info"}
    monkeypatch.setattr(heap, "heap_in_use", lambda: None)
    assert heap.native_heap() == {}


async def test_a_dead_proxy_is_no_hindrance() -> None:
    gone = Survivor(0)
    BIG["proxy"] = [weakref.proxy(gone)]
    del gone
    assert (await looked())["objects"] > 1000


async def test_what_was_looked_at_ends_as_ever_and_needs_no_collection() -> None:
    gc.collect()
    gc.disable()
    try:
        survivor = Survivor(0)
        known = weakref.ref(survivor)
        BIG["kept"] = [survivor]  # type: ignore[list-item]
        await looked()
        BIG.clear()
        del survivor
        assert known() is None
    finally:
        gc.enable()


async def test_a_look_leaves_nothing() -> None:
    gc.collect()
    gc.freeze()
    try:
        amounts = array.array("q", [0] * 12)
        for turn in range(len(amounts)):
            await looked()
            gc.collect()
            sys._clear_type_cache()
            amounts[turn] = sys.getallocatedblocks()
    finally:
        gc.unfreeze()
    assert min(amounts[-4:]) - min(amounts[2:6]) < 20, amounts


# -- text


async def test_it_is_reported_in_full_though_the_window_is_narrow(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    BIG["kept"] = ["x"] * MANY
    reported = await looked()
    print_heap(reported)
    said = capsys.readouterr().out
    assert "BIG.kept: list" in said
    assert f"{MANY:,}" in said
    for title in ("Largest types", "Longest containers", "Threads", "Tasks"):
        assert title in said
    assert "The line that created a task is known only" in said
    letters = "".join(said.split())
    for one in reported["types"]:
        assert one["type"] in letters, "expected no name to be cut"


@pytest.mark.parametrize(
    ("native", "said"),
    [
        ({}, "is not known on this system"),
        (
            {"used_bytes": 17, "free_bytes": None, "source": "psutil's heap_info"},
            "free bytes not known",
        ),
        ({"used_bytes": 17, "free_bytes": 4000, "source": "glibc's mallinfo2"}, "free (glibc's mallinfo2)"),
    ],
)
def test_what_is_not_known_is_said(native: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    empty: dict[str, Any] = {name: [] for name in ("types", "containers", "old", "threads", "tasks", "children")}
    old = [{"type": "mobifai.terminals.terminal.Terminal", "age_s": None, "path": ""}]
    print_heap(
        {**empty, "old": old, "descriptors": {}, "heap": native, "rss_bytes": 1, "python_blocks": 1, "objects": 1}
    )
    out = capsys.readouterr().out
    assert said in out
    assert "unknown" in out
    assert "an unknown object" in out


def test_names_that_an_attacker_chose_do_not_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    reported: dict[str, Any] = {name: [] for name in ("types", "containers", "old", "tasks", "children")}
    threads = [{"name": "\x1b[2Jgone [bold]", "daemon": True, "at": ""}]
    print_heap({**reported, "threads": threads, "descriptors": {}, "heap": {}, "rss_bytes": 1, "python_blocks": 1,
               "objects": 1})  # fmt: skip
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold]" in out


async def test_a_running_agent_tells_what_it_has(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        reported = json.loads(await agent.command("profile", "heap", "--json"))
        said = await agent.command("profile", "heap")
    assert reported["objects"] > 10_000
    assert reported["tasks"]
    assert any(one["path"] for one in reported["containers"])
    schema = json.loads((Path(__file__).parents[2] / "docs" / "schemas" / "profile-heap.json").read_text())
    Draft202012Validator(schema).validate(reported)
    assert reported["version"] == reported["product"]["version"] == __version__
    assert "This snapshot has no verdict" in said
    assert said.startswith("Resident memory ")
