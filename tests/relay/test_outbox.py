"""Messages that wait until a device reads them."""

import asyncio

import pytest

from mobifai.bounds import Ledger
from mobifai.limits import RELAY_BACKLOG
from mobifai.relay.outbox import Outbox


class Box:
    """An outbox of a few packets, and whether it overflowed."""

    def __init__(self, capacity: int, most_bytes: int = 1 << 20) -> None:
        self.ledger = Ledger({"relay.backlog": capacity})
        self.overflows = 0
        bound = self.ledger.open(RELAY_BACKLOG)
        self.outbox: Outbox[str] = Outbox(bound, most_bytes, len, self._overflow)

    def _overflow(self) -> None:
        self.overflows += 1

    def put(self, count: int, size: int = 1) -> None:
        for _ in range(count):
            self.outbox.put("x" * size)


async def test_packets_are_returned_in_order() -> None:
    box = Box(8)
    packets = [str(number) for number in range(5)]
    for packet in packets:
        box.outbox.put(packet)
    assert [await box.outbox.get() for _ in packets] == packets


async def test_a_packet_counts_until_the_next_one_is_requested() -> None:
    box = Box(8)
    box.put(2)
    await box.outbox.get()
    assert len(box.outbox) == 2
    await box.outbox.get()
    assert len(box.outbox) == 1


@pytest.mark.parametrize(("count", "has_room"), [(5, True), (6, False), (7, False)])
async def test_forwarded_packets_stop_at_three_quarters(count: int, has_room: bool) -> None:
    box = Box(8)
    box.put(count)
    assert box.outbox.has_room() is has_room


@pytest.mark.parametrize(("count", "overflows"), [(7, 0), (8, 0), (9, 1)])
async def test_more_than_the_capacity_drops_the_device(count: int, overflows: int) -> None:
    box = Box(8)
    box.put(count)
    assert box.overflows == overflows
    assert len(box.outbox) == min(count, 8)


@pytest.mark.parametrize(("size", "has_room"), [(499, True), (500, False), (501, False)])
async def test_few_large_packets_leave_no_room_either(size: int, has_room: bool) -> None:
    box = Box(8, most_bytes=1000)
    box.put(1, size=500)
    assert box.outbox.has_room()
    box.put(1, size=size)
    assert box.outbox.has_room() is has_room


async def test_waiting_for_room_ends_when_the_device_reads() -> None:
    box = Box(4)
    box.put(3)
    waiting = asyncio.ensure_future(box.outbox.wait_for_room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await box.outbox.get()
    await box.outbox.get()
    await waiting


async def test_waiting_for_room_ends_when_the_device_is_gone() -> None:
    box = Box(4)
    box.put(4)
    waiting = asyncio.ensure_future(box.outbox.wait_for_room())
    await asyncio.sleep(0)
    box.outbox.clear()
    await waiting
    assert (len(box.outbox), box.outbox.waiting_bytes) == (0, 0)


async def test_after_finish_queued_packets_are_returned_and_new_ones_ignored() -> None:
    box = Box(4)
    box.put(1)
    box.outbox.finish()
    box.put(1)
    assert await box.outbox.get() is not None
    assert await box.outbox.get() is None
    assert await box.outbox.get() is None


async def test_a_waiting_reader_is_woken_by_the_end() -> None:
    box = Box(4)
    reading = asyncio.ensure_future(box.outbox.get())
    await asyncio.sleep(0)
    box.outbox.finish()
    assert await reading is None


async def test_a_callback_is_called_once_after_a_packet_has_left() -> None:
    box, calls = Box(8), []
    box.put(3)
    box.outbox.notify_when_drained(lambda: calls.append("moved"))
    await box.outbox.get()
    await asyncio.sleep(0)
    assert calls == []  # it is being written
    for _ in range(2):
        await box.outbox.get()
    assert calls == []  # called by the loop, not by the outbox
    await asyncio.sleep(0)
    assert calls == ["moved"]


async def test_a_callback_is_called_at_the_end() -> None:
    box, calls = Box(8), []
    box.outbox.notify_when_drained(lambda: calls.append("moved"))
    box.outbox.clear()
    await asyncio.sleep(0)
    assert calls == ["moved"]
