"""The description of an object's holder: every kind of holder, and none."""

import _asyncio
import asyncio
import collections
import contextvars
import functools
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import pytest

from profiles.inside.offload import no_yield, offload, run_without_waiting
from profiles.inside.retainers import SLICE, find_paths, referents
from tests.support.eventually import eventually


class Target:
    """The object whose holder is searched."""

    def made(self) -> None:
        """Something to be called."""


class Slots:
    __slots__ = ("inside",)


class Owner:
    """A long-lived object of a program."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Release everything."""
        vars(self).clear()

    def method(self) -> None:
        """Something to be called."""


OWNER = Owner()


def closure(target: Target) -> Callable[[], Target]:
    return lambda: target


def error(target: Target) -> Exception:
    try:
        local = target
        raise ValueError(local)  # noqa: TRY301
    except ValueError as caught:
        return caught


def slots(target: Target) -> Slots:
    one = Slots()
    one.inside = target  # type: ignore[attr-defined]
    return one


def bound(target: Target) -> Callable[[], None]:
    other = Owner()
    other.secret = target  # type: ignore[attr-defined]
    return other.method


def raised(target: Target) -> Exception:
    try:
        local = [target][0]
        del target
        raise ValueError  # noqa: TRY301
    except ValueError as caught:
        return caught
    finally:
        assert local


class Error(Exception):
    def __init__(self, what: object) -> None:
        super().__init__()
        self.what = what


def caused(cause: Exception) -> Exception:
    whole = ValueError()
    whole.__cause__ = cause
    return whole


class Kind(list[object]):
    def __init__(self, elements: Iterable[object] = (), kept: object = None) -> None:
        super().__init__(elements)
        self.kept = kept


class Buffer(bytearray):
    def __init__(self, what: object) -> None:
        super().__init__(b"some")
        self.what = what


def defaulted(target: Target) -> Callable[[], object]:
    def inner(one: object = target) -> object:
        return one

    return inner


def wrapped(target: Target) -> Callable[[], None]:
    @functools.wraps(closure(target))
    def outer() -> None:
        """A function without a reference to the target."""

    return outer


def compiled(names: dict[str, Any]) -> Any:
    """A function of a module that is not imported."""
    exec("def inner(): pass", names)  # noqa: S102
    return names.pop("inner")


def cached(size: int | None, target: Target) -> Any:
    waiting = [target]

    @functools.lru_cache(maxsize=size)
    def inner(_: int) -> object:
        return waiting.pop()

    inner(7)
    return inner


def numbers(target: Target) -> Iterator[int]:
    yield 1
    yield id(target)


def begun(one: Iterator[int]) -> Iterator[int]:
    next(one)
    return one


def resolved(result: object) -> "asyncio.Future[object]":
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    future.set_result(result)
    return future


def failed(target: object) -> "asyncio.Future[object]":
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    future.set_exception(Error(target))
    future.add_done_callback(lambda done: done.exception())
    return future


def called_back(target: Target) -> "asyncio.Future[object]":
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    future.add_done_callback(target.made)
    return future


class OwnFuture(asyncio.Future[object]):
    """A future with an attribute of its own."""

    kept: object


def attributed(target: object) -> OwnFuture:
    future = OwnFuture()
    future.set_result(None)
    future.kept = target
    return future


VARIABLE: contextvars.ContextVar[object] = contextvars.ContextVar("VARIABLE")


def in_context(target: Target) -> contextvars.Context:
    context = contextvars.Context()
    context.run(VARIABLE.set, target)
    return context


HOLDERS: dict[str, tuple[Callable[[Target], Any], str]] = {
    "attribute": (lambda target: target, "OWNER.held: Target"),
    "list": (lambda target: [1, target], "OWNER.held → [1]: Target"),
    "tuple": (lambda target: (1, 2, target), "OWNER.held → [2]: Target"),
    "deque": (lambda target: collections.deque([target]), "OWNER.held → [0]: Target"),
    "set": (lambda target: {target}, "OWNER.held → {member}: Target"),
    "name": (lambda target: {"name": target}, "OWNER.held.name: Target"),
    "key": (lambda target: {(1, "two words"): target}, "OWNER.held → [(1, 'two words')]: Target"),
    "slots": (slots, "OWNER.held.inside: Target"),
    "closure": (closure, "OWNER.held → (closure of closure.<locals>.<lambda>: target): Target"),
    "partial": (lambda target: functools.partial(print, target), "OWNER.held.args → [0]: Target"),
    "method": (bound, "OWNER.held → (method of Owner).secret: Target"),
    "error": (error, "OWNER.held"),
    "traceback": (raised, "OWNER.held.__traceback__ → local local of raised: Target"),
    "cause": (lambda target: caused(Error(target)), "OWNER.held.__cause__.what: Target"),
    "default": (defaulted, "OWNER.held → (defaults of defaulted.<locals>.inner) → [0]: Target"),
    "wrapped": (wrapped, "OWNER.held.__wrapped__ → (closure of "),
    "globals": (lambda target: compiled({"named": target}), "OWNER.held → (globals of inner).named: Target"),
    "bounded cache": (lambda target: cached(4, target), "OWNER.held → (cache of cached.<locals>.inner): Target"),
    "cache": (lambda target: cached(None, target), "OWNER.held → (cache of cached.<locals>.inner) → [7]: Target"),
    "generator": (lambda target: begun(numbers(target)), "OWNER.held → local target of numbers: Target"),
    "class": (lambda target: type("Made", (), {"kept": target}), "OWNER.held.kept: Target"),
    "view": (lambda target: memoryview(Buffer(target)), "OWNER.held.obj.what: Target"),
    "default factory": (lambda target: collections.defaultdict(target.made), "OWNER.held.default_factory → (method"),
    "future": (resolved, "OWNER.held → (result): Target"),
    "failed future": (failed, "OWNER.held → (exception).what: Target"),
    "callback": (called_back, "OWNER.held → (callback)"),
    "future's attribute": (attributed, "OWNER.held.kept: Target"),
    "long key": (lambda target: {"x y" * 100: target}, f"OWNER.held → ['{('x y' * 13)[:38]}…]: Target"),
    "list of its own kind": (lambda target: Kind([target]), "OWNER.held → [0]: Target"),
    "attribute of a list": (lambda target: Kind(kept=target), "OWNER.held.kept: Target"),
    "context": (in_context, "OWNER.held → (context): Target"),
    "weak callback": (lambda target: weakref.ref(OWNER, target.made), "(callback of a weak reference) → (method of"),
}
"""For each kind of holder, a function that makes it hold the target, and its description."""


