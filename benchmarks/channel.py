"""Throughput of MobiFai's data channel, and its limit: one client receives the same file from several servers in turn.

    python -m benchmarks.channel [ROUNDS [BYTES]]

MobiFai is measured as in `benchmarks.bench`. The limit is that of a server that only sends from memory. It is measured
once with aiortc's own code, and once with MobiFai's path through SCTP and DTLS.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.bench import processes
from benchmarks.bench.__main__ import tools
from benchmarks.bench.client import client_of
from benchmarks.bench.payload import Payload, write
from benchmarks.bench.peers import PEERS, BenchPeer, BenchTools, Launch, PeerFailed
from benchmarks.bench.rows import MB
from benchmarks.bench.serving import serving
from soak.harness.temp_run import run_in_temp_folder
from tests.support import netns

SERVER = Path(__file__).parent / "bench" / "channel_server.py"


def _alone(name: str, title: str, *options: str) -> BenchPeer:
    def launch(_tools: BenchTools, _folder: Path) -> Launch:
        return Launch((sys.executable, str(SERVER), *options))

    return BenchPeer(name, title, "wrtc", launch, lambda _: "")


WHO = (
    _alone("aiortc", "aiortc alone, from memory"),
    _alone("short", "MobiFai's channel alone, from memory", "--short"),
    PEERS["mobifai"],
)


async def take(peer: BenchPeer, found: BenchTools, folder: Path, payload: Payload) -> tuple[float, float]:
    """Transfer the file twice from a peer's server. Return MB/s, and the server's CPU milliseconds for each MB.

    Both are those of the second transfer. Raises PeerFailed if the file arrives changed.
    """
    async with (
        serving(peer, found, folder) as server,
        client_of(found.node.program, found.client_home, server.options, folder) as client,
    ):
        await client.ask("connect")
        terminal = await client.open()
        for _ in range(2):
            before = processes.count(server.pid).cpu_seconds
            seen = await client.ask("file", terminal=terminal, path=str(payload.path))
            if seen["sha256"] != payload.sha256:
                raise PeerFailed(f"expected the file; got {seen['bytes']:,} bytes of something else")
            used = processes.count(server.pid).cpu_seconds - before
        return payload.size / MB / (seen["ms"] / 1000), 1000 * used / (payload.size / MB)


async def rounds(count: int, size: int, found: BenchTools, folder: Path) -> None:
    """Measure each server in turn, `count` times, with a file of `size` bytes, and print a table of the medians."""
    payload = write(folder / "payload", size)
    figures: dict[str, list[tuple[float, float]]] = {peer.title: [] for peer in WHO}
    for number in range(count):
        for peer in WHO:
            try:
                figures[peer.title].append(await take(peer, found, folder / f"{number}-{peer.name}", payload))
            except PeerFailed as reason:
                print(f"{peer.title}: {reason}", file=sys.stderr)
    print("| | MB/s | server's ms for a MB |\n| --- | ---: | ---: |")
    for title, each in figures.items():
        if each:
            rate, used = (median(values) for values in zip(*each, strict=True))
            print(f"| {title} | {rate:.1f} | {used:.1f} |")


def main(words: Sequence[str]) -> None:
    """Measure and print the table, given the optional arguments ROUNDS and BYTES."""
    count, size = (int(word) for word in (*words, *("3", "100000000")[len(words) :]))
    found = tools(WHO)
    netns.enter()

    async def job(folder: Path) -> bool:
        await rounds(count, size, found, folder)
        return True

    run_in_temp_folder(job)


if __name__ == "__main__":
    main(sys.argv[1:])
