"""Reports as runs write them, with findings of every kind, for tests of the formats."""

import math
import random
from typing import Any

import msgspec

from soak.gauges.counts import CycleCounts
from soak.gauges.results import (
    BoundOutcome,
    BoundResult,
    FindingResult,
    GaugeResult,
    Installed,
    Phase,
    Product,
    Report,
    RestResult,
    ScenarioResult,
    SeriesResult,
    TrafficResult,
)
from soak.gauges.state import BUDGET, NOT_HERE, Trend

SCENARIOS = ("terminals", "reconnects", "conversations", "mixed")
REPLAY = "mobifai soak terminals --seed 7 --cycles 240 --phones 2"
DAY = 86_400 / 0.26


def finding(
    kind: str, name: str, detail: str, per_cycle: float = 0, unit: str = "", scenario: str = "terminals"
) -> Any:
    """Return a finding with the growth `per_cycle` and its projection for a day."""
    return FindingResult(kind, name, detail, per_cycle, unit, per_cycle * DAY, scenario, REPLAY)


FINDINGS = [
    finding("growth", "heap.bytes", "expected no rise over 8 blocks, found +48 bytes a cycle in each", 48, "bytes"),
    finding("bound", "terminal.ring", "expected at most 1,000,000 bytes, found 1,000,017", unit="bytes", scenario=""),
    finding("rest", "descriptors:socket", "expected 6 as after the warm-up, found 9", 0.0125, "descriptors"),
    finding("canary", "canaries:Session", "expected none alive a minute after its end, found 3", 0.0125, "objects"),
    finding("process", "zombies", "expected no ended child that nobody waited for, found 1", 0.004, "processes"),
    finding("integrity", "terminals", "expected byte 4,096 of the stream, found byte 4,097: one is missing"),
    finding("failure", "agent", "expected an answer in 30 s, found a process that ended with SIGSEGV"),
    finding("harness", "rss.bytes", "expected the harness to stay as it was, found +3 KB a cycle", 3000, "bytes", ""),
]


def course(name: str, scenario: str, unit: str, points: int, rise: float, start: float, seed: int = 1) -> SeriesResult:
    """Return the series of a gauge that varies, and rises by `rise` in each cycle."""
    chance = random.Random(f"{seed}{name}{scenario}")  # noqa: S311 - a course for plots
    noise = 0 if rise == 0 and start < 100 else start / 200
    values = [
        (0.26 * i, i, start + rise * i + noise * math.sin(i / 9) * chance.random() - noise * 4 * math.exp(-i / 40))
        for i in range(points)
    ]
    return SeriesResult(name, scenario, unit, None, [(at, cycle, round(value, 3)) for at, cycle, value in values])


def bounded(series: SeriesResult, capacity: float) -> SeriesResult:
    """Return `series` with a capacity."""
    return msgspec.structs.replace(series, capacity=capacity)


