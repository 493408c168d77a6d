"""The agent's connection to a relay, with a double of the legacy relay."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from mobifai.bounds import Ledger
from mobifai.limits import RELAY_QUEUE
from mobifai.protocol import messages
from mobifai.transport import relay_client
from mobifai.transport.relay_client import RelayClient
from mobifai.transport.transport import TransportClosed
from tests.support.eventually import eventually
from tests.support.legacy_relay import LegacyRelay


@dataclass
class Listener:
    """Records its calls."""

    events: list[Any] = field(default_factory=list)

    def relay_connected(self) -> None:
        self.events.append("connected")

    def relay_lost(self) -> None:
        self.events.append("lost")

    def relay_message(self, event: str, payload: object) -> None:
        self.events.append((event, payload))

    def relay_has_room(self) -> None:
        pass


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_client, "FIRST_DELAY", 0.02)


@asynccontextmanager
async def connecting(url: str) -> AsyncIterator[tuple[RelayClient, Listener]]:
    ledger, listener = Ledger(), Listener()
    client = RelayClient(url, ledger, listener, lambda: None)
    task = asyncio.create_task(client.run())
    try:
        yield client, listener
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert [entry.name for entry in ledger.entries() if entry.instances] == []


REGISTER = messages.Register(type="mac", device_id="device", public_key="04")


async def test_a_lost_connection_is_replaced_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="mobifai")
    async with LegacyRelay() as relay, connecting(relay.url) as (client, listener):
        for _ in range(3):
            await eventually(lambda: client.open)
            await relay.stop()
            await eventually(lambda: not client.open)
            with pytest.raises(TransportClosed):
                client.send("register", REGISTER)
            await relay.start()
        await eventually(lambda: client.open)
        assert listener.events == ["connected", "lost"] * 3 + ["connected"]
    assert sum("trying again" in message for message in caplog.messages) == 1  # connections that do not last are one


async def test_messages_arrive_in_order_and_are_answered() -> None:
    async with LegacyRelay() as relay, connecting(relay.url) as (client, listener):
        await eventually(lambda: client.open)
        client.send("register", REGISTER)
        for number in range(RELAY_QUEUE.value - 1):
            client.send("number", number)
        await eventually(lambda: len(relay.seen) == RELAY_QUEUE.value)
        assert [seen.payload for seen in relay.seen][1:] == list(range(RELAY_QUEUE.value - 1))
        await eventually(lambda: client.in_flight == 0)
        login = [payload for event, payload in listener.events[1:] if event == "login_required"]
        assert msgspec.json.decode(login[0])["loginUrl"].startswith("/login?")


async def test_messages_beyond_the_limit_of_the_queue_are_refused() -> None:
    async with LegacyRelay() as relay, connecting(relay.url) as (client, _):
        await eventually(lambda: client.open)
        for number in range(RELAY_QUEUE.value):
            client.send("number", number)
        assert not client.room_for_control()
        with pytest.raises(TransportClosed):
            client.send("number", -1)
        await eventually(client.room_for_bulk)
        client.send("number", "last")
        await eventually(lambda: relay.seen and relay.seen[-1].payload == "last")


async def test_a_connection_that_is_dropped_on_purpose_is_replaced_without_a_longer_delay() -> None:
    async with LegacyRelay() as relay, connecting(relay.url) as (client, listener):
        for number in range(1, 12):  # with twice the delay each time, the last would come after twenty seconds
            await eventually(lambda number=number: listener.events.count("connected") == number)
            client.drop()


async def test_where_nobody_listens_it_tries_on_and_can_be_stopped(caplog: pytest.LogCaptureFixture) -> None:
    async with LegacyRelay() as relay:
        url = relay.url
    async with connecting(url) as (client, listener):
        await eventually(lambda: any("trying again" in message for message in caplog.messages))
        assert not client.open
        assert listener.events == []
