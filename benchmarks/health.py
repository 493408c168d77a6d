"""What health, housekeeping and the figures cost: CPU time of each, and their share of a core at the usual intervals.

    python benchmarks/health.py [ROUNDS]

Measures CPU time, not wall time, over many rounds in one process, with 20 terminals' worth of open descriptors.
"""

import asyncio
import sys
import time

from mobifai.bounds import Ledger
from mobifai.config import HealthConfig
from mobifai.health.metrics import _MetricsCollector
from mobifai.health.monitor import Monitor, Vitals
from mobifai.health.process_stats import collect_process_stats
from mobifai.health.trimmer import Trimmer

VITALS = Vitals(terminals=20, buffer_bytes=2_000_000, webrtc="connected", behind_bytes=0, confirmed=0)
SCRAPE_SECONDS = 15


class _Subject:
    def vitals(self) -> Vitals:
        return VITALS

    async def relay_round_trip(self) -> float | None:
        return 0.001

    def relay_is_deaf(self) -> None: ...

    def phone_is_deaf(self) -> None: ...

    def is_quiet(self) -> bool:
        return True

    def restart(self) -> bool:
        return False

    def trim_inactive(self, inactive_seconds: float, keep_bytes: int) -> int:
        return 1


async def main(rounds: int) -> None:
    """Print a row for each part, and the sum."""
    config = HealthConfig()
    monitor, house = Monitor(_Subject(), config), Trimmer(_Subject(), config)
    figures = _MetricsCollector(Ledger(), lambda: VITALS, collect_process_stats)
    total = 0.0
    print(f"{'part':<14}{'CPU ms a time':>15}{'every s':>10}{'% of a core':>14}")
    for name, seconds in (("health check", config.check_seconds), ("housekeeping", config.housekeeping_seconds),
                          ("a scrape", SCRAPE_SECONDS)):  # fmt: skip
        began = time.process_time()
        for _ in range(rounds):
            if name == "health check":
                await monitor.check()
            elif name == "housekeeping":
                house.tidy()
            else:
                list(figures.collect())
        each = (time.process_time() - began) / rounds
        total += each / seconds
        print(f"{name:<14}{1000 * each:>15.2f}{seconds:>10.0f}{100 * each / seconds:>14.4f}")
    print(f"{'together':<39}{100 * total:>14.4f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
