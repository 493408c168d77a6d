"""Two networks joined by a wire of a chosen quality (Linux, root): the agent is near, the phone is far.

Owns the wire's process, and with it the far network. What is started by `inside` is in the far network.
"""

import asyncio
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from tests.support import netns

PROGRAM = Path(__file__).with_name("impairing_wire.py")
ANSWER_SECONDS = 20.0
QUEUE_BYTES = 64 << 10
"""The queue of a paced direction before it drops: 64 ms at 1 MB/s, as a router's."""
PING_SECONDS = 2.0

_ECHO_REQUEST = 8


class NoLink(Exception):
    """An impaired link is not possible here. The message says why."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """A link's impairments: round-trip seconds, a share of packets, bytes a second."""

    rtt: float = 0.0
    loss: float = 0.0
    rate: float | None = None


CLEAN = Impairment()
IMPAIRMENTS = {
    "none": CLEAN,
    "50 ms RTT": Impairment(rtt=0.05),
    "1 % loss": Impairment(loss=0.01),
    "1 MB/s": Impairment(rate=1e6),
    "all": Impairment(rtt=0.05, loss=0.01, rate=1e6),
}


class ImpairedLink:
    """A running wire. `near` and `far` are the addresses of its ends."""

    def __init__(self, process: Process, ends: dict[str, str]) -> None:
        self._process = process
        self.near, self.far = ends["near"], ends["far"]

    @property
    def inside(self) -> tuple[str, ...]:
        """Return the prefix of a command that runs in the far network."""
        return ("nsenter", f"--net=/proc/{self._process.pid}/ns/net", "--")

    async def impair(self, impairment: Impairment, seed: int = 1) -> None:
        """Set this quality from the next packet on. With the same seed, the same packets are lost."""
        queue = QUEUE_BYTES if impairment.rate else 16 << 20
        asked = {"delay": impairment.rtt / 2, "loss": impairment.loss, "rate": impairment.rate}
        await self._ask({"impair": {**asked, "queue": queue, "seed": seed}})

    async def move_far(self) -> None:
        """Replace the far end's address, as when a phone changes its network."""
        network, _, host = self.far.rpartition(".")
        self.far = f"{network}.{int(host) + 1}"
        await self._ask({"far": self.far})

    async def counts(self) -> dict[str, dict[str, int]]:
        """Packets since it was last impaired, by way: `carried`, `carried_bytes`, `lost`, `dropped` from the queue."""
        return await self._ask({})

    async def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()
        return await _answer(self._process)

    async def ping(self, count: int = 5) -> float:
        """The wire's own round-trip time in seconds: the median of some that came back. Raises TimeoutError."""
        times = [await _ping(self.far, number) for number in range(count)]
        there = [one for one in times if one is not None]
        if not there:
            raise TimeoutError(f"expected an answer to one of {count} pings of {self.far}; none came")
        return median(there)


async def _ping(address: str, number: int) -> float | None:
    """Return the seconds until an ICMP echo returned (RFC 792), or None."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.setblocking(False)
        raw.connect((address, 0))
        mark = struct.pack("!HH", os.getpid() & 0xFFFF, number)
        body = struct.pack("!BBH", _ECHO_REQUEST, 0, _checksum(struct.pack("!BBH", _ECHO_REQUEST, 0, 0) + mark)) + mark
        start = time.monotonic()
        await loop.sock_sendall(raw, body)
        try:
            async with asyncio.timeout(PING_SECONDS):
                while mark != (await loop.sock_recv(raw, 2048))[24:28]:
                    pass
        except TimeoutError:
            return None
        return time.monotonic() - start


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


async def _answer(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(ANSWER_SECONDS):
        line = await process.stdout.readline()
    if not line:
        raise AssertionError(f"the wire's process ended with status {await process.wait()}")
    return dict(json.loads(line))


def why_not() -> str:
    """Return why an impaired link is not possible here, or an empty text."""
    if not sys.platform.startswith("linux"):
        return "network namespaces and TUN devices of this kind are a part of Linux"
    if os.geteuid() != 0:
        return "it takes root to make a TUN device"
    if not netns.is_inside():
        return "this process has no network of its own, and the machine's real one is left alone"
    if shutil.which("nsenter") is None:
        return "expected the program nsenter (of util-linux) on the PATH"
    if not Path("/dev/net/tun").exists():
        return "expected /dev/net/tun: the kernel has no TUN devices, or they are not shown in here"
    return _why_it_is_refused()


@cache
def _why_it_is_refused() -> str:
    """Return why an impaired link is not possible on this machine, or an empty text."""
    tried = subprocess.run(
        [sys.executable, "-P", str(PROGRAM)], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    said = json.loads(tried.stdout or b"{}")
    return "" if "near" in said else str(said.get("refused", tried.stderr.decode(errors="replace")[-300:]))


@asynccontextmanager
async def impaired_link(impairment: Impairment = CLEAN) -> AsyncIterator[ImpairedLink]:
    """Run a wire of this quality in this scope. Raises NoLink."""
    reason = why_not()
    if reason:
        raise NoLink(reason)
    process = await asyncio.create_subprocess_exec(sys.executable, "-P", str(PROGRAM), stdin=PIPE, stdout=PIPE)
    try:
        said = await _answer(process)
        if "refused" in said:
            raise NoLink(said["refused"])
        link = ImpairedLink(process, said)
        await link.impair(impairment)
        yield link
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
