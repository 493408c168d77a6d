"""A check's input and its result, as frozen values."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """How grave a finding is. A problem keeps MobiFai, or a part of it, from working."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was found; for what is not ok, also what to do."""

    state: Severity
    found: str
    remedy: str = ""


def ok(found: str) -> CheckResult:
    """It is as it should be."""
    return CheckResult(Severity.OK, found)


def warning(found: str, remedy: str) -> CheckResult:
    """It works, or works for now."""
    return CheckResult(Severity.WARNING, found, remedy)


def problem(found: str, remedy: str) -> CheckResult:
    """It does not work."""
    return CheckResult(Severity.PROBLEM, found, remedy)


@dataclass(frozen=True, slots=True)
class CheckedInstallation:
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


CheckFunction = Callable[[CheckedInstallation], Awaitable[CheckResult]]


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """A thing to look at, and how long that may take."""

    name: str
    look: CheckFunction
    seconds: float = 5.0


def in_thread(look: Callable[[CheckedInstallation], CheckResult]) -> CheckFunction:
    """The same look, which may wait on a file system that hangs: in a thread of its own that nobody waits for."""

    async def run(subject: CheckedInstallation) -> CheckResult:
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[CheckResult] = loop.create_future()

        def tell(verdict: CheckResult | None, error: Exception | None) -> None:
            if outcome.done():
                return
            if verdict is not None:
                outcome.set_result(verdict)
            elif error is not None:
                outcome.set_exception(error)

        def work() -> None:
            verdict, error = None, None
            try:
                verdict = look(subject)
            except Exception as raised:
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop is closed: we took too long
                loop.call_soon_threadsafe(tell, verdict, error)

        threading.Thread(target=work, name="doctor", daemon=True).start()
        return await outcome

    return run
