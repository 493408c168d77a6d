"""A wire between two networks that delays, loses and paces what it carries: the program (Linux, root).

It joins two TUN devices, one in the network that it is started in (near) and one in a network of its own (far), and
carries IPv4 packets between them, so that TCP and UDP suffer alike. Owns both devices and the far network: all three
are gone with the process. It takes commands as JSON lines on standard input, each is answered with one on standard
output, and it ends when standard input does.

Each way has a queue of bytes, as a router has: what does not fit is dropped (and counted), newest first. Packets keep
their order. `tests.support.impaired_link` starts it.
"""

import ctypes
import fcntl
import json
import os
import random
import select
import struct
import sys
import time
from collections import deque
from typing import Any

FAR = "wire0"
"""The device in the far network."""

MTU = 1500
READS_AT_ONCE = 64
MOST_UNDER_WAY = 16 << 20
"""The most bytes that a direction holds, whatever is requested."""

_TUNSETIFF = 0x400454CA  # linux/if_tun.h
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000
_PACKETS = 4096
"""Packets that the kernel queues for this process."""


class Way:
    """One direction of the wire, from device to device."""

    def __init__(self, source: int, sink: int, seed: str) -> None:
        self._source, self._sink = source, sink
        self._seed = seed
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._bytes = 0
        self._free_at = 0.0
        self.impair(0.0, 0.0, None, MOST_UNDER_WAY, 0)

    def impair(self, delay: float, loss: float, rate: float | None, queue: int, seed: int) -> None:
        """Impair packets from now on: seconds, a share, bytes a second (None: no limit), bytes. Reset the counts."""
        self._delay, self._loss, self._rate, self._queue = delay, loss, rate, queue
        self._chance = random.Random(f"{seed} {self._seed}")  # noqa: S311 - it has to come out the same again
        self._free_at = 0.0
        self.carried = self.carried_bytes = self.lost = self.dropped = 0

    def take(self) -> None:
        """Read the packets that the kernel has queued."""
        for _ in range(READS_AT_ONCE):
            try:
                packet = os.read(self._source, MTU)
            except BlockingIOError:
                return
            self._enter(packet, time.monotonic())

    def _enter(self, packet: bytes, now: float) -> None:
        if packet[0] >> 4 != 4:
            return  # the kernel's own IPv6 packets, which would change the random decisions of a seed
        if self._loss and self._chance.random() < self._loss:
            self.lost += 1
            return
        leaves = max(now, self._free_at)
        queued = (leaves - now) * self._rate if self._rate else 0
        if queued + len(packet) > self._queue or self._bytes + len(packet) > MOST_UNDER_WAY:
            self.dropped += 1
            return
        if self._rate:
            self._free_at = leaves = leaves + len(packet) / self._rate
        self._under_way.append((leaves + self._delay, packet))
        self._bytes += len(packet)

    def deliver(self) -> float | None:
        """Forward the packets that are due. Return the seconds until the next one, or None without packets."""
        while self._under_way:
            due, packet = self._under_way[0]
            wait = due - time.monotonic()
            if wait > 0:
                return wait
            self._under_way.popleft()
            self._bytes -= len(packet)
            self.carried, self.carried_bytes = self.carried + 1, self.carried_bytes + len(packet)
            os.write(self._sink, packet)
        return None

    def counts(self) -> dict[str, int]:
        """Return the counts of packets since the last change of the impairment."""
        names = ("carried", "carried_bytes", "lost", "dropped")
        return {name: getattr(self, name) for name in names}


def open_tun(name: str) -> tuple[int, str]:
    """Create a TUN device in this process's present network. Return its descriptor and name."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    asked = struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI)
    got = fcntl.ioctl(device, _TUNSETIFF, asked)
    return device, got[:16].rstrip(b"\0").decode()


def bring_up(name: str, address: str) -> None:
    """Give a device its address, and the loopback of its network too."""
    from pyroute2 import IPRoute  # noqa: PLC0415 - exists on Linux only

    with IPRoute() as route:
        route.link("set", index=route.link_lookup(ifname="lo")[0], state="up")
        index = route.link_lookup(ifname=name)[0]
        route.addr("add", index=index, address=address, prefixlen=24)
        route.link("set", index=index, state="up", mtu=MTU, txqlen=_PACKETS)


def change_address(name: str, address: str) -> None:
    """Replace a device's address."""
    from pyroute2 import IPRoute  # noqa: PLC0415 - exists on Linux only

    with IPRoute() as route:
        index = route.link_lookup(ifname=name)[0]
        route.flush_addr(index=index)
        route.addr("add", index=index, address=address, prefixlen=24)


def leave_network() -> None:
    """Move this process into a new network. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)  # os.unshare exists since Python 3.12
    if libc.unshare(_CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"unshare: {os.strerror(number)}")


def lay() -> tuple[dict[str, Way], dict[str, str]]:
    """Create a wire. Return its directions, and the addresses of its ends. Raises OSError."""
    near, name = open_tun("wire%d")
    subnet = f"10.77.{int(name.removeprefix('wire')) % 256}"
    bring_up(name, f"{subnet}.1")
    leave_network()
    far, _ = open_tun(FAR)
    bring_up(FAR, f"{subnet}.2")
    ways = {"to_far": Way(near, far, "to far"), "to_near": Way(far, near, "to near")}
    return ways, {"near": f"{subnet}.1", "far": f"{subnet}.2"}


def obey(ways: dict[str, Way], command: dict[str, Any]) -> dict[str, Any]:
    """Carry out a command, and return the answer."""
    counts = {name: way.counts() for name, way in ways.items()}
    if impairment := command.get("impair"):
        for way in ways.values():
            way.impair(**impairment)
    if address := command.get("far"):
        change_address(FAR, address)
    return counts


def carry(ways: dict[str, Way]) -> None:
    """Forward packets and carry out commands until standard input ends."""
    sources = {way._source: way for way in ways.values()}
    wait: float | None = None
    while True:
        # Not epoll, which waits for whole milliseconds.
        readable, _, _ = select.select([0, *sources], [], [], wait)
        for source in readable:
            if source in sources:
                sources[source].take()
            elif line := sys.stdin.readline():
                say(obey(ways, json.loads(line)))
            else:
                return
        waits = [left for way in ways.values() if (left := way.deliver()) is not None]
        wait = min(waits, default=None)


def say(answer: dict[str, Any]) -> None:
    """Print an answer as a line."""
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()


def main() -> None:
    """Create the wire, print the addresses of its ends or the reason why it failed, and run it."""
    try:
        ways, ends = lay()
    except (OSError, ImportError) as error:
        say({"refused": f"{type(error).__name__}: {error}"})
        return
    say(ends)
    carry(ways)


if __name__ == "__main__":
    main()
