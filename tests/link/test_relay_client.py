"""The agent's connection to a relay, against the double of the one in the field."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from mobifai.bounds import Ledger
from mobifai.link import relay_client
from mobifai.link.relay_client import RelayClient
from tests.support.eventually import eventually
from tests.support.field_relay import FieldRelay


@dataclass
class Listener:
    """Writes down what it is told."""

    told: list[Any] = field(default_factory=list)

    def relay_connected(self) -> None:
        self.told.append("connected")

    def relay_lost(self) -> None:
        self.told.append("lost")

    def relay_said(self, event: str, payload: object) -> None:
        self.told.append((event, payload))

    def relay_has_room(self) -> None:
        pass


@asynccontextmanager
async def running(relay: FieldRelay) -> AsyncIterator[tuple[RelayClient, Listener]]:
    listener = Listener()
    client = RelayClient(relay.url, Ledger(), listener, lambda: None)
    task = asyncio.create_task(client.run())
    try:
        yield client, listener
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_relay_that_restarts_leaves_no_task(monkeypatch) -> None:
    monkeypatch.setattr(relay_client, "FIRST_DELAY", 0.01)
    async with FieldRelay() as relay, running(relay) as (client, listener):
        for round_number in range(4):
            await eventually(lambda: client.open)
            await asyncio.sleep(0.2)
            print(len(asyncio.all_tasks()))
            if round_number == 3:
                for t in asyncio.all_tasks():
                    print(t)
            await relay.stop()
            await eventually(lambda: not client.open)
            await relay.start()
