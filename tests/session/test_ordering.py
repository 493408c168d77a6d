"""How long a missing message is waited for, and what comes of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from mobifai.bounds import Ledger
from mobifai.protocol.order import Way
from mobifai.session import ordering
from mobifai.session.ordering import Ordering
from tests.support.eventually import eventually

RELAY, CHANNEL = Way.RELAY, Way.CHANNEL


@dataclass
class Session:
    """The fate of a session's messages."""

    done: list[str] = field(default_factory=list)
    lost: int = 0
    broken: list[str] = field(default_factory=list)

    def lose(self) -> None:
        self.lost += 1


@asynccontextmanager
async def session() -> AsyncIterator[tuple[Ordering[str], Session]]:
    here, ledger = Session(), Ledger()
    order = Ordering(ledger, here.done.append, here.lose, here.broken.append)
    order.begin(ordered=True)
    yield order, here
    order.close()
    assert [entry.name for entry in ledger.entries() if entry.instances] == []


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "_PATIENCE", {RELAY: 0.05, CHANNEL: 0.05})


async def test_a_message_that_the_relay_holds_back_breaks_the_session() -> None:
    async with session() as (order, here):
        order.came(CHANNEL, 2, "newer")
        await eventually(lambda: here.broken)
        order.came(RELAY, 1, "older")
        order.came(CHANNEL, 3, "newest")
        assert here.done == []
        assert len(here.broken) == 1


async def test_a_message_that_the_relay_carries_in_time_is_done_first() -> None:
    async with session() as (order, here):
        order.came(CHANNEL, 2, "newer")
        order.came(RELAY, 1, "older")
        assert here.done == ["older", "newer"]
        await asyncio.sleep(0.1)
        assert here.broken == []


async def test_messages_that_are_missing_on_a_channel_are_done_without_and_the_channel_is_over() -> None:
    async with session() as (order, here):
        order.channel_begins(1)
        order.came(RELAY, 3, "by relay")
        await eventually(lambda: here.done == ["by relay"])
        assert here.lost == 1
        order.came(CHANNEL, 1, "late")
        assert here.done == ["by relay"]
        assert len(here.broken) == 1


async def test_a_channel_that_ends_is_not_waited_for() -> None:
    async with session() as (order, here):
        order.channel_begins(1)
        order.came(RELAY, 3, "by relay")
        order.channel_ended()
        assert (here.done, here.lost) == (["by relay"], 0)


async def test_a_new_session_forgets_what_the_old_one_waited_for() -> None:
    async with session() as (order, here):
        order.came(CHANNEL, 2, "old")
        order.begin(ordered=True)
        order.came(CHANNEL, 1, "new")
        await asyncio.sleep(0.1)
        assert (here.done, here.broken) == (["new"], [])


async def test_what_a_channel_before_has_lost_ends_no_channel() -> None:
    async with session() as (order, here):
        order.channel_begins(1)
        order.channel_ended()
        order.came(RELAY, 3, "by relay")
        assert here.done == ["by relay"]
        order.channel_begins(6)
        order.came(CHANNEL, 6, "by channel")
        await asyncio.sleep(0.1)
        assert (here.done, here.lost, here.broken) == (["by relay", "by channel"], 0, [])


async def test_each_path_on_which_something_is_missing_has_its_own_time() -> None:
    async with session() as (order, here):
        order.channel_begins(1)
        order.came(CHANNEL, 5, "newest")
        order.came(RELAY, 3, "newer")
        await eventually(lambda: here.lost)
        assert (here.done, here.broken) == (["newer"], [])
        await eventually(lambda: here.broken)