def scenario(name: str, points: int) -> ScenarioResult:
    """Return the result of a scenario that was judged."""
    counts = CycleCounts(points, points // 5, blocks=8)
    traffic_ = TrafficResult(4_600_000, 577_000_000)
    return ScenarioResult(name, counts, 8, 31.2, Phase.JUDGED, Trend.FLAT, traffic_)


def held(points: int = 200) -> Report:
    """Return the report of a run in which everything held."""
    return Report(
        verdict="held",
        counts=CycleCounts(points * len(SCENARIOS), points // 5 * len(SCENARIOS), blocks=32, rounds=8),
        duration_s=125.3,
        seed=7,
        environment={"platform": "Linux 6.1 x86_64", "python": "3.11.9", "libc": "glibc 2.36", "cpus": 2,
                     "libraries": {"aiortc": "1.13.0", "aiohttp": "3.12.1"}},
        bounds=[
            BoundResult("assistant.history", 200, "messages", 200, 1412, BoundOutcome.HELD),
            BoundResult("link.outbox", 262_144, "bytes", 262_144, 0, BoundOutcome.HELD),
            BoundResult("relay.rooms", 4096, "rooms", 5, 0, BoundOutcome.UNFILLED),
            BoundResult("terminal.ring", 1_000_000, "bytes", 1_000_000, 88_000_000, BoundOutcome.HELD),
            BoundResult("terminals", 16, "terminals", 11, 0, BoundOutcome.UNFILLED),
        ],
        rest=[
            RestResult("descriptors:socket", 6, 6, "descriptors", Trend.FLAT, "terminals"),
            RestResult("tasks:serve", 2, 2, "tasks", Trend.FLAT, "reconnects"),
        ],
        gauges=[
            *(GaugeResult("heap.bytes", "bytes", 0.3, Trend.FLAT, 12, name) for name in SCENARIOS),
            *(GaugeResult("python.blocks", "objects", -0.002, Trend.FLAT, 0.1, name) for name in SCENARIOS),
            GaugeResult("children.bytes", "bytes", 0, Trend.UNMEASURED, None, "mixed", NOT_HERE),
        ],
        findings=[],
        traffic=TrafficResult(18_400_000, 2_310_000_000, 0),
        command="mobifai soak --quick --seed 7",
        product=Product("0.1.0", "0123456789abcdef0123456789abcdef01234567", False, Installed.CHECKOUT),
        started_at="2024-05-04T10:00:00Z",
        scenarios=[
            scenario(name, points)
            for name in SCENARIOS
        ],
        harness=[
            GaugeResult("rss.bytes", "bytes", 12, Trend.UNJUDGED, None, "harness", BUDGET),
            GaugeResult("descriptors", "descriptors", 0, Trend.FLAT, 0, "harness"),
        ],
        memory=[{"at": 60.0, "seconds": 60.0, "lines": [{"line": "aiortc/rtcsctptransport.py:812", "bytes": 40_112}]}],
        notes=["The memory of child processes was not measured: /proc/PID/smaps_rollup can't be read."],
        series=[
            *(course("heap.bytes", name, "bytes", points, 0, 4_190_000) for name in SCENARIOS),
            *(course("python.blocks", name, "objects", points, 0, 182_000) for name in SCENARIOS),
            *(course("rss.bytes", name, "bytes", points, 90, 88_000_000) for name in SCENARIOS),
            *(course("descriptors:socket", name, "descriptors", points, 0, 6) for name in SCENARIOS),
            bounded(course("terminal.ring", "terminals", "bytes", points, 0, 960_000), 1_000_000),
            bounded(course("relay.rooms", "mixed", "rooms", points, 0.01, 3), 4096),
        ],
    )  # fmt: skip


def leaking(points: int = 200) -> Report:
    """Return the report of a run with findings of every kind."""
    calm = held(points)
    bounds = [
        BoundResult("terminal.ring", 1_000_000, "bytes", 1_000_017, 88_000_000, BoundOutcome.BROKEN),
        *calm.bounds[:3],
    ]
    return msgspec.structs.replace(
        calm,
        verdict="leak",
        findings=FINDINGS,
        bounds=bounds,
        rest=[RestResult("descriptors:socket", 6, 9, "descriptors", Trend.RISING, "terminals"), *calm.rest[1:]],
        gauges=[GaugeResult("heap.bytes", "bytes", 48, Trend.RISING, 12, "terminals"), *calm.gauges[1:]],
        traffic=TrafficResult(18_400_000, 2_310_000_000, 1),
        segments=2,
        series=[course("heap.bytes", "terminals", "bytes", points, 480, 4_190_000), *calm.series[1:]],
    )


def hostile(name: str) -> Report:
    """Return a report in which every text that comes from elsewhere is `name`."""
    points = [(float(i), i, float(i % 3)) for i in range(9)]
    return msgspec.structs.replace(
        held(5),
        verdict="leak",
        environment={name: name, "libraries": {name: [name]}},
        bounds=[BoundResult(name, 10, name, 3, 0, BoundOutcome.UNFILLED)],
        rest=[RestResult(name, 1, 2, name, Trend.RISING, name, name)],
        gauges=[GaugeResult(name, name, 1, Trend.RISING, 1, name, name)],
        findings=[FindingResult("growth", name, name, 1, name, 2, name, name)],
        command=name,
        started_at=name,
        scenarios=[ScenarioResult(name, CycleCounts(9, 2), 8, 1, Phase.JUDGED, Trend.UNJUDGED, TrafficResult(), name)],
        harness=[GaugeResult(name, name, 1, Trend.FLAT, 1, name)],
        memory=[{name: name}],
        notes=[name],
        series=[SeriesResult(name, name, name, 2, points), SeriesResult(f"{name}.", name, name, None, points)],
    )
