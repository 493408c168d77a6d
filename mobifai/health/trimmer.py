"""Housekeeping: every five minutes the screens of inactive terminals shrink, and says so when they did."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from mobifai.config import HealthConfig
from mobifai.health.monitor import megabytes
from mobifai.health.process_stats import collect_process_stats

_log = logging.getLogger(__name__)


class TrimTarget(Protocol):
    """What is kept in order."""

    def trim_inactive(self, inactive_seconds: float, keep_bytes: int) -> int:
        """Shrink the screens of terminals that were inactive for so long; how many shrank."""


class Trimmer:
    """Keeps one house."""

    def __init__(
        self,
        house: TrimTarget,
        config: HealthConfig,
        memory: Callable[[], int] = lambda: collect_process_stats().memory_bytes,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._house = house
        self._config = config
        self._memory = memory
        self._sleep = sleep

    async def run(self) -> None:
        """Tidy up until cancelled."""
        while True:
            await self._sleep(self._config.housekeeping_seconds)
            try:
                self.tidy()
            except OSError as error:
                _log.warning("housekeeping could not be done: %s", error)

    def tidy(self) -> None:
        """Once."""
        trimmed = self._house.trim_inactive(self._config.inactive_seconds, self._config.inactive_screen_bytes)
        if not trimmed:
            return
        memory, limit = megabytes(self._memory()), megabytes(self._config.memory_limit_bytes)
        _log.info(
            "🧹 Memory check: %s / %s\n"
            "   Cleared buffers for %d inactive process(es)\n"
            "   Running garbage collection...",
            memory,
            limit,
            trimmed,
        )
        gc.collect()
