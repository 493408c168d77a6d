"""The trimmer, which shortens the output that is kept for inactive terminals. It runs every five minutes by default."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from mobifai.config import HealthConfig
from mobifai.health.monitor import megabytes
from mobifai.health.process_stats import memory_in_use

_log = logging.getLogger(__name__)


class TrimTarget(Protocol):
    """The interface through which the trimmer uses the terminals."""

    def trim_inactive(self, inactive_seconds: float, keep_bytes: int) -> int:
        """Shorten the kept output of terminals to `keep_bytes` each, if they were inactive for `inactive_seconds`.

        Return how many terminals were shortened.
        """


class Trimmer:
    """Periodically shortens the output that is kept for the inactive terminals of `target`."""

    def __init__(
        self,
        target: TrimTarget,
        config: HealthConfig,
        memory: Callable[[], int] = memory_in_use,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._target = target
        self._config = config
        self._memory = memory
        self._sleep = sleep

    async def run(self) -> None:
        """Call `trim` every `trim_seconds` until cancelled."""
        while True:
            await self._sleep(self._config.trim_seconds)
            try:
                self.trim()
            except OSError as error:
                _log.warning("trimming the output of inactive terminals failed; trying again later: %s", error)

    def trim(self) -> None:
        """Shorten the kept output of inactive terminals. If any was shortened, log it and collect garbage."""
        trimmed = self._target.trim_inactive(self._config.inactive_seconds, self._config.inactive_screen_bytes)
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
