"""The interface of the checks of `mobifai doctor`: the installation that a check gets, and the result of a check."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Severity(StrEnum):
    """The severity of a finding of `mobifai doctor`.

    OK means that something works, WARNING that it works but may fail later, and PROBLEM that MobiFai or a part of it
    does not work.
    """

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check: its severity (`state`), what was found, and what the user should do about it (`remedy`).

    `remedy` is empty if the severity is OK.
    """

    state: Severity
    found: str
    remedy: str = ""


def ok(found: str) -> CheckResult:
    """Return a result of the severity OK, for something that works."""
    return CheckResult(Severity.OK, found)


def warning(found: str, remedy: str) -> CheckResult:
    """Return a result of the severity WARNING, for something that works but may fail later."""
    return CheckResult(Severity.WARNING, found, remedy)


def problem(found: str, remedy: str) -> CheckResult:
    """Return a result of the severity PROBLEM, for something that does not work."""
    return CheckResult(Severity.PROBLEM, found, remedy)


@dataclass(frozen=True, slots=True)
class CheckedInstallation:
    """The installation that `mobifai doctor` checks.

    `shell` is the command of the shell, which is never empty, and `environment` is the environment of shells. `host`
    and `port` are those of the built-in relay. `relay_url` is a relay on another machine that the user named; None
    means the built-in relay. Tests replace `proc` and `now`.
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
    """A check of `mobifai doctor`: its name, its function (`look`), and its time limit in seconds."""

    name: str
    look: CheckFunction
    seconds: float = 5.0


def in_thread(look: Callable[[CheckedInstallation], CheckResult]) -> CheckFunction:
    """Return a check that runs `look` in a daemon thread, because a call to the file system may hang.

    If the check exceeds its time limit, the thread is abandoned.
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
