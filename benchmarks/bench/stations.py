"""The stations. A station is the work that a peer does for some figures, with a fresh server and a fresh client.

Each station is an async generator of (row, value), so that the figures that it has yielded are kept if it fails later.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from statistics import median, quantiles

import msgspec

from benchmarks.bench import processes
from benchmarks.bench.client import BenchClient, ClientFailed
from benchmarks.bench.payload import Payload
from benchmarks.bench.rows import MB, BenchWorkload
from benchmarks.bench.serving import RunningServer

FigureStream = AsyncGenerator[tuple[str, float], None]

FLOOD_BEGINS = 200_000
"""Number of characters of a flood after which it counts as started."""
PATIENCE = 10.0


class StationVisit(msgspec.Struct, frozen=True):
    """The objects of a station: the peer's server, a client that is not connected yet, the workload, and the file."""

    server: RunningServer
    client: BenchClient
    counts: BenchWorkload
    payload: Payload

    async def rest(self) -> processes.ProcessUsage:
        """Let the server rest for a moment, and return the usage of its processes."""
        await asyncio.sleep(self.counts.rest)
        return processes.count(self.server.pid)


async def idle(visit: StationVisit) -> FigureStream:
    """Measure the start of a server, its memory without and with a client, and its CPU time with an idle client."""
    yield "start", visit.server.seconds
    yield "memory-alone", (await visit.rest()).memory / MB
    await visit.client.ask("connect")
    await visit.client.open()
    before = await visit.rest()
    yield "memory-idle", before.memory / MB
    await asyncio.sleep(visit.counts.idle)
    after = processes.count(visit.server.pid)
    yield "cpu-idle", 100 * (after.cpu_seconds - before.cpu_seconds) / visit.counts.idle


async def connect(visit: StationVisit) -> FigureStream:
    """Measure how long a connection takes: until the prompt of a new terminal, and until the data channel is open.

    The first connection does not count, because some peers load code for it.
    """
    await visit.client.ask("timeConnects", count=1)
    times = await visit.client.ask("timeConnects", count=visit.counts.connects)
    yield "connect", median(times["prompts"])
    if times["channels"]:
        yield "channel", median(times["channels"])


async def echo(visit: StationVisit) -> FigureStream:
    """Measure the time until the echo of single keys: alone, and beside a flood in a hidden or a shown terminal."""
    client = visit.client
    await client.ask("connect")
    typed, flooded = await client.open_many(2)
    for name, shown in (("idle", [typed]), ("unseen", [typed]), ("seen", [typed, flooded])):
        await client.show(shown)
        if name == "unseen":
            await client.ask("floodUnseen", terminal=flooded)
        times = await client.echo(typed, visit.counts.keys)
        yield f"echo-{name}-p50", median(times)
        yield f"echo-{name}-p99", quantiles(times, n=100, method="inclusive")[98]


async def file(visit: StationVisit) -> FigureStream:
    """Measure the rate at which a large file arrives that is printed in a terminal. It must arrive unchanged."""
    await visit.client.ask("connect")
    terminal = await visit.client.open()
    seen = await visit.client.ask("file", terminal=terminal, path=str(visit.payload.path))
    if (seen["bytes"], seen["sha256"]) != (visit.payload.size, visit.payload.sha256):
        wanted = f"{visit.payload.size:,} bytes with hash {visit.payload.sha256[:12]}"
        raise ClientFailed(f"**damaged**: expected {wanted}; got {seen['bytes']:,} with {seen['sha256'][:12]}")
    yield "file", visit.payload.size / MB / (seen["ms"] / 1000)


async def interrupt(visit: StationVisit) -> FigureStream:
    """Measure the time from Ctrl-C to the prompt, repeatedly, each time during a flood of output."""
    await visit.client.ask("connect")
    terminal = await visit.client.open()
    times = []
    for _ in range(visit.counts.interrupts):
        await visit.client.ask("flood", terminal=terminal, bytes=20 * FLOOD_BEGINS)
        times.append(await visit.client.interrupt(terminal))
    yield "interrupt", median(times)
    yield "interrupt-worst", max(times)


async def flood(visit: StationVisit) -> FigureStream:
    """Measure the server's peak memory in a flood of output: first to a client that reads, then to a stopped one."""
    await visit.client.ask("connect")
    terminal = await visit.client.open()
    before = (await visit.rest()).own_memory
    await visit.client.ask("flood", terminal=terminal, bytes=FLOOD_BEGINS)
    peak = await processes.peak_memory(visit.server.pid, visit.counts.flood)
    yield "flood-memory", (peak - before) / MB
    async with visit.client.stopped():
        stopped = await processes.peak_memory(visit.server.pid, visit.counts.stopped)
    yield "stopped-memory", (stopped - before) / MB


async def sessions(visit: StationVisit) -> FigureStream:
    """Measure the server's memory with a growing number of terminals."""
    await visit.client.ask("connect")
    counted: dict[int, processes.ProcessUsage] = {}
    for goal in visit.counts.terminals:
        await visit.client.open_many(goal - max(counted, default=0))
        counted[goal] = await visit.rest()
    few, some, many = visit.counts.terminals
    for row, goal in (("terminals-1", few), ("terminals-10", some), ("terminals-50", many)):
        yield row, counted[goal].memory / MB
    yield "terminal", (counted[many].memory - counted[few].memory) / (many - few) / 1000
    yield "terminal-own", (counted[many].own_memory - counted[few].own_memory) / (many - few) / 1000


async def reconnects(visit: StationVisit) -> FigureStream:
    """Measure the descriptors, threads, tasks and memory that the server keeps after many reconnects of the client."""
    await visit.client.ask("connect")
    await visit.client.open()

    async def again(count: int) -> None:
        await visit.client.ask("reconnect", count=count)

    async for figure in _kept(visit, "reconnects", again, visit.counts.reconnects):
        yield figure


async def churn(visit: StationVisit) -> FigureStream:
    """Measure the descriptors, threads, tasks and memory that the server keeps after many terminals were closed."""
    await visit.client.ask("connect")
    await visit.client.open()

    async def again(count: int) -> None:
        await visit.client.ask("churn", count=count)

    async for figure in _kept(visit, "churn", again, visit.counts.churn):
        yield figure


async def _kept(visit: StationVisit, name: str, again: Callable[[int], Awaitable[None]], count: int) -> FigureStream:
    """Yield by how much the server's usage rises while `again` is called for `count` repetitions, after a warm-up.

    `name` is the first part of the names of the rows.
    """
    await again(visit.counts.warm_up)
    before = await processes.at_rest(visit.server.pid, PATIENCE)
    tasks_before = await visit.server.tasks()
    await again(count)
    after = await processes.at_rest(visit.server.pid, PATIENCE)
    tasks_after = await visit.server.tasks()
    yield f"{name}-descriptors", after.descriptors - before.descriptors
    yield f"{name}-threads", after.threads - before.threads
    if tasks_before is not None and tasks_after is not None:
        yield f"{name}-tasks", tasks_after - tasks_before
    yield f"{name}-memory", (after.memory - before.memory) / MB


STATIONS: dict[str, Callable[[StationVisit], FigureStream]] = {
    station.__name__: station for station in (idle, connect, echo, file, interrupt, flood, sessions, reconnects, churn)
}
LONG = frozenset({"reconnects", "churn"})
"""Stations that take minutes."""
