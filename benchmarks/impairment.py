"""The effect of networks with low bandwidth, delay and loss on echo, Ctrl-C and a file, as a table in Markdown.

    python -m benchmarks.impairment [--peers ...] [--wires ...] [--presses N] [--page FILE]

Needs Linux and root. Client and server are in two networks, joined by a wire (`tests/support/impairing_wire.py`) that
delays, loses and paces the packets of TCP and UDP. Everything is set up over the clean wire, which is impaired
afterwards. Each peer has one server and one client for all wires, and new terminals for each wire. The client measures
the times.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import click
import msgspec

from benchmarks.bench.__main__ import tools
from benchmarks.bench.client import BenchClient, ClientFailed, client_of
from benchmarks.bench.packages import ROOT
from benchmarks.bench.payload import Payload, write
from benchmarks.bench.peers import PEERS, BenchPeer, BenchTools, Launch, PeerFailed
from benchmarks.bench.rows import MB
from benchmarks.bench.serving import RunningServer, serving
from benchmarks.evidence.revision import origin
from mobifai.errors import MobiFaiError
from soak.harness.temp_run import result_unless_stopped, run_in_temp_folder
from tests.support import netns
from tests.support.impaired_link import CLEAN, IMPAIRMENTS, ImpairedLink, Impairment, NoLink, impaired_link

WIRES = {**IMPAIRMENTS, "50 ms RTT + 1 MB/s": Impairment(rtt=0.05, rate=1e6)}
MEASURED = ("mobifai", "mobifai-relay", "node-wrtc", "node-socketio")
FLOOD_BEGINS = 1_000_000
"""Number of characters of a flood after which every buffer on the way is as full as it can be."""
STEP_SECONDS = 90.0
EXPECTED = (ClientFailed, PeerFailed, MobiFaiError, TimeoutError, OSError)

PAGE = """\
# Slow networks

`python -m benchmarks.impairment --page docs/measurements/slow-networks.md` writes this page (Linux, root). Client and
server are in two networks, joined by a line that delays, loses and paces the packets of TCP and UDP in both
directions. When it paces, it drops packets that do not fit into a queue of 64 KiB. Figures are medians of {presses}
keys. The machine had other work. Measured at revision {revision}.

- *ping* is the line's own round trip, *file* the rate of a file of {megabytes:g} MB that arrived whole.
- *echo* is that of a key at a prompt: alone, beside a flood in a terminal that the client does not show, and beside a
  flood in one that it shows. The servers on Node send every terminal's output.
- *Ctrl-C* is pressed after a megabyte of `yes`, and the time ends with the prompt. *KB after* is the flood's output
  that still arrives in between. MobiFai's client acknowledges the output that it has rendered (`ack`).
- A server that fails a step has the reason in the last column, and is omitted for the lines that follow.

