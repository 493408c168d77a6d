"""Socket.IO events from a device to a relay: from an unknown client, a signed-in phone, and a paired phone."""

from contextlib import suppress

from mobifai.protocol import messages
from tests.fuzz.phone import FuzzPhone, Gone
from tests.fuzz.source import as_text
from tests.fuzz.target import Target

STAGES = ("stranger", "signed in", "paired")


class RelayEvents(Target):
    """`mobifai relay`, attacked by a device that sends any events in valid Engine.IO packets."""

    name = "relay-events"
    boundary = "device -> mobifai relay: Socket.IO events, before and after sign-in and pairing"
    place = "apart"
    weight = 3.0
    tables = (messages.FROM_DEVICE, messages.FROM_RELAY, messages.FROM_PHONE, messages.SEALING)

    async def open(self) -> None:
        self.stage = STAGES[self.source.number % len(STAGES)]
        self.phone: FuzzPhone | None = None
        self.scope.push_async_callback(self._hang_up)

    async def _hang_up(self) -> None:
        if self.phone is not None:
            await self.phone.__aexit__()

    async def _come(self) -> FuzzPhone:
        """Open a connection at the stage of this session."""
        if self.phone is not None and self.phone.is_connected:
            return self.phone
        await self._hang_up()
        self.phone = FuzzPhone(self.here.relay_url, await self.here.visitor("fuzzed device", sealed=False))
        self.phone.answers = self.answers
        await self.phone.connect(self.stranger())
        if self.stage != "stranger":
            await self.phone.register()
        if self.stage == "paired":
            await self.phone.pair(self.here.agent_id)
        return self.phone

    def make(self) -> bytes:
        return as_text(self.source.message(lambda event, payload: [event, payload]))

    async def deliver(self, batch: list[bytes]) -> int:
        phone = await self._come()
        for data in batch:
            phone.write(b"42" + data)
        await phone.drain()
        with suppress(Gone):
            await phone.relay_is_done()
            return len(batch)
        return 0


class OwnRelayEvents(RelayEvents):
    """The same for the relay in the agent's process."""

    name = "own-relay-events"
    boundary = "device -> the agent's own relay: Socket.IO events, before and after sign-in and pairing"
    place = "own"
