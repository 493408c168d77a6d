"""The cost of one chunk of output and of one key, counted instead of timed, so that it is equal on every machine.

    python -m benchmarks.hot_path [--update] [--callgrind]

The benchmark drives MobiFai's own code without a network and with a clock that is set by hand: a terminal, its outbound
queue, and a transport that encodes messages and counts their bytes. A `SOCK_SEQPACKET` socket takes the place of the
terminal's PTY (each read returns one packet, as the kernel returns a piece from a PTY). For each unit, one chunk or one
key, the benchmark counts calls of Python functions, calls of C functions, bytecode instructions, and the most bytes
allocated at a time. The counts stored beside this file apply to one minor version of Python each. A count that exceeds
the stored one by more than STEP is reported. `--update` stores the counts of this run. `--callgrind` also prints
machine instructions for each unit, if valgrind is installed.
"""

import asyncio
import gc
import inspect
import json
import mmap
import os
import platform
import shutil
import socket
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import click

from mobifai.bounds import Ledger
from mobifai.limits import MAX_FRAME, RELAY_BACKLOG, TERMINAL_RING
from mobifai.protocol import messages
from mobifai.protocol.codec import decode_frame, encode_frame
from mobifai.relay import packets
from mobifai.relay.outbox import Outbox
from mobifai.session.outbound import OutboundQueue
from mobifai.terminals.feed import TerminalFeed
from mobifai.terminals.shells import Spawned
from mobifai.terminals.spawning import ring_bytes
from mobifai.terminals.terminal import Tab, Terminal

STORED = Path(__file__).with_suffix(".json")
STEP = 0.005
"""Share by which a count may exceed the stored one. Counts are exact: one more call for a chunk is noticed."""
PEAK_SLACK = 256
"""Bytes by which the peaks of two processes may differ: some create one more small object at the peak."""
WARM_UP = 50
UNITS = 50
PIECE = 4096
"""Bytes that one read of a PTY returns."""
PIECES = 4
UNIT_SECONDS = 0.01
"""Seconds between two units, so that each is sent immediately."""
TRIES = 3

UnitCounts = dict[str, int]
WorkUnit = Callable[[], object]

COUNTS = {
    "calls": "calls of Python functions",
    "c_calls": "calls of C functions",
    "instructions": "bytecode instructions",
    "peak_bytes": "most bytes allocated at a time",
    "sent_bytes": "bytes sent",
}


# -- the driven code


@dataclass
class CountingPath:
    """A transport to a phone that always has room, and only counts the bytes of encoded messages."""

    open: bool = True
    sent_bytes: int = 0

    def room_for_bulk(self, _: int) -> bool:
        """Return True: there is always room for output."""
        return True

    def room_for_control(self) -> bool:
        """Return True: there is always room for control messages."""
        return True

    def send(self, event: str, payload: object) -> None:
        """Encode a message and count its bytes."""
        self.sent_bytes += len(encode_frame(event, payload))


@dataclass
class HotPathBench:
    """A terminal with its outbound queue. Output is written to the socket `program`, in place of a program's PTY."""

    loop: asyncio.AbstractEventLoop
    program: socket.socket
    path: CountingPath = field(default_factory=CountingPath)
    terminal: Terminal = field(init=False)
    feed: TerminalFeed = field(init=False)
    now: float = 1000.0

    def set_up(self, master: int) -> None:
        """Create the terminal on the descriptor `master`, its outbound queue, and the feed that joins them."""
        ledger = Ledger()
        outbound = OutboundQueue(ledger, CountingPath(open=False), _nothing)
        spawned = Spawned(2**30, master, mmap.mmap(-1, ring_bytes(TERMINAL_RING.value)))
        self.terminal = Terminal(Tab("uuid", "Tab 1", 1), spawned, ledger, _nothing)
        self.feed = TerminalFeed(self.terminal, ledger, outbound.output_ready, _nothing, acknowledges=False)
        outbound.set_channel(self.path)
        self.feed.attach()

    def turn(self) -> None:
        """Advance the clock by `UNIT_SECONDS` and run one iteration of the event loop."""
        self.now += UNIT_SECONDS
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()


def _nothing(*_: object) -> None:
    """Ignore a notification."""


