"""A connector keeps one connection: creates it, replaces it, disconnects it, and never has two at the same time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mobifai.bounds import Ledger
from mobifai.transport import peer_connector as caller_module
from mobifai.transport.peer_connector import PeerConnector
from tests.support.eventually import eventually
from tests.transport.calls import Listener, answering, udp_sockets


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller_module, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(caller_module, "OPEN_SECONDS", 0.3)


@asynccontextmanager
async def calling() -> AsyncIterator[tuple[PeerConnector, Listener]]:
    ledger, listener, sockets = Ledger(), Listener(), udp_sockets()
    connector = PeerConnector(ledger, (), listener)
    task = asyncio.create_task(connector.run())
    try:
        yield connector, listener
    finally:
        connector.close()
        await task
    assert [entry.name for entry in ledger.entries() if entry.instances] == []
    await eventually(lambda: udp_sockets() == sockets)


async def test_a_connection_that_breaks_is_replaced() -> None:
    async with calling() as (connector, listener):
        connector.connect("phone")
        for number in (1, 2, 3):
            await eventually(lambda number=number: len(listener.offers) == number)
            async with answering(listener.offers[-1]) as phone:
                connector.signal(phone.answer)
                await eventually(lambda: connector.peer is not None and connector.peer.open)
            await eventually(lambda: listener.events[-1] == "ended")
        assert listener.events == ["opened", "ended"] * 3


async def test_an_offer_that_is_not_answered_is_followed_by_another() -> None:
    async with calling() as (connector, listener):
        connector.connect("phone")
        await eventually(lambda: len(listener.offers) == 3)
        assert listener.events == ["never opened"] * 2
        assert len({offer.offer.sdp for offer in listener.offers}) == 3


async def test_a_new_connection_ends_the_one_before_and_there_are_never_two() -> None:
    none = udp_sockets()
    async with calling() as (connector, listener):
        connector.connect("phone 1")
        await eventually(lambda: len(listener.offers) == 1)
        one = udp_sockets() - none
        for number in range(2, 6):
            connector.connect(f"phone {number}")
            await eventually(lambda number=number: len(listener.offers) == number)
            assert udp_sockets() - none == one
        async with answering(listener.offers[0]) as late, answering(listener.offers[-1]) as phone:
            connector.signal(late.answer)
            connector.signal(phone.answer)
            await eventually(lambda: connector.peer is not None and connector.peer.open)


async def test_after_disconnecting_no_connection_is_left_and_none_is_made() -> None:
    none = udp_sockets()
    async with calling() as (connector, listener):
        connector.connect("phone")
        await eventually(lambda: listener.offers)
        async with answering(listener.offers[-1]) as phone:
            connector.signal(phone.answer)
            await eventually(lambda: connector.peer is not None and connector.peer.open)
            connector.disconnect()
            await eventually(lambda: connector.peer is None)
        await eventually(lambda: udp_sockets() == none)
        connector.signal(phone.answer)  # ignored
        assert len(listener.offers) == 1
        connector.connect("phone")
        await eventually(lambda: len(listener.offers) == 2)
