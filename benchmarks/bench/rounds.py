"""The rounds: each station runs with all peers in turn, so that a slow minute of the machine affects all of them.

Owns nothing permanently: each visit has its own folder, server and client.
"""

import asyncio
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import click
import msgspec
import psutil

from benchmarks.bench.client import ClientFailed, client_of
from benchmarks.bench.payload import Payload
from benchmarks.bench.peers import BenchPeer, BenchTools, PeerFailed
from benchmarks.bench.results import NOT_REPORTED, BenchCell, BenchResults
from benchmarks.bench.rows import BY_NAME, ROWS, BenchWorkload
from benchmarks.bench.serving import serving
from benchmarks.bench.stations import LONG, STATIONS, StationVisit
from mobifai.errors import MobiFaiError

STATION_SECONDS = 420.0
SHOWN = 240
EXPECTED = (ClientFailed, PeerFailed, MobiFaiError, psutil.Error, TimeoutError, OSError, ValueError, LookupError)


class BenchPlan(msgspec.Struct, frozen=True):
    """The plan of a run: peers, rows, number of rounds, and workload."""

    peers: Sequence[BenchPeer]
    rows: Collection[str]
    rounds: int
    counts: BenchWorkload

    def visits(self) -> Iterator[tuple[int, str, BenchPeer]]:
        """Yield (number of the round, station, peer) for each visit, in the order of the run."""
        for number in range(1, self.rounds + 1):
            for station in STATIONS:
                if station in LONG and number > self.counts.churn_rounds:
                    continue
                if any(BY_NAME[row].station == station for row in self.rows):
                    yield from ((number, station, peer) for peer in self.peers)


class Rounds:
    """Measures the figures of a plan that are not in the results yet."""

    def __init__(
        self, course: BenchPlan, tools: BenchTools, results: BenchResults, folder: Path, payload: Payload
    ) -> None:
        self._course, self._tools, self._results = course, tools, results
        self._folder, self._payload = folder, payload
        self._visits = 0

    async def run(self) -> None:
        """Measure the figures that are missing. A station that fails leaves cells with the reason."""
        for number, station, peer in self._course.visits():
            rows = [row.name for row in ROWS if row.station == station and row.name in self._course.rows]
            if not all(self._results.has((number, peer.name, row)) for row in rows):
                await self._visit(number, station, peer, rows)

    async def _visit(self, number: int, station: str, peer: BenchPeer, rows: Sequence[str]) -> None:
        clock = asyncio.get_running_loop().time
        start, reason = clock(), NOT_REPORTED
        found: dict[str, float] = {}
        try:
            async with asyncio.timeout(STATION_SECONDS):
                await self._measure(station, peer, found)
        except EXPECTED as error:
            reason = _reason(error)
        for row in rows:
            self._add(BenchCell(number, peer.name, row, found.get(row), "" if row in found else reason))
        line = ", ".join(f"{row} {found[row]:.4g}" for row in rows if row in found)
        line += f" ({reason})" if len(found) < len(rows) else ""
        click.echo(f"{number} {station:10} {peer.name:13} {clock() - start:5.1f} s  {line}", err=True)

    def _add(self, cell: BenchCell) -> None:
        if not self._results.has(cell.key):
            self._results.add(cell)

    async def _measure(self, station: str, peer: BenchPeer, found: dict[str, float]) -> None:
        self._visits += 1
        place = self._folder / str(self._visits)
        try:
            async with (
                serving(peer, self._tools, place) as server,
                client_of(self._tools.node.program, self._tools.client_home, server.options, place) as client,
            ):
                visit = StationVisit(server, client, self._course.counts, self._payload)
                async for row, value in STATIONS[station](visit):
                    found[row] = value
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _reason(error: BaseException) -> str:
    """Return an error as one line of text that fits into a cell of the table."""
    text = str(error) or ("took longer than " + f"{STATION_SECONDS:g} s" if isinstance(error, TimeoutError) else "")
    return f"{text or type(error).__name__}".replace("\n", " ").replace("|", "/")[:SHOWN]