@contextmanager
def bench() -> Iterator[HotPathBench]:
    """Set up a terminal and an outbound queue, on an event loop whose clock is set by hand, for this scope."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    near.setblocking(False)
    loop = asyncio.SelectorEventLoop()
    made = HotPathBench(loop, far)
    loop.time = lambda: made.now  # type: ignore[method-assign]
    started = asyncio.ensure_future(_set_up(made, near.detach()), loop=loop)
    try:
        loop.run_until_complete(started)
        yield made
    finally:
        made.feed.close()
        made.terminal.close()
        far.close()
        loop.close()


async def _set_up(made: HotPathBench, master: int) -> None:
    made.set_up(master)


TEXT = ("0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJ é 漢字 🙂\n".encode() * PIECE)[: PIECE * PIECES]


@contextmanager
def output(*, forwarded: bool = True) -> Iterator[tuple[WorkUnit, CountingPath]]:
    """Yield a unit of work and the transport that counts its bytes.

    The unit passes 16 KiB of output, in pieces as a PTY returns them, from the program to the frames for the phone. If
    `forwarded` is false, output only goes into the ring.
    """
    pieces = [TEXT[at : at + PIECE] for at in range(0, len(TEXT), PIECE)]
    with bench() as made:
        if not forwarded:
            made.feed.detach()

        def unit() -> None:
            for piece in pieces:
                made.program.send(piece)
            made.turn()

        yield unit, made.path


def hidden() -> AbstractContextManager[tuple[WorkUnit, CountingPath]]:
    """Do the same as `output` in a terminal that no phone shows, so that output only goes into the ring."""
    return output(forwarded=False)


@contextmanager
def key() -> Iterator[tuple[WorkUnit, CountingPath]]:
    """Yield a unit of work and the transport that counts its bytes.

    The unit passes a key from the phone's frame to the program, and its echo back into a frame.
    """
    text = json.dumps({"namespace": "terminal", "action": "terminal:input", "payload": {"uuid": "uuid", "data": "x"}})
    with bench() as made:

        def unit() -> None:
            event, payload, _ = decode_frame(text)
            message = messages.decode(messages.FROM_PHONE, event, payload)
            made.program.send(b"x")  # the echo, which the kernel would have at the next call of a PTY
            made.terminal.write(message.data, by_hand=True)
            made.program.recv(16)
            made.turn()

        yield unit, made.path


@contextmanager
def relay() -> Iterator[tuple[WorkUnit, CountingPath]]:
    """Yield a unit of work and the transport that counts its bytes.

    The unit passes a packet with 16 KiB of output through the relay: it reads the packet, queues it, and takes it out.
    """
    ledger = Ledger()
    payload = {"uuid": "uuid", "data": TEXT.decode(errors="replace")}
    text = "42" + json.dumps(["terminal:output", payload], ensure_ascii=False, separators=(",", ":"))
    outbox: Outbox[bytes] = Outbox(ledger.open(RELAY_BACKLOG), MAX_FRAME, len, _nothing)
    path = CountingPath()

    def unit() -> None:
        packet = packets.read(text)
        _finished(outbox.wait_for_room())
        outbox.put(packets.event_frame(packet.event, packet.arguments[0]))
        path.sent_bytes += len(_finished(outbox.get()) or b"")

    yield unit, path


def _finished(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits, and return its result. Raises RuntimeError if it waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("expected a coroutine that does not wait; it waits")


DrivenPath = Callable[[], AbstractContextManager[tuple[WorkUnit, CountingPath]]]

DRIVEN: Mapping[str, DrivenPath] = {one.__name__: one for one in (output, hidden, key, relay)}


# -- counting


def count(driven: DrivenPath) -> UnitCounts:
    """Return the counts of a driven path for UNITS units after a warm-up (`peak_bytes` is for a single unit)."""
    gc.collect()
    gc.disable()  # a collection would come at another time after every change
    try:
        with driven() as (unit, path):
            for _ in range(WARM_UP):
                unit()
            before = path.sent_bytes
            calls, sent = _calls(unit), path.sent_bytes - before
            return {**calls, "instructions": _instructions(unit), "peak_bytes": _peak(unit), "sent_bytes": sent}
    finally:
        gc.enable()


def _repeat(unit: WorkUnit) -> None:
    for _ in range(UNITS):
        unit()


def _calls(unit: WorkUnit) -> UnitCounts:
    counted = {"call": 0, "c_call": 0}

    def profile(_frame: FrameType, event: str, _argument: object) -> None:
        if event in counted:
            counted[event] += 1

    sys.setprofile(profile)
    try:
        _repeat(unit)
    finally:
        sys.setprofile(None)
    return {"calls": counted["call"], "c_calls": counted["c_call"]}


def _instructions(unit: WorkUnit) -> int:
    counted = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal counted
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        counted += event == "opcode"
        return trace

    if (here := inspect.currentframe()) is not None:
        here.f_trace_opcodes = True  # before settrace, because otherwise Python 3.12 reports no opcodes at first
    sys.settrace(trace)
    try:
        _repeat(unit)
    finally:
        sys.settrace(None)
    return counted


def _peak(unit: WorkUnit) -> int:
    """Return the smallest peak of allocated bytes in UNITS units.

    The smallest, because a unit may find a cache empty that the others find filled.
    """
    tracemalloc.start()
    try:
        unit()
        return min(_peak_of_one(unit) for _ in range(UNITS))
    finally:
        tracemalloc.stop()


def _peak_of_one(unit: WorkUnit) -> int:
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    unit()
    return tracemalloc.get_traced_memory()[1] - before


def count_all() -> dict[str, UnitCounts]:
    """Measure each driven path, and return its counts by the path's name."""
    return {name: count(driven) for name, driven in DRIVEN.items()}


