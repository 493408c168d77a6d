"""What a check is given, and what it answers. Frozen values; nothing here looks at anything."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class State(StrEnum):
    """How grave a finding is. A problem keeps MobiFai, or a part of it, from working."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found; for what is not ok, also what to do."""

    state: State
    found: str
    remedy: str = ""


def ok(found: str) -> Verdict:
    """It is as it should be."""
    return Verdict(State.OK, found)


def warning(found: str, remedy: str) -> Verdict:
    """It works, or works for now."""
    return Verdict(State.WARNING, found, remedy)


def problem(found: str, remedy: str) -> Verdict:
    """It does not work."""
    return Verdict(State.PROBLEM, found, remedy)


@dataclass(frozen=True, slots=True)
class Subject:
    """The installation that is looked at. `relay_url` is a relay elsewhere that a person named; None: an own one.

    `shell` is never empty, `environment` is the one that shells get. `proc` and `now` stand for the system.
    """

    state_dir: Path
    shell: tuple[str, ...]
    environment: Mapping[str, str]
    host: str
    port: int
    relay_url: str | None = None
    proc: Path = Path("/proc")
    now: Callable[[], float] = time.time


Look = Callable[[Subject], Awaitable[Verdict]]


@dataclass(frozen=True, slots=True)
class Check:
    """A thing to look at, and how long that may take."""

    name: str
    look: Look
    seconds: float = 5.0


def in_thread(look: Callable[[Subject], Verdict]) -> Look:
    """The same look, which may wait on a file system that hangs: in a thread of its own that nobody waits for."""

    async def run(subject: Subject) -> Verdict:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Verdict] = loop.create_future()

        def tell(verdict: Verdict | None, error: Exception | None) -> None:
            if told.done():
                return
            if verdict is not None:
                told.set_result(verdict)
            elif error is not None:
                told.set_exception(error)

        def work() -> None:
            verdict, error = None, None
            try:
                verdict = look(subject)
            except Exception as raised:
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop is closed: we took too long
                loop.call_soon_threadsafe(tell, verdict, error)

        threading.Thread(target=work, name="doctor", daemon=True).start()
        return await told

    return run
