"""The packets that wait for one device to read them.

A packet stays in the account until the one after it is asked for, which is when it has left for the network. An outbox
never blocks what puts: who forwards asks for `room` first, and a device whose account overflows is dropped.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from mobifai.bounds import Bound, BoundedMap
from mobifai.errors import LimitReached

T = TypeVar("T")


class Outbox(Generic[T]):
    """At most the bound's number of packets, and no room from `most_bytes` on. `size` is what one of them takes.

    `overflow` is called when it is full.
    """

    def __init__(self, bound: Bound, most_bytes: int, size: Callable[[T], int], overflow: Callable[[], None]) -> None:
        self._packets: BoundedMap[int, T] = BoundedMap(bound)
        # Forwarded events stop here, so that what the relay itself has to say still fits.
        self._most_packets = bound.capacity - bound.capacity // 4
        self._most_bytes = most_bytes
        self._size = size
        self._overflow = overflow
        self._tell: Callable[[], None] | None = None
        self._first = self._next = 0
        self._bytes = 0
        self._leaving = False
        self._ended = False
        self._filled = asyncio.Event()
        self._moved = asyncio.Event()

    def __len__(self) -> int:
        return len(self._packets)

    @property
    def ended(self) -> bool:
        """Whether nothing more is taken."""
        return self._ended

    @property
    def waiting_bytes(self) -> int:
        """The memory of the packets that wait."""
        return self._bytes

    def has_room(self) -> bool:
        """Whether one more forwarded packet may come."""
        return self._ended or (len(self) < self._most_packets and self._bytes < self._most_bytes)

    async def wait_for_room(self) -> None:
        """Wait until one more forwarded packet may come. It ends when the device reads, or is gone."""
        while not self.has_room():
            self._moved.clear()
            await self._moved.wait()

    def notify_when_drained(self, tell: Callable[[], None]) -> None:
        """Have the loop call `tell` once, when a packet has left or the outbox has ended; of several, the latest."""
        self._tell = tell

    def put(self, packet: T) -> None:
        """Add a packet. After the end nothing is added."""
        if self._ended:
            return
        try:
            self._packets[self._next] = packet
        except LimitReached:
            self._overflow()
            return
        self._next += 1
        self._bytes += self._size(packet)
        self._filled.set()

    def finish(self) -> None:
        """Take nothing more; what waits is still handed out, then None."""
        self._ended = True
        self._filled.set()
        self._has_moved()

    def clear(self) -> None:
        """End, and drop what waits."""
        self.finish()
        while self._first < self._next:
            self._drop_first()

    async def get(self) -> T | None:
        """The next packet, or None at the end. The one before has left by now."""
        if self._leaving and self._first < self._next:
            self._drop_first()
        self._leaving = False
        while not len(self) and not self._ended:
            self._filled.clear()
            await self._filled.wait()
        if not len(self):
            return None
        self._leaving = True
        return self._packets[self._first]

    def _drop_first(self) -> None:
        self._bytes -= self._size(self._packets.pop(self._first))
        self._first += 1
        self._has_moved()

    def _has_moved(self) -> None:
        self._moved.set()
        if self._tell is not None:
            tell, self._tell = self._tell, None
            asyncio.get_running_loop().call_soon(tell)