"""

HEAD = """\
| wire | peer | ping | file, MB/s | echo idle | echo beside an unseen flood | echo beside a seen flood | Ctrl-C, p50 \
| Ctrl-C, longest | KB after Ctrl-C |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
"""


@dataclass
class NetworkRow:
    """A row of the table: the figures of a peer over a wire, and the reason if some are missing."""

    wire: str
    peer: str
    figures: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        names = ("ping", "file", "idle", "unseen", "seen", "interrupt", "interrupt-worst", "after")
        cells = [self.wire, PEERS[self.peer].title, *(self.figures.get(name, "–") for name in names)]
        return f"| {' | '.join(cells)} |\n"


@dataclass(frozen=True)
class NetworkVisit:
    """A client that is connected to a server over a wire.

    `presses` is the number of key presses for each figure, and `payload` the file to print.
    """

    link: ImpairedLink
    client: BenchClient
    presses: int
    payload: Payload

    async def ping(self, line: NetworkRow) -> None:
        """Measure the round trip of the wire, and put it into the row `line`."""
        line.figures["ping"] = f"{1000 * await self.link.ping():.1f} ms"

    async def file(self, line: NetworkRow) -> None:
        """Measure the rate at which a printed file arrives. It must arrive complete and unchanged."""
        terminal = await self.client.open()
        seen = await self.client.ask("file", terminal=terminal, path=str(self.payload.path))
        whole = (seen["bytes"], seen["sha256"]) == (self.payload.size, self.payload.sha256)
        line.figures["file"] = f"{self.payload.size / 1000 / seen['ms']:.2f}" if whole else "**damaged**"
        await self.client.ask("shut", terminal=terminal)

    async def echo(self, line: NetworkRow) -> None:
        """Measure the time until the echo of single keys: alone, and beside a flood in a hidden or a shown terminal."""
        typed, flooded = await self.client.open_many(2)
        for name, shown in (("idle", [typed]), ("unseen", [typed]), ("seen", [typed, flooded])):
            await self.client.show(shown)
            if name == "unseen":
                await self.client.ask("floodUnseen", terminal=flooded)
            if name == "seen":
                await self.client.ask("receive", terminal=flooded, bytes=FLOOD_BEGINS)
            line.figures[name] = _ms(await self.client.echo(typed, self.presses))
        await self.client.show([typed])
        for terminal in (flooded, typed):
            await self.client.ask("shut", terminal=terminal)

    async def interrupt(self, line: NetworkRow) -> None:
        """Measure the time from Ctrl-C to the prompt, and the output in between, repeatedly, each time in a flood."""
        terminal = await self.client.open()
        times, after = [], []
        for _ in range(self.presses):
            await self.client.ask("flood", terminal=terminal, bytes=FLOOD_BEGINS)
            counted = await self.client.ask("interruptCounted", terminal=terminal)
            times.append(counted["ms"])
            after.append(counted["characters"])
        line.figures |= {"interrupt": _ms(times), "interrupt-worst": f"{max(times):.0f} ms"}
        line.figures["after"] = f"{median(after) / 1000:.0f}"
        await self.client.ask("shut", terminal=terminal)


def _ms(times: Sequence[float]) -> str:
    return f"{median(times):.{0 if median(times) >= 10 else 1}f} ms"


def behind(peer: BenchPeer, address: str) -> BenchPeer:
    """Return a copy of a peer whose server can be reached over the wire: a MobiFai server listens at `address`."""

    def launch(found: BenchTools, folder: Path) -> Launch:
        usual = peer.launch(found, folder)
        more = ("--host", address) if peer.kind == "mobifai" else ()
        return msgspec.structs.replace(usual, words=(*usual.words, *more))

    return msgspec.structs.replace(peer, launch=launch)


def reached(server: RunningServer, address: str) -> Mapping[str, object]:
    """Return the options for a server's client, with `address`, the server's end of the wire, as host of the URL."""
    return {**server.options, "url": str(server.options["url"]).replace("127.0.0.1", address)}


@asynccontextmanager
async def visiting(
    peer: BenchPeer, found: BenchTools, folder: Path, presses: int, payload: Payload
) -> AsyncIterator[NetworkVisit]:
    """Run a server and a client in this scope, connected over a wire that is not impaired yet."""
    async with (
        impaired_link() as link,
        serving(behind(peer, link.near), found, folder, {"BENCH_HOST": link.near}) as server,
        client_of(
            found.node.program, found.client_home, reached(server, link.near), folder, inside=link.inside
        ) as client,
    ):
        await client.ask("connect")
        yield NetworkVisit(link, client, presses, payload)


async def measure(peer: BenchPeer, wires: Sequence[str], visit: NetworkVisit) -> AsyncIterator[NetworkRow]:
    """Yield a row for each wire. After a failure, the row has the reason and the peer's other wires are skipped."""
    for wire in wires:
        line = NetworkRow(wire, peer.name)
        await visit.link.impair(WIRES[wire])
        try:
            for step in (visit.ping, visit.file, visit.interrupt, visit.echo):
                async with asyncio.timeout(STEP_SECONDS):
                    await step(line)
        except EXPECTED as error:
            reason = str(error) or f"not finished within {STEP_SECONDS:g} s"
            line.figures["after"] = f"{line.figures.get('after', '–')} (**{reason.replace('|', '/')[:120]}**)"
            yield line
            return
        finally:
            await visit.link.impair(CLEAN)
        yield line


async def measure_all(
    peers: Sequence[BenchPeer], wires: Sequence[str], presses: int, file_bytes: int, found: BenchTools, folder: Path
) -> list[NetworkRow]:
    """Measure each peer over each wire, and return all rows, sorted by wire and then by peer."""
    payload, lines = write(folder / "payload", file_bytes), []
    for peer in peers:
        place = Path(tempfile.mkdtemp(dir=folder, prefix="visit-")) / peer.name
        try:
            async with visiting(peer, found, place, presses, payload) as visit:
                async for line in measure(peer, wires, visit):
                    lines.append(line)
                    click.echo(str(line), err=True, nl=False)
        except EXPECTED as error:
            click.echo(f"{peer.name}: {error}", err=True)
    return sorted(lines, key=lambda line: wires.index(line.wire))


def _chosen(known: Sequence[str]) -> click.ParamType:  # type: ignore[type-arg,unused-ignore]
    class Chosen(click.ParamType):  # type: ignore[type-arg,unused-ignore]
        name = "names"

        def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
            names = [name.strip() for name in str(value).split(",") if name.strip()]
            unknown = [name for name in names if name not in known]
            if unknown:
                self.fail(f"expected names among {', '.join(known)}; found {unknown[0]!r}", param, ctx)
            return names or list(known)

    return Chosen()


@click.command()
@click.option("--peers", type=_chosen(MEASURED), default="", help="Peers, separated by commas; all by default.")
@click.option("--wires", type=_chosen(tuple(WIRES)), default="", help="Wires, separated by commas; all by default.")
@click.option(
    "--presses", default=7, show_default=True, type=click.IntRange(1, 1000), help="Key presses for each figure."
)
@click.option(
    "--file-bytes", default=4_000_000, show_default=True, type=click.IntRange(1000), help="Size of the printed file."
)
@click.option("--page", type=click.Path(path_type=Path), help="File to write the table to; by default it is printed.")
def main(peers: list[str], wires: list[str], presses: int, file_bytes: int, page: Path | None) -> None:
    """Measure each peer over each wire, and write the table of medians."""
    chosen = [PEERS[name] for name in peers]
    found = tools(chosen)
    netns.enter()
    try:
        lines = run_in_temp_folder(
            lambda folder: result_unless_stopped(measure_all(chosen, wires, presses, file_bytes, found, folder), [])
        )
    except NoLink as error:
        raise click.ClickException(f"an impaired network can't be created on this machine: {error}") from None
    text = HEAD + "".join(map(str, lines))
    if page is None:
        click.echo(text, nl=False)
    else:
        page.write_text(PAGE.format(presses=presses, megabytes=file_bytes / MB, revision=origin(ROOT).commit) + text)


if __name__ == "__main__":
    sys.exit(main())
