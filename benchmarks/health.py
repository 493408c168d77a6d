"""The cost of an agent's health checks, housekeeping and metrics: CPU time, and the share of a core at usual intervals.

    python benchmarks/health.py [ROUNDS]

Measures CPU time, not wall time, over many rounds in one process, with the status of an agent with 20 terminals.
"""

import asyncio
import sys
import time

from mobifai.bounds import Ledger
from mobifai.config import HealthConfig
from mobifai.health.figure import part
from mobifai.health.metrics import StatusCollector
from mobifai.health.monitor import Monitor
from mobifai.health.process_stats import ProcessStats, collect_process_stats
from mobifai.health.status import AgentStatus, HealthCheck, TerminalStatus
from mobifai.health.trimmer import Trimmer

LEDGER = Ledger()
SCRAPE_SECONDS = 15


def read_status() -> AgentStatus:
    """Return the status of an agent with 20 terminals. Figures of this process are real; all others are constant."""
    return AgentStatus(
        **part(ProcessStats, collect_process_stats()),
        webrtc="connected",
        behind_bytes=0,
        relay="paired",
        relay_url="http://127.0.0.1",
        own_relay_url=None,
        version="0",
        agent_pid=1,
        keeper_pid=None,
        problems=(),
        uptime_s=1.0,
        memory_limit_bytes=512 * 10**6,
        fingerprint="",
        e2e_mode="allow",
        terminals=tuple(TerminalStatus(uuid=f"{n}", name="", pid=n, active=False) for n in range(20)),
        buffer_bytes=2_000_000,
        last_check=None,
        worst_case_bytes=LEDGER.worst_case_bytes,
        bounds=tuple(LEDGER.entries()),
    )


class _Target:
    def status(self) -> AgentStatus:
        return read_status()

    def checked(self, check: HealthCheck) -> None: ...

    async def relay_round_trip(self) -> float | None:
        return 0.001

    def reconnect_relay(self) -> None: ...

    def drop_channel(self, phone: str) -> None: ...

    def is_quiet(self) -> bool:
        return True

    def restart(self) -> bool:
        return False

    def trim_inactive(self, inactive_seconds: float, keep_bytes: int) -> int:
        return 1


async def main(rounds: int) -> None:
    """Print a row for each part (checks, housekeeping, metrics), and the sum of their shares of a core."""
    config = HealthConfig()
    monitor, trimmer = Monitor(_Target(), config), Trimmer(_Target(), config)
    collector = StatusCollector(read_status)
    total = 0.0
    print(f"{'part':<14}{'CPU ms a time':>15}{'every s':>10}{'% of a core':>14}")
    for name, seconds in (("health check", config.check_seconds), ("housekeeping", config.trim_seconds),
                          ("a scrape", SCRAPE_SECONDS)):  # fmt: skip
        began = time.process_time()
        for _ in range(rounds):
            if name == "health check":
                await monitor.check()
            elif name == "housekeeping":
                trimmer.trim()
            else:
                list(collector.collect())
        each = (time.process_time() - began) / rounds
        total += each / seconds
        print(f"{name:<14}{1000 * each:>15.2f}{seconds:>10.0f}{100 * each / seconds:>14.4f}")
    print(f"{'together':<39}{100 * total:>14.4f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
