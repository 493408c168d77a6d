"""The queue of packets for one device.

A packet counts against the limit until `get` is called for the next packet: by then it was sent to the network. `put`
never blocks. A caller that forwards packets awaits `wait_for_room` first. A device whose queue overflows is dropped.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from mobifai.bounds import Bound, BoundedMap
from mobifai.errors import LimitReached

T = TypeVar("T")


class Outbox(Generic[T]):
    """A bounded queue of packets. `bound` limits their number.

    Once the queue holds `most_bytes`, or three quarters of the packets, it has room only for the relay's own packets.
    `size` returns the bytes of a packet. `overflow` is called if a packet does not fit.
    """

    def __init__(self, bound: Bound, most_bytes: int, size: Callable[[T], int], overflow: Callable[[], None]) -> None:
        self._packets: BoundedMap[int, T] = BoundedMap(bound)
        # Forwarded packets stop here, which reserves a quarter for the relay's own.
        self._most_packets = bound.capacity - bound.capacity // 4
        self._most_bytes = most_bytes
        self._size = size
        self._overflow = overflow
        self._notify: Callable[[], None] | None = None
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
        """Whether the queue is closed for new packets."""
        return self._ended

    @property
    def waiting_bytes(self) -> int:
        """The total size of the queued packets, in bytes."""
        return self._bytes

    def has_room(self) -> bool:
        """Return whether there is room for a forwarded packet."""
        return self._ended or (len(self) < self._most_packets and self._bytes < self._most_bytes)

    async def wait_for_room(self) -> None:
        """Wait until there is room for a forwarded packet, or the queue has ended."""
        while not self.has_room():
            self._moved.clear()
            await self._moved.wait()

    def notify_when_drained(self, notify: Callable[[], None]) -> None:
        """Call `notify` once, from the event loop, after the next packet was sent or the queue has ended.

        A later call of this method replaces `notify`.
        """
        self._notify = notify

    def put(self, packet: T) -> None:
        """Add a packet. If it does not fit, call `overflow`. Once the queue has ended, packets are ignored."""
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
        """Close the queue for new packets. `get` returns the queued ones, then None."""
        self._ended = True
        self._filled.set()
        self._has_moved()

    def clear(self) -> None:
        """Close the queue, and discard the queued packets."""
        self.finish()
        while self._first < self._next:
            self._drop_first()

    async def get(self) -> T | None:
        """Wait for the next packet, and return it; None once the queue has ended and is empty.

        With this call, the previous packet counts as sent.
        """
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
        if self._notify is not None:
            notify, self._notify = self._notify, None
            asyncio.get_running_loop().call_soon(notify)
