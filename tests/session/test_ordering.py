"""The wait for a missing message, and its consequence."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mobifai.bounds import Ledger
from mobifai.errors import EncryptionError
from mobifai.protocol.order import Way
from mobifai.session import ordering
from mobifai.session.ordering import Ordering
from tests.support.eventually import eventually

RELAY, CHANNEL = Way.RELAY, Way.CHANNEL


class Receiver:
    """Handles messages as a session does, which ends a channel with a missing message."""

    def __init__(self, ledger: Ledger) -> None:
        self.order: Ordering[str] = Ordering(ledger, self._missing)
        self.handled: list[str] = []
        self.missed: list[Way] = []

    def _missing(self, way: Way) -> None:
        self.missed.append(way)
        if way is CHANNEL:
            self.channel_ended()

    def take(self, way: Way, number: int, message: str) -> None:
        self._handle(self.order.arrivals.take(way, number, message))

    def channel_begins(self, number: int) -> None:
        self._handle(self.order.arrivals.channel_begins(number))

    def channel_ended(self) -> None:
        self._handle(self.order.arrivals.channel_lost())

    def _handle(self, ready: list[str]) -> None:
        self.order.watch(progressed=bool(ready))
        self.handled += ready


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    ledger = Ledger()
    here = Receiver(ledger)
    yield here
    here.order.close()
    assert [entry.name for entry in ledger.entries() if entry.instances] == []


async def patience_ends() -> None:
    """Wait until a message that is missing from now on is reported. An earlier one would be reported too."""
    async with receiver() as later:
        later.take(CHANNEL, 2, "newer")
        await eventually(lambda: later.missed)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "_PATIENCE", {RELAY: 0.05, CHANNEL: 0.05})


async def test_a_message_that_the_relay_holds_back_is_reported_once() -> None:
    async with receiver() as here:
        here.take(CHANNEL, 2, "newer")
        await eventually(lambda: here.missed)
        await patience_ends()
        assert (here.handled, here.missed) == ([], [RELAY])


async def test_a_message_that_the_relay_carries_in_time_is_handled_first() -> None:
    async with receiver() as here:
        here.take(CHANNEL, 2, "newer")
        here.take(RELAY, 1, "older")
        assert here.handled == ["older", "newer"]
        await patience_ends()
        assert here.missed == []


async def test_messages_that_are_missing_on_a_channel_are_done_without_and_may_not_come_later() -> None:
    async with receiver() as here:
        here.channel_begins(1)
        here.take(RELAY, 3, "by relay")
        await eventually(lambda: here.handled == ["by relay"])
        assert here.missed == [CHANNEL]
        with pytest.raises(EncryptionError, match="late or repeated"):
            here.take(CHANNEL, 1, "late")


async def test_a_channel_that_ends_is_not_waited_for() -> None:
    async with receiver() as here:
        here.channel_begins(1)
        here.take(RELAY, 3, "by relay")
        here.channel_ended()
        assert (here.handled, here.missed) == (["by relay"], [])


async def test_a_closed_order_waits_for_nothing() -> None:
    async with receiver() as here:
        here.take(CHANNEL, 2, "old")
        here.order.close()
        await patience_ends()
        assert (here.handled, here.missed) == ([], [])


async def test_what_a_channel_before_has_lost_ends_no_channel() -> None:
    async with receiver() as here:
        here.channel_begins(1)
        here.channel_ended()
        here.take(RELAY, 3, "by relay")
        assert here.handled == ["by relay"]
        here.channel_begins(6)
        here.take(CHANNEL, 6, "by channel")
        await patience_ends()
        assert (here.handled, here.missed) == (["by relay", "by channel"], [])


async def test_each_transport_on_which_something_is_missing_has_its_own_time() -> None:
    async with receiver() as here:
        here.channel_begins(1)
        here.take(CHANNEL, 5, "newest")
        here.take(RELAY, 3, "newer")
        await eventually(lambda: here.missed == [CHANNEL])
        assert here.handled == ["newer"]
        await eventually(lambda: here.missed == [CHANNEL, RELAY])
