"""Socket.IO events from a hostile relay to the agent: before and after a phone is paired."""

from mobifai.protocol import messages
from tests.fuzz.middle import Line
from tests.fuzz.phone import FuzzPhone
from tests.fuzz.source import as_text
from tests.fuzz.target import Target

STAGES = ("idle", "plain", "sealed") * 4 + ("signed out",)

SIGN_OUT = ("authenticated", "auth_error", "login_required")
"""Events at which the agent drops its token, by the protocol. They are rare, because each needs a new sign-in."""


class AgentEvents(Target):
    """An agent that is attacked by a proxy in front of its relay."""

    name = "agent-events"
    boundary = "relay -> mobifai serve --relay: Socket.IO events, before and after pairing"
    place = "apart"
    weight = 3.0
    tables = (messages.FROM_RELAY, messages.FROM_PHONE, messages.SEALING)

    async def open(self) -> None:
        assert self.here.middle is not None
        self.stage = self.random.choice(STAGES)
        self.line: Line | None = None
        self.phone: FuzzPhone | None = None
        self.refused = () if self.stage == "signed out" else SIGN_OUT
        self.scope.push_async_callback(self._leave)

    async def _leave(self) -> None:
        if self.phone is not None:
            await self.phone.__aexit__()
            self.phone = None
        if self.line is not None:
            self.line.cut()
        await self.here.agent_returns()

    async def _come(self) -> Line:
        """Return the agent's connection, at the stage of this session."""
        assert self.here.middle is not None
        if self.line is not None and not self.line.is_over:
            return self.line
        if self.line is not None:
            await self._leave()
            self.refused = SIGN_OUT
        self.line = await self.here.middle.reconnected()
        if self.stage in ("plain", "sealed"):
            sealed = self.stage == "sealed"
            self.phone = FuzzPhone(self.here.relay_url, await self.here.visitor("bystander", sealed=sealed))
            await self.phone.connect()
            await self.phone.register()
            await self.phone.pair(self.here.agent_id)
        return self.line

    def make(self) -> bytes:
        return as_text(self.source.message(lambda event, payload: [event, payload], self.refused))

    async def deliver(self, batch: list[bytes]) -> int:
        line = await self._come()
        for data in batch:
            line.inject(b"42" + data)
        return len(batch) if await line.agent_is_done() else 0
