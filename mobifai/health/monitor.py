"""The health check: every ten minutes what the agent has, and whether bytes still get through.

Above the memory limit it collects garbage and gives memory back; still above it three times in a row, it asks for a
restart at the next quiet moment. It knows the agent only by what `MonitorTarget` tells.
"""

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from mobifai.config import HealthConfig
from mobifai.health.process_stats import ProcessStats, collect_process_stats

_log = logging.getLogger(__name__)

STRIKES = 3
"""Checks in a row above the limit until a restart is planned: one flood is no reason."""

ROUND_TRIP_SECONDS = 10.0
QUIET_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Vitals:
    """What only the agent knows.

    `behind_bytes` is what a phone was sent and has not confirmed (None: no channel); `confirmed` changes whenever it
    confirms something.
    """

    terminals: int
    buffer_bytes: int
    webrtc: str
    behind_bytes: int | None
    confirmed: int


class MonitorTarget(Protocol):
    """The agent, to its monitor."""

    def vitals(self) -> Vitals:
        """What it has."""

    async def relay_round_trip(self) -> float | None:
        """Seconds of a round trip through the relay; None when there is no connection to it. Raises TimeoutError."""

    def relay_is_deaf(self) -> None:
        """The relay's connection stands and nothing comes back: make a new one."""

    def phone_is_deaf(self) -> None:
        """The phone's channel stands and nothing gets through: use the other path."""

    def is_quiet(self) -> bool:
        """Whether nobody would notice a restart now."""

    def restart(self) -> bool:
        """Start anew; False when that is not possible."""


class Monitor:
    """Checks one agent. `last` is the last check, as `mobifai status` shows it."""

    def __init__(
        self,
        subject: MonitorTarget,
        config: HealthConfig,
        count: Callable[[], ProcessStats] = collect_process_stats,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._subject = subject
        self._config = config
        self._count = count
        self._sleep = sleep
        self._started = time.monotonic()
        self._strikes = 0
        self._before: tuple[float, float] | None = None
        self._stuck_at: int | None = None
        self.last: dict[str, Any] | None = None

    async def run(self) -> None:
        """Check until cancelled."""
        while True:
            await self._pause()
            try:
                await self.check()
            except OSError as error:  # no descriptor left to count with, say: it costs one check
                _log.warning("the health check could not be made: %s", error)
            if self._strikes == STRIKES:
                _log.warning(
                    "memory was above %s in %d checks in a row; the agent starts anew at the next quiet moment",
                    megabytes(self._config.memory_limit_bytes),
                    STRIKES,
                )

    async def _pause(self) -> None:
        """Wait for the next check; meanwhile, if a restart is due, for a quiet moment."""
        if self._strikes < STRIKES:
            await self._sleep(self._config.check_seconds)
            return
        for _ in range(max(1, int(self._config.check_seconds / QUIET_POLL_SECONDS))):
            if self._subject.is_quiet():
                self._restart()
                return
            await self._sleep(QUIET_POLL_SECONDS)

    async def check(self) -> None:
        """One check."""
        census, vitals = self._count(), self._subject.vitals()
        round_trip = await self._try_relay()
        self._try_phone(vitals)
        cpu = self._cpu_share(census)
        _log.info("%s", _report(census, vitals, self._config, cpu, self.uptime_seconds, round_trip))
        self.last = {
            "uptime_s": round(self.uptime_seconds, 1),
            **asdict(census),
            **asdict(vitals),
            "cpu_percent": round(100 * cpu, 2),
            "relay_round_trip_s": round_trip,
        }
        if census.memory_bytes > self._config.memory_limit_bytes:
            self._strikes += self._relieve(census)
        else:
            self._strikes = 0

    @property
    def uptime_seconds(self) -> float:
        """Since the agent's start."""
        return time.monotonic() - self._started

    # -- memory

    def _relieve(self, census: ProcessStats) -> int:
        """Give back what can be given back; 1 when memory is above the limit all the same."""
        _log.warning("⚠️  High memory usage detected: %s", megabytes(census.memory_bytes))
        found = give_memory_back()
        after = self._count().memory_bytes
        _log.warning(
            "   Running garbage collection: %d objects, %s given back", found, megabytes(census.memory_bytes - after)
        )
        return int(after > self._config.memory_limit_bytes)

    def _restart(self) -> None:
        self._strikes = 0
        if not self._subject.restart():
            _log.warning("it can't: it runs without a keeper (--no-keeper); start it again yourself")

    # -- the real path

    async def _try_relay(self) -> float | None:
        try:
            async with asyncio.timeout(ROUND_TRIP_SECONDS):
                return await self._subject.relay_round_trip()
        except TimeoutError:
            _log.warning("nothing came back from the relay for %d s; connecting anew", ROUND_TRIP_SECONDS)
            self._subject.relay_is_deaf()
            return None

    def _try_phone(self, vitals: Vitals) -> None:
        stuck = bool(vitals.behind_bytes) and vitals.confirmed == self._stuck_at
        self._stuck_at = vitals.confirmed if vitals.behind_bytes else None
        if stuck:
            _log.warning("the phone is %d bytes behind and has taken none since the last check", vitals.behind_bytes)
            self._subject.phone_is_deaf()

    def _cpu_share(self, census: ProcessStats) -> float:
        """The share of one core since the check before (or since the start)."""
        now = time.monotonic()
        then, used = self._before or (self._started, 0.0)
        self._before = (now, census.cpu_seconds)
        return (census.cpu_seconds - used) / max(now - then, 1e-9)


def give_memory_back() -> int:
    """Collect garbage and give the C heap's free pages to the system; how many objects were garbage."""
    found = gc.collect()
    with contextlib.suppress(AttributeError, ImportError, OSError, NotImplementedError):  # a C library without it
        import psutil  # noqa: PLC0415 - as the census

        psutil.heap_trim()
    return found


def _report(
    census: ProcessStats, vitals: Vitals, config: HealthConfig, cpu: float, uptime: float, round_trip: float | None
) -> str:
    relay = "not connected" if round_trip is None else f"{1000 * round_trip:.1f} ms there and back"
    behind = "" if vitals.behind_bytes is None else f", the phone is {vitals.behind_bytes} bytes behind"
    return (
        "💓 Health Check\n"
        f"   Memory: {megabytes(census.memory_bytes)} / {megabytes(config.memory_limit_bytes)}\n"
        f"   Processes: {vitals.terminals}\n"
        f"   Buffer Size: {vitals.buffer_bytes // 1000}KB\n"
        f"   WebRTC: {vitals.webrtc.capitalize()}\n"
        f"   Descriptors: {census.descriptors}, threads: {census.threads}, tasks: {census.tasks}, "
        f"children: {census.children}\n"
        f"   CPU: {100 * cpu:.1f}%, uptime: {uptime / 3600:.1f} h\n"
        f"   Relay: {relay}{behind}"
    )


def megabytes(amount: int) -> str:
    """Bytes as the log shows them."""
    return f"{amount / 10**6:.0f}MB"