async def path_to(*targets: object) -> list[str]:
    """Search from the bottom of a thread, without the frames of the test."""
    asked = list(targets)
    hidden = {id(asked), id(targets)}
    return await offload(lambda: run_without_waiting(find_paths(asked, no_yield, without=hidden)))


@pytest.fixture(autouse=True)
def _let_go() -> Any:
    yield
    OWNER.clear()
    gc.collect()


@pytest.mark.parametrize("kind", HOLDERS)
async def test_a_holder_is_named(kind: str) -> None:
    hold, expected = HOLDERS[kind]
    OWNER.held = hold(Target())  # type: ignore[attr-defined]
    (target,) = [one for one in gc.get_objects() if type(one) is Target]
    known = weakref.ref(target)
    del target
    (path,) = await path_to_weak(known)
    assert expected in path, path
    assert path.startswith("module ")
    assert path.endswith(": Target")


async def path_to_weak(known: "weakref.ref[Target]") -> list[str]:
    """The same, while only the frame of the search holds it."""
    return await offload(lambda: _asked(known))


def _asked(known: "weakref.ref[Target]") -> list[str]:
    asked = [known()]
    return run_without_waiting(find_paths(asked, no_yield, without={id(asked)}))


async def test_a_task_s_local_is_named() -> None:
    async def waits() -> None:
        local = Target()
        await asyncio.Event().wait()
        del local

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    (target,) = [weakref.ref(one) for one in gc.get_objects() if type(one) is Target]
    (path,) = await path_to_weak(target)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert "local local of " in path, path


async def test_a_timer_s_argument_is_held_by_the_loop() -> None:
    timer = asyncio.get_running_loop().call_later(1000, print, Target())
    (target,) = [weakref.ref(one) for one in gc.get_objects() if type(one) is Target]
    (path,) = await path_to_weak(target)
    timer.cancel()
    assert path, "expected the loop to be seen to hold it"


async def test_what_nothing_holds_has_no_path() -> None:
    cycle: list[Any] = [Target()]
    cycle.append(cycle)
    known = weakref.ref(cycle[0])
    gc.disable()
    try:
        del cycle
        assert await path_to_weak(known) == [""]
    finally:
        gc.enable()


async def test_no_path_leads_through_what_is_left_out() -> None:
    OWNER.held = [Target()]  # type: ignore[attr-defined]
    known = weakref.ref(OWNER.held[0])  # type: ignore[attr-defined]

    def asked() -> list[str]:
        targets = [known()]
        return run_without_waiting(find_paths(targets, no_yield, without={id(targets), id(OWNER.held)}))  # type: ignore[attr-defined]

    assert await offload(asked) == [""]


# -- a search has no side effects


async def test_a_look_keeps_nothing_of_what_was_local_then() -> None:
    """Before 3.13, a frame keeps the dictionary of its locals once it was created."""
    gates, seen = [asyncio.Event(), asyncio.Event()], []

    async def lets_go() -> None:
        local = Target()
        seen.append(weakref.ref(local))
        await gates[0].wait()
        del local
        await gates[1].wait()

    task = asyncio.create_task(lets_go())
    await eventually(lambda: seen)
    assert "local local of" in (await path_to_weak(seen[0]))[0]
    gates[0].set()
    await eventually(lambda: seen[0]() is None, 5)
    gates[1].set()
    await task


async def test_what_was_looked_at_ends_as_ever_and_needs_no_collection() -> None:
    gc.disable()
    try:
        OWNER.held = [Target()]  # type: ignore[attr-defined]
        known = weakref.ref(OWNER.held[0])  # type: ignore[attr-defined]
        assert (await path_to_weak(known))[0]
        OWNER.clear()
        assert known() is None
    finally:
        gc.enable()


