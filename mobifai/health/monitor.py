"""The health check: every ten minutes it reads the agent's status and tests that bytes still get through.

Above the memory limit it collects garbage and returns free memory to the system. After three checks in a row above the
limit it restarts the agent at the next quiet moment. It knows the agent only as a `MonitorTarget`.
"""

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from mobifai.config import HealthConfig
from mobifai.health.figure import part
from mobifai.health.process_stats import ProcessStats
from mobifai.health.status import AgentStatus, HealthCheck, PhoneStatus

_log = logging.getLogger(__name__)

STRIKES = 3
"""Checks in a row above the memory limit before a restart; a single flood of output is not a reason."""

ROUND_TRIP_SECONDS = 10.0
QUIET_POLL_SECONDS = 1.0


class MonitorTarget(Protocol):
    """The interface through which the monitor uses the agent."""

    def status(self) -> AgentStatus:
        """Read the agent's status. Raises OSError if the process' figures can't be read."""

    def checked(self, check: HealthCheck) -> None:
        """Store the outcome of a health check, for the agent's status."""

    async def relay_round_trip(self) -> float | None:
        """Return the seconds of a round trip through the relay; None without a connection. Raises TimeoutError."""

    def reconnect_relay(self) -> None:
        """Replace a connection to the relay that is open but returns nothing."""

    def drop_channel(self, phone: str) -> None:
        """Close a phone's data channel that is open but delivers nothing, so that the relay carries its output."""

    def is_quiet(self) -> bool:
        """Return whether a restart of the agent would disturb nobody now."""

    def restart(self) -> bool:
        """Restart the agent. Return False if that is not possible."""


class Monitor:
    """Checks the health of one agent periodically, and on request."""

    def __init__(
        self,
        target: MonitorTarget,
        config: HealthConfig,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._target = target
        self._config = config
        self._sleep = sleep
        self._strikes = 0
        self._measured = (time.monotonic(), 0.0)
        self._behind_at: dict[str, int] = {}  # bounded by the limit on sessions

    async def run(self) -> None:
        """Check the agent every `check_seconds` until cancelled, and restart it when that is due."""
        while True:
            await self._pause()
            try:
                await self.check()
            except OSError as error:  # for example, no descriptor is left: this check is skipped
                _log.warning("a health check could not be made and was skipped: %s", error)
            if self._strikes == STRIKES:
                _log.warning(
                    "memory was above %s in %d checks in a row; the agent restarts at the next quiet moment",
                    megabytes(self._config.memory_limit_bytes),
                    STRIKES,
                )

    async def _pause(self) -> None:
        """Wait until the next check is due. If a restart is due, restart the agent at the first quiet moment."""
        if self._strikes < STRIKES:
            await self._sleep(self._config.check_seconds)
            return
        for _ in range(max(1, int(self._config.check_seconds / QUIET_POLL_SECONDS))):
            if self._target.is_quiet():
                self._restart()
                return
            await self._sleep(QUIET_POLL_SECONDS)

    async def check(self) -> HealthCheck:
        """Check the agent now. Free memory above the limit, and replace open connections that deliver nothing."""
        status = self._target.status()
        round_trip = await self._try_relay()
        self._try_phones(status.phones)
        check = HealthCheck(
            **part(ProcessStats, status),
            **part(PhoneStatus, status),
            uptime_s=status.uptime_s,
            terminals=len(status.terminals),
            buffer_bytes=status.buffer_bytes,
            cpu_percent=round(100 * self._cpu_share(status), 2),
            relay_round_trip_s=round_trip,
        )
        _log.info("%s", report(check, self._config.memory_limit_bytes))
        self._target.checked(check)
        if status.memory_bytes > self._config.memory_limit_bytes:
            self._strikes = self._strikes + 1 if self._is_high_after_freeing(status) else 0
        else:
            self._strikes = 0
        return check

    # -- memory

    def _is_high_after_freeing(self, status: AgentStatus) -> bool:
        """Free memory. Return whether its use is still above the limit then."""
        _log.warning("⚠️  High memory usage detected: %s", megabytes(status.memory_bytes))
        found = free_memory()
        after = self._target.status().memory_bytes
        _log.warning(
            "   Garbage collection freed %d objects and gave %s back to the system",
            found,
            megabytes(status.memory_bytes - after),
        )
        return after > self._config.memory_limit_bytes

    def _restart(self) -> None:
        self._strikes = 0
        if not self._target.restart():
            _log.warning(
                "memory stays above the limit, but this agent can't restart without a keeper (--no-keeper); "
                "restart it yourself"
            )

    # -- the paths to relay and phone

    async def _try_relay(self) -> float | None:
        try:
            async with asyncio.timeout(ROUND_TRIP_SECONDS):
                return await self._target.relay_round_trip()
        except TimeoutError:
            _log.warning(
                "the relay did not answer a test message within %d s; connecting to it again", ROUND_TRIP_SECONDS
            )
            self._target.reconnect_relay()
            return None

    def _try_phones(self, phones: Iterable[PhoneStatus]) -> None:
        """Drop the data channel of each phone that was already behind at the last check and has confirmed nothing since
        then.
        """
        behind = {phone.phone: phone for phone in phones if phone.phone is not None and phone.behind_bytes}
        for name, phone in behind.items():
            if self._behind_at.get(name) == phone.confirmed:
                _log.warning(
                    "the data channel of the phone %s delivered nothing since the last health check, and %d bytes "
                    "wait; closing the channel",
                    name,
                    phone.behind_bytes,
                )
                self._target.drop_channel(name)
        self._behind_at = {name: phone.confirmed for name, phone in behind.items()}

    def _cpu_share(self, process: ProcessStats) -> float:
        """Return how much of one core (1.0: all) the agent used since the previous check, or since its start."""
        (then, used), now = self._measured, time.monotonic()
        self._measured = (now, process.cpu_seconds)
        return (process.cpu_seconds - used) / max(now - then, 1e-9)


def free_memory() -> int:
    """Collect garbage and return free pages of the C heap to the system. Return how many objects were collected."""
    found = gc.collect()
    with contextlib.suppress(AttributeError, ImportError, OSError, NotImplementedError):  # a C library without it
        import psutil  # noqa: PLC0415 - as in `process_stats`

        psutil.heap_trim()
    return found


def report(check: HealthCheck, memory_limit_bytes: int) -> str:
    """Format the outcome of a health check for the log."""
    trip, behind = check.relay_round_trip_s, check.behind_bytes
    relay = "not connected" if trip is None else f"round trip {1000 * trip:.1f} ms"
    phone = "" if behind is None else f", {behind} bytes wait for the phone"
    return (
        "💓 Health Check\n"
        f"   Memory: {megabytes(check.memory_bytes)} / {megabytes(memory_limit_bytes)}\n"
        f"   Processes: {check.terminals}\n"
        f"   Buffer Size: {check.buffer_bytes // 1000}KB\n"
        f"   WebRTC: {check.webrtc.capitalize()}\n"
        f"   Descriptors: {check.descriptors}, threads: {check.threads}, tasks: {check.tasks}, "
        f"children: {check.children}\n"
        f"   CPU: {check.cpu_percent:.1f}%, uptime: {check.uptime_s / 3600:.1f} h\n"
        f"   Relay: {relay}{phone}"
    )


def megabytes(amount: int) -> str:
    """Format a number of bytes as megabytes, for the log."""
    return f"{amount / 10**6:.0f}MB"