# -- stored counts


def version() -> str:
    """Return the implementation and minor version of this Python, the key of stored counts."""
    return f"{platform.python_implementation()} {sys.version_info.major}.{sys.version_info.minor}"


def stored(path: Path = STORED) -> dict[str, UnitCounts] | None:
    """Return the counts in the file `path` for this version of Python, by driven path, or None."""
    return json.loads(path.read_text()).get(version()) if path.exists() else None


def store(counted: Mapping[str, UnitCounts], path: Path = STORED) -> None:
    """Replace the counts in the file `path` for this version of Python."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**kept, version(): counted}, indent=2, sort_keys=True) + "\n")


def risen(counted: Mapping[str, UnitCounts], before: Mapping[str, UnitCounts]) -> list[str]:
    """Return a line of text for each count that exceeds the stored count in `before` by more than is allowed."""
    found = []
    for name, counts in counted.items():
        for what, now in counts.items():
            then = before.get(name, {}).get(what)
            if then is None:
                found.append(f"{name}: {COUNTS[what]}: nothing is stored; {now / UNITS:g} now")
            elif now > then * (1 + STEP) + (PEAK_SLACK if what == "peak_bytes" else 0):
                rise = f"{now / then - 1:+.1%}" if then else "from nothing"
                per = UNITS if what != "peak_bytes" else 1
                found.append(f"{name}: {COUNTS[what]} rose from {then / per:g} to {now / per:g} a unit ({rise})")
    return found


# -- machine instructions


def machine_instructions(name: str) -> float:
    """Return the machine instructions that callgrind counts for one unit of the driven path `name`.

    The number is computed from two runs with different numbers of units. Raises ClickException if valgrind is missing
    or fails.
    """
    few, many = (_instructions_of_process(name, units) for units in (UNITS, 3 * UNITS))
    return (many - few) / (2 * UNITS)


def _instructions_of_process(name: str, units: int) -> int:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise click.ClickException("expected valgrind on the PATH (Debian: apt install valgrind); found none")
    words = (
        valgrind,
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        sys.executable,
        "-m",
        "benchmarks.hot_path",
    )
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    ended = subprocess.run(  # noqa: S603 - our own program
        [*words, "--drive", f"{name}:{units}"], env=environment, capture_output=True, text=True, check=False
    )
    found = [line.split()[-1] for line in ended.stderr.splitlines() if "Collected" in line]
    if ended.returncode or not found:
        raise click.ClickException(f"callgrind failed: {ended.stderr[-500:]}")
    return int(found[0])


def _drive(name: str, units: int) -> None:
    gc.disable()
    with DRIVEN[name]() as (unit, _):
        for _ in range(units):
            unit()


@click.command()
@click.option("--update", is_flag=True, help="Store the counts of this run, if an increase is intended.")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON, without a comparison.")
@click.option("--callgrind", is_flag=True, help="Also count machine instructions with valgrind. Takes minutes.")
@click.option("--drive", default="", hidden=True, help="Only drive UNITS units of the path NAME (NAME:UNITS).")
def main(update: bool, as_json: bool, callgrind: bool, drive: str) -> None:
    """Count the cost of a chunk and of a key, and report what exceeds the stored counts."""
    if drive:
        name, _, units = drive.partition(":")
        _drive(name, int(units))
        return
    counted = count_all()
    if as_json:
        click.echo(json.dumps(counted))
        return
    for name, counts in counted.items():
        shown = (
            f"{value / (1 if what == 'peak_bytes' else UNITS):,g} {COUNTS[what]}" for what, value in counts.items()
        )
        click.echo(f"{name}: " + ", ".join(shown))
        if callgrind:
            click.echo(f"{name}: {machine_instructions(name):,.0f} machine instructions")
    _conclude(counted, update)


def _conclude(counted: Mapping[str, UnitCounts], update: bool) -> None:
    if update:
        store(counted)
        click.echo(f"stored for {version()} in {STORED.name}")
        return
    before = stored()
    if before is None:
        click.echo(f"nothing is stored for {version()}; --update stores the counts")
        return
    rises = risen(counted, before)
    if rises:
        advice = "If this is intended: python -m benchmarks.hot_path --update"
        raise click.ClickException("\n".join(["these counts have increased:", *rises, advice]))
    click.echo(f"no count exceeds the stored one by more than {STEP:.1%}")


if __name__ == "__main__":
    sys.exit(main())
