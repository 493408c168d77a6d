"""The rows of the table: title, unit, whether less or more is better, and the station that measures the row. Pure."""

from typing import Literal

import msgspec

MB = 1e6


class MetricRow(msgspec.Struct, frozen=True):
    """A row of the table. `difference`: its value is a difference (after minus before), which has no ratio."""

    name: str
    title: str
    unit: str
    station: str
    better: Literal["less", "more"] = "less"
    difference: bool = False
    digits: int = 1

    def is_behind(self, ours: float, theirs: float) -> bool:
        """Return whether the figure `ours` is worse than `theirs`. A difference below 0 counts as 0."""
        if self.difference:
            ours, theirs = max(0.0, ours), max(0.0, theirs)
        return ours > theirs if self.better == "less" else ours < theirs

    def times_as_good(self, ours: float, theirs: float) -> float | None:
        """Return how many times as good the figure `ours` is as `theirs`, or None if there is no ratio."""
        if self.difference or ours <= 0 or theirs <= 0:
            return None
        return theirs / ours if self.better == "less" else ours / theirs


ROWS = (
    MetricRow("start", "start until a client can connect", "s", "idle", digits=2),
    MetricRow("memory-alone", "memory before the first client", "MB", "idle"),
    MetricRow("memory-idle", "memory with a client and a terminal, idle", "MB", "idle"),
    MetricRow("cpu-idle", "CPU with a client and a terminal, idle", "% of a core", "idle", digits=2),
    MetricRow("connect", "connect until the prompt of a new terminal, p50", "ms", "connect", digits=0),
    MetricRow("channel", "connect: from the request to the open data channel, p50", "ms", "connect"),
    MetricRow("echo-idle-p50", "echo of a key, p50", "ms", "echo", digits=2),
    MetricRow("echo-idle-p99", "echo of a key, p99", "ms", "echo", digits=2),
    MetricRow("echo-unseen-p50", "echo while a terminal that is not shown floods, p50", "ms", "echo", digits=2),
    MetricRow("echo-unseen-p99", "echo while a terminal that is not shown floods, p99", "ms", "echo", digits=2),
    MetricRow("echo-seen-p50", "echo while a terminal that is shown floods, p50", "ms", "echo", digits=2),
    MetricRow("echo-seen-p99", "echo while a terminal that is shown floods, p99", "ms", "echo", digits=2),
    MetricRow("file", "`cat` of a file, every byte checked", "MB/s", "file", better="more"),
    MetricRow("interrupt", "Ctrl-C under `yes` until the prompt, p50", "ms", "interrupt", digits=0),
    MetricRow("interrupt-worst", "Ctrl-C under `yes` until the prompt, longest", "ms", "interrupt", digits=0),
    MetricRow("flood-memory", "memory at a flood's peak, over idle", "MB", "flood", difference=True),
    MetricRow("stopped-memory", "memory at its peak while the client is stopped in a flood, over idle", "MB", "flood",
        difference=True),
    MetricRow("terminals-1", "memory with 1 terminal", "MB", "sessions"),
    MetricRow("terminals-10", "memory with 10 terminals", "MB", "sessions"),
    MetricRow("terminals-50", "memory with 50 terminals", "MB", "sessions"),
    MetricRow("terminal", "memory of one more terminal, its shell with it", "KB", "sessions", digits=0),
    MetricRow("terminal-own", "memory of one more terminal, without its shell", "KB", "sessions", digits=0),
    MetricRow("reconnects-descriptors", "descriptors kept after reconnects", "", "reconnects",
              difference=True, digits=0),
    MetricRow("reconnects-threads", "threads kept after reconnects", "", "reconnects",
              difference=True, digits=0),
    MetricRow("reconnects-tasks", "asyncio tasks kept after reconnects", "", "reconnects",
              difference=True, digits=0),
    MetricRow("reconnects-memory", "memory kept after reconnects", "MB", "reconnects", difference=True),
    MetricRow("churn-descriptors", "descriptors kept after terminals came and went", "", "churn", difference=True,
              digits=0),
    MetricRow("churn-threads", "threads kept after terminals came and went", "", "churn", difference=True,
              digits=0),
    MetricRow("churn-tasks", "asyncio tasks kept after terminals came and went", "", "churn", difference=True,
              digits=0),
    MetricRow("churn-memory", "memory kept after terminals came and went", "MB", "churn", difference=True),
)  # fmt: skip

BY_NAME = {row.name: row for row in ROWS}


class BenchWorkload(msgspec.Struct, frozen=True):
    """The amount of work for the figures of each station. Times are in seconds."""

    keys: int = 300
    connects: int = 20
    file_bytes: int = 100_000_000
    interrupts: int = 7
    idle: float = 10.0
    rest: float = 2.0
    flood: float = 5.0
    stopped: float = 5.0
    terminals: tuple[int, int, int] = (1, 10, 50)
    reconnects: int = 300
    churn: int = 300
    warm_up: int = 20
    churn_rounds: int = 2
    """Rounds with reconnects and new terminals. They take minutes and hardly vary, so later rounds omit them."""


FULL = BenchWorkload()
QUICK = BenchWorkload(
    keys=30,
    connects=3,
    file_bytes=2_000_000,
    interrupts=2,
    idle=2.0,
    rest=0.5,
    flood=1.0,
    stopped=1.0,
    terminals=(1, 3, 8),
    reconnects=4,
    churn=5,
    warm_up=2,
)