@pytest.mark.extended
def test_names_that_the_program_has_asked_for_stay_its_own() -> None:
    kept = 17
    names = locals()
    assert run_without_waiting(find_paths([Target()], no_yield)) == [""]
    assert names["kept"] == kept


async def test_a_dead_proxy_and_an_object_that_answers_nothing_are_no_hindrance() -> None:
    class Refuses:
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(f"asked for {name}")

        def __setattr__(self, name: str, value: object) -> None:
            object.__setattr__(self, name, value)

    gone, refuses = Target(), Refuses()
    refuses.kept = [Target()]  # type: ignore[attr-defined]
    OWNER.proxy, OWNER.refuses = weakref.proxy(gone), refuses  # type: ignore[attr-defined]
    del gone, refuses
    (known,) = [weakref.ref(one) for one in gc.get_objects() if type(one) is Target]
    (path,) = await path_to_weak(known)
    assert path.endswith("OWNER.refuses.kept → [0]: Target"), path


async def test_the_event_loop_runs_on_while_somebody_looks() -> None:
    turns = 0

    async def pause() -> None:
        nonlocal turns
        turns += 1
        await asyncio.sleep(0)

    OWNER.large = [[] for _ in range(10 * SLICE)]  # type: ignore[attr-defined]
    reported = await find_paths([[]], pause)
    assert reported == [""]
    assert turns > 20


def test_the_dead_objects_that_a_module_keeps_for_the_next_are_not_touched() -> None:
    (names,) = referents(_asyncio)
    assert names is vars(_asyncio)


async def test_all_targets_are_found_in_one_look() -> None:
    OWNER.first, OWNER.second = Target(), [Target()]  # type: ignore[attr-defined]
    reported = await path_to(OWNER.first, OWNER.second[0])  # type: ignore[attr-defined]
    assert [path.rpartition("OWNER")[2] for path in reported] == [".first: Target", ".second → [0]: Target"]


async def test_a_thread_s_local_is_named() -> None:
    inside, gate = threading.Event(), threading.Event()

    def work() -> None:
        local = Target()
        inside.set()
        gate.wait()
        del local

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    (known,) = [weakref.ref(one) for one in gc.get_objects() if type(one) is Target]
    (path,) = await path_to_weak(known)
    gate.set()
    thread.join()
    assert path.startswith("frame of ")
    assert path.endswith("work, local local: Target")


async def test_the_middle_of_a_very_long_path_is_left_out() -> None:
    chain: object = Target()
    for _ in range(500):
        chain = [chain]
    OWNER.long = chain  # type: ignore[attr-defined]
    del chain
    (known,) = [weakref.ref(one) for one in gc.get_objects() if type(one) is Target]
    (path,) = await path_to_weak(known)
    assert "OWNER.long → [0]" in path
    assert " → … → " in path
    assert len(path) < 1000


async def test_a_path_that_says_more_goes_before_one_through_a_registry() -> None:
    class Thread(threading.Thread):
        def run(self) -> None:
            gate.wait()

    gate, target = threading.Event(), Target()
    thread = Thread()
    thread.kept = target  # type: ignore[attr-defined]
    OWNER.deep = [[[[[thread]]]]]  # type: ignore[attr-defined]
    known = weakref.ref(target)
    thread.start()
    del target, thread
    try:
        (path,) = await path_to_weak(known)
    finally:
        gate.set()
        OWNER.deep[0][0][0][0][0].join()  # type: ignore[attr-defined]
    assert "_active" not in path, path


LOOK_OFTEN: Final = """
import array, asyncio, functools, gc, sys
from profiles.inside.retainers import SLICE, find_paths, referents

class Target:
    pass

async def holds(one):
    await asyncio.Event().wait()

async def main():
    targets = [Target() for _ in range(4)]
    kept = {"name": [targets[0]], "call": functools.partial(print, targets[1])}
    tasks = [asyncio.create_task(holds(targets[2]))]
    amounts = array.array("q", [0] * 220)  # numbers in a list would be blocks themselves
    for turn in range(220):
        await find_paths([*targets, Target()], lambda: asyncio.sleep(0))
        gc.collect()
        amounts[turn] = sys.getallocatedblocks()
    print(min(amounts[20:70]), min(amounts[-50:]))

asyncio.run(main())
"""


@pytest.mark.extended
def test_two_hundred_looks_leave_not_a_block_each() -> None:
    said = subprocess.run([sys.executable, "-c", LOOK_OFTEN], check=True, capture_output=True, text=True).stdout
    before, after = map(int, said.split())
    assert after - before < 20, said


async def test_looking_leaves_nothing() -> None:
    OWNER.held = {"name": [Target()]}  # type: ignore[attr-defined]
    amounts = []
    for _ in range(5):
        for _ in range(3):
            await path_to(OWNER.held["name"][0])  # type: ignore[attr-defined]
        gc.collect()
        sys._clear_type_cache()
        amounts.append(sys.getallocatedblocks())
    assert amounts[-1] - amounts[1] < 50, amounts
