"""The health check, which reads the agent's status and tests whether bytes still get through.

It runs every ten minutes by default. If memory is above the limit, it collects garbage and returns free memory to the
system. After three checks in a row above the limit, it restarts the agent at the next quiet moment. It uses the agent
only through `MonitorTarget`.
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
"""The number of consecutive checks above the memory limit after which the agent restarts. A single flood of output does
not cause a restart."""

ROUND_TRIP_SECONDS = 10.0
QUIET_POLL_SECONDS = 1.0


class MonitorTarget(Protocol):
    """The interface through which the monitor uses the agent."""

    def status(self) -> AgentStatus:
        """Read the agent's status. Raises OSError if the figures of the process can't be read."""

    def checked(self, check: HealthCheck) -> None:
        """Store the outcome of a health check, so that the agent's status shows it."""

    async def relay_round_trip(self) -> float | None:
        """Return the time in seconds of a round trip to the relay; None without a connection. Raises TimeoutError."""

    def reconnect_relay(self) -> None:
        """Replace the connection to the relay, which is open but does not respond."""

    def drop_channel(self, phone: str) -> None:
        """Close a phone's data channel, which is open but delivers nothing, so that the relay carries its output."""

    def is_quiet(self) -> bool:
        """Return whether a restart of the agent would disturb nobody now."""

    def restart(self) -> bool:
        """Restart the agent, and return True. Return False if that is not possible."""


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
        """Check the agent every `check_seconds` until cancelled.

        Restart it after STRIKES checks above the memory limit.
        """
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
        """Check the agent now, and return the outcome.

        If memory is above the limit, free some. Replace connections that are open but deliver nothing.
        """
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
        """Free memory. Return whether the agent still uses more than the limit."""
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
        """Close the data channels that deliver nothing.

        These are the channels of phones for which output was waiting at the last check and is waiting now, and which
        have confirmed nothing in between.
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
        """Return the CPU use since the previous check, or since the agent's start, where 1.0 is one full core."""
        (then, used), now = self._measured, time.monotonic()
        self._measured = (now, process.cpu_seconds)
        return (process.cpu_seconds - used) / max(now - then, 1e-9)


def free_memory() -> int:
    """Collect garbage, and return free pages of the C heap to the system. Return how many objects were collected."""
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
