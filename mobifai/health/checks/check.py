"""The interface of a check: the installation that it gets, and the result that it returns."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """The severity of a finding of `mobifai doctor`. A problem keeps MobiFai, or a part of it, from working."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check: what was found, and, unless that is ok, what the user should do."""

    state: Severity
    found: str
    remedy: str = ""


def ok(found: str) -> CheckResult:
    """Return a result of the severity OK, for something that works."""
    return CheckResult(Severity.OK, found)


def warning(found: str, remedy: str) -> CheckResult:
    """Return a result for something that works, but may fail later."""
    return CheckResult(Severity.WARNING, found, remedy)


def problem(found: str, remedy: str) -> CheckResult:
    """Return a result for something that does not work."""
    return CheckResult(Severity.PROBLEM, found, remedy)


@dataclass(frozen=True, slots=True)
class CheckedInstallation:
    """The installation to check. `relay_url` is a relay elsewhere that the user named; None: the built-in one.

    `shell` is never empty, and `environment` is the one that shells get. `proc` and `now` can be replaced by tests.
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
    """A check of `mobifai doctor`: its name, its function, and its time limit in seconds."""

    name: str
    look: CheckFunction
    seconds: float = 5.0


def in_thread(look: Callable[[CheckedInstallation], CheckResult]) -> CheckFunction:
    """Return a check that runs `look` in a daemon thread, since a file system may hang.

    After a timeout, the thread is abandoned.
    """

    async def run(subject: CheckedInstallation) -> CheckResult:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[CheckResult] = loop.create_future()

        def finish(result: CheckResult | None, error: Exception | None) -> None:
            if done.done():
                return
            if result is not None:
                done.set_result(result)
            elif error is not None:
                done.set_exception(error)

        def work() -> None:
            result, error = None, None
            try:
                result = look(subject)
            except Exception as raised:
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop is closed, since we took too long
                loop.call_soon_threadsafe(finish, result, error)

        threading.Thread(target=work, name="doctor", daemon=True).start()
        return await done

    return run
