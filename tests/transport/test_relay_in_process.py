"""The agent inside its own relay: what it sends is bounded by what the phone reads, and arrives in order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mobifai.bounds import Ledger
from mobifai.protocol import messages
from mobifai.relay.store import OWNER
from mobifai.transport import relay_in_process as own_relay
from mobifai.transport.relay_in_process import BULK_BYTES
from mobifai.transport.transport import TransportClosed
from tests.support.eventually import eventually
from tests.transport.relay_inside import AGENT, Agent, Phone, RelayInside, register, settle

BACKLOG = 8
FORWARDED = 6
"""Three quarters of the backlog: as much as may be forwarded to a phone that does not read."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_relay, "FIRST_DELAY", 0.001)
    monkeypatch.setattr(own_relay, "LONGEST_DELAY", 0.001)


@asynccontextmanager
async def inside(**limits: int) -> AsyncIterator[tuple[RelayInside, Agent]]:
    ledger = Ledger({"relay.backlog": BACKLOG} | {f"relay.{name}": value for name, value in limits.items()})
    relay = RelayInside(ledger)
    agent = Agent(relay)
    task = asyncio.create_task(agent.link.run())
    try:
        await eventually(lambda: agent.payloads_of("authenticated"))
        yield relay, agent
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert relay.used("relay.backlog").instances == 0
    assert not agent.link.open


@asynccontextmanager
async def paired(**limits: int) -> AsyncIterator[tuple[RelayInside, Agent, Phone]]:
    async with inside(**limits) as (relay, agent):
        phone = await come(relay, agent)
        yield relay, agent, phone
        phone.leave()


async def come(relay: RelayInside, agent: Agent) -> Phone:
    """Return a phone that is paired and has read all of its messages."""
    phone, before = Phone(relay), len(agent.payloads_of("paired"))
    await phone.ask()
    while len(agent.payloads_of("paired")) == before:
        await phone.read()
        await settle()
    await phone.read()
    return phone


async def test_messages_of_the_agent_arrive_immediately_and_in_order() -> None:
    async with paired() as (_, agent, phone):
        for number in range(FORWARDED):
            agent.link.send("terminal:output", number)
        assert agent.link.in_flight == FORWARDED
        await phone.read()
        assert phone.received[-FORWARDED:] == [("terminal:output", number) for number in range(FORWARDED)]
        assert agent.link.in_flight == 0


@pytest.mark.parametrize(("sent", "has_room"), [(FORWARDED - 1, True), (FORWARDED, False)])
async def test_a_limited_number_of_messages_is_kept_for_a_phone_that_does_not_read(sent: int, has_room: bool) -> None:
    async with paired() as (relay, agent, _phone):
        for number in range(sent):
            assert agent.link.room_for_control()
            agent.link.send("terminal:output", number)
        assert agent.link.room_for_control() is has_room
        if not has_room:
            with pytest.raises(TransportClosed, match="does not read"):
                agent.link.send("terminal:output", -1)
        agent.link.send("relay:echo", messages.Echo(nonce="needs-no-room-at-the-phone"))
        await eventually(lambda: agent.payloads_of("relay:echo"))
        assert relay.used("relay.backlog").peak <= BACKLOG


@pytest.mark.parametrize(("size", "has_room"), [(BULK_BYTES - 1, True), (BULK_BYTES, False), (BULK_BYTES + 1, False)])
async def test_output_waits_in_the_terminals_from_a_number_of_bytes_on(size: int, has_room: bool) -> None:
    async with paired() as (_, agent, phone):
        frame = len("terminal:output") + len('""')
        agent.link.send("terminal:output", "x" * (size - frame))
        assert agent.link.room_for_bulk() is has_room
        assert agent.link.room_for_control()
        await phone.read()
        await phone.read()
        assert agent.link.room_for_bulk()


@pytest.mark.parametrize(("size", "fits"), [(999, True), (1000, True), (1001, False)])
async def test_the_size_of_a_message_is_limited(size: int, fits: bool) -> None:
    async with paired(message=1000) as (_, agent, phone):
        if fits:
            agent.link.send("terminal:output", "x" * (size - 2))
            await phone.read()
            assert phone.received[-1][0] == "terminal:output"
        else:
            with pytest.raises(TransportClosed, match="at most 1000 bytes"):
                agent.link.send("terminal:output", "x" * (size - 2))
            assert agent.link.in_flight == 0


@pytest.mark.parametrize(("count", "has_room"), [(15, True), (16, False), (17, False)])
async def test_output_waits_from_a_number_of_packets_on(count: int, has_room: bool) -> None:
    async with paired(backlog=64) as (_, agent, _phone):
        for _ in range(count):
            agent.link.send("terminal:output", "")
        assert agent.link.room_for_bulk() is has_room
        assert agent.link.room_for_control()


async def test_an_agent_without_room_is_notified_when_the_phone_reads_and_not_before() -> None:
    async with paired() as (_, agent, phone):
        while agent.link.room_for_control():
            agent.link.send("terminal:output", "x")
        await settle()
        assert agent.room_notifications == 0
        await phone.read()
        await settle()
        assert agent.room_notifications == 1


async def test_an_agent_without_room_is_notified_when_the_phone_leaves() -> None:
    async with paired() as (_, agent, phone):
        while agent.link.room_for_control():
            agent.link.send("terminal:output", "x")
        phone.leave()
        await eventually(lambda: agent.payloads_of("paired_device_disconnected"))
        assert agent.room_notifications == 1
        assert agent.link.in_flight == 0
        agent.link.send("terminal:output", "nobody gets it")


async def test_a_lone_surrogate_is_forwarded() -> None:
    async with paired() as (_, agent, phone):
        agent.link.send("process:created", {"name": "\udcff"})
        await phone.read()
        assert phone.received[-1] == ("process:created", {"name": "\udcff"})


async def test_a_phone_that_sends_many_messages_waits_until_the_agent_has_received_them() -> None:
    async with paired() as (relay, agent, phone):
        for number in range(10 * BACKLOG):
            await phone.say("terminal:input", {"uuid": "t", "data": str(number)})
        await eventually(lambda: len(agent.payloads_of("terminal:input")) == 10 * BACKLOG)
        assert [said["data"] for said in agent.payloads_of("terminal:input")] == [str(n) for n in range(10 * BACKLOG)]
        assert relay.used("relay.backlog").peak <= BACKLOG


async def test_a_message_of_a_phone_arrives_immediately_if_none_waits_before_it() -> None:
    async with paired() as (_, agent, phone):
        await settle()
        await phone.say("terminal:input", {"uuid": "t", "data": "l"})
        assert agent.payloads_of("terminal:input") == [{"uuid": "t", "data": "l"}]


async def test_a_message_of_a_phone_arrives_after_those_that_wait_for_the_agent() -> None:
    async with paired() as (_, agent, phone):
        await settle()
        agent.link.send("relay:echo", messages.Echo(nonce="first"))
        await phone.say("terminal:input", "second")
        assert not agent.payloads_of("terminal:input")
        await eventually(lambda: bool(agent.payloads_of("terminal:input")))
        assert [one[0] for one in agent.events[-2:]] == ["relay:echo", "terminal:input"]


async def test_an_answer_of_the_relay_arrives_after_the_call_that_asked_and_never_during_it() -> None:
    async with inside() as (_, agent):
        before = list(agent.events)
        for number in range(3):
            agent.link.send("relay:echo", messages.Echo(nonce=str(number)))
        assert agent.events == before
        await eventually(lambda: len(agent.payloads_of("relay:echo")) == 3)
        assert [echo["nonce"] for echo in agent.payloads_of("relay:echo")] == ["0", "1", "2"]


async def test_an_agent_that_asks_more_than_the_relay_answers_is_refused_and_stays_connected() -> None:
    async with inside() as (relay, agent):
        with pytest.raises(TransportClosed):
            for number in range(BACKLOG):
                agent.link.send("relay:echo", messages.Echo(nonce=str(number)))
        assert relay.used("relay.backlog").peak <= BACKLOG
        await eventually(lambda: len(agent.payloads_of("relay:echo")) == FORWARDED)
        assert agent.link.open


async def test_an_event_whose_handling_fails_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with inside() as (_, agent):

        def fail(_event: str) -> None:
            raise ZeroDivisionError

        agent.during = fail
        agent.link.send("relay:echo", messages.Echo(nonce="1"))
        await eventually(lambda: agent.payloads_of("relay:echo"))
        assert agent.link.open
    assert "could not handle the event 'relay:echo'" in caplog.text


async def test_a_dropped_transport_notifies_the_phone_and_connects_again() -> None:
    async with paired() as (_, agent, phone):
        agent.link.drop()
        assert not agent.link.open
        with pytest.raises(TransportClosed):
            agent.link.send("terminal:output", "x")
        await eventually(lambda: len(agent.payloads_of("authenticated")) == 2)
        assert [one for one in agent.events if isinstance(one, str)] == ["connected", "lost", "connected"]
        await phone.read()
        assert ("paired_device_disconnected", {"message": "The paired device disconnected"}) in phone.received


async def test_a_transport_that_is_dropped_repeatedly_connects_again_without_a_longer_delay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(own_relay, "LONGEST_DELAY", 60.0)
    async with inside() as (_, agent):
        for number in range(2, 18):  # with twice the delay each time, the last would come after half a minute
            agent.link.drop()
            await eventually(lambda number=number: len(agent.payloads_of("authenticated")) == number)


async def test_a_transport_that_a_newer_agent_of_its_id_replaces_connects_again() -> None:
    async with inside() as (relay, agent):
        with relay.local() as other:
            other.emit("register", register("mac", AGENT))
            await eventually(lambda: len(agent.payloads_of("authenticated")) == 2)
            assert other.outbox.ended


async def test_an_agent_that_is_revoked_receives_the_reason() -> None:
    async with paired() as (relay, agent, phone):
        relay.sockets.revoke(OWNER, AGENT)
        await eventually(lambda: agent.payloads_of("auth_error"))
        await phone.read()
        assert phone.received[-1][0] in ("paired_device_disconnected", "available_devices")


async def test_an_agent_is_notified_of_a_revoked_phone() -> None:
    async with paired() as (relay, agent, phone):
        relay.sockets.revoke(OWNER, "phone-1")
        await eventually(lambda: agent.payloads_of("device_revoked"))
        assert agent.payloads_of("paired_device_disconnected")
        assert phone.connection.outbox.ended


async def test_the_agent_is_notified_of_settings() -> None:
    async with inside() as (relay, agent):
        relay.sockets.broadcast_settings(OWNER, {"theme": "dark"})
        await eventually(lambda: agent.payloads_of("settings:updated") == [{"theme": "dark"}])


async def test_an_agent_that_registers_again_stays_paired() -> None:
    async with paired() as (_, agent, phone):
        agent.link.send("register", register("mac", AGENT))
        agent.link.send("terminal:output", "x")
        await phone.read()
        assert phone.received[-1] == ("terminal:output", "x")


async def test_the_transport_tries_again_while_the_relay_is_full() -> None:
    relay = RelayInside(Ledger({"relay.sockets": 1}))
    agent = Agent(relay)
    phone = Phone(relay)
    task = asyncio.create_task(agent.link.run())
    await settle()
    assert not agent.link.open
    phone.leave()
    await eventually(lambda: agent.payloads_of("authenticated"))
    task.cancel()
    await asyncio.wait([task])


async def test_a_relay_that_closes_ends_the_connection() -> None:
    async with inside() as (relay, agent):
        await relay.endpoint.close()
        assert not agent.link.open
        assert agent.events[-1] == "lost"


class InsideMachine(RuleBasedStateMachine):
    """In any order of events, an accepted message arrives once and in order unless its phone leaves."""

    @initialize()
    def start(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.relay: RelayInside
        self.sent = 0
        self.under_way: deque[int] = deque()
        self.phone: Phone | None = None
        self.do(self._start())

    async def _start(self) -> None:
        self.relay = RelayInside(Ledger({"relay.backlog": BACKLOG}))
        self.agent = Agent(self.relay)
        self.task = asyncio.create_task(self.agent.link.run())
        await eventually(lambda: self.agent.payloads_of("authenticated"))

    def do(self, what: Awaitable[Any]) -> Any:
        async def done() -> Any:
            result = await what
            await settle()
            return result

        return self.loop.run_until_complete(done())

    @precondition(lambda self: self.phone is None)
    @rule()
    def a_phone_comes(self) -> None:
        self.phone = self.do(come(self.relay, self.agent))

    @precondition(lambda self: self.phone is not None)
    @rule()
    def the_phone_leaves(self) -> None:
        self.do(self._forget_phone())

    @precondition(lambda self: self.phone is not None)
    @rule()
    def the_phone_is_revoked(self) -> None:
        self.do(self._revoke_phone())

    async def _revoke_phone(self) -> None:
        self.relay.sockets.revoke(OWNER, "phone-1")
        await self._forget_phone()

    async def _forget_phone(self) -> None:
        self.phone.leave()
        self.phone = None
        self.under_way.clear()

    @precondition(lambda self: self.phone is not None)
    @rule(count=st.integers(1, BACKLOG))
    def the_phone_reads(self, count: int) -> None:
        before = len(self.phone.received)
        self.do(self.phone.read(count))
        for event, payload in self.phone.received[before:]:
            if event == "terminal:output":
                assert int(payload[:8]) == self.under_way.popleft()

    @precondition(lambda self: self.phone is not None and self.phone.connection.outbox.has_room())  # else it must wait
    @rule(count=st.integers(1, 3 * BACKLOG))
    def the_phone_types(self, count: int) -> None:
        async def typing() -> None:
            for _ in range(count):
                await self.phone.say("terminal:input", {"uuid": "t", "data": "x"})

        before = len(self.agent.payloads_of("terminal:input"))
        self.do(typing())
        assert len(self.agent.payloads_of("terminal:input")) == before + count

    @rule(size=st.sampled_from([0, 1000, BULK_BYTES]), count=st.integers(1, BACKLOG + 1), bulk=st.booleans())
    def the_agent_sends(self, size: int, count: int, bulk: bool) -> None:
        self.do(self._send(size, count, bulk))

    async def _send(self, size: int, count: int, bulk: bool) -> None:
        for _ in range(count):
            link = self.agent.link
            may = link.room_for_bulk() if bulk else link.room_for_control()
            try:
                link.send("terminal:output", f"{self.sent:08}{'x' * size}")
            except TransportClosed:
                assert not link.room_for_control()
            else:
                assert may or bulk
                if self.phone is not None:
                    self.under_way.append(self.sent)
            self.sent += 1

    @rule()
    def the_agent_is_notified_of_room(self) -> None:
        notifications, link = self.agent.room_notifications, self.agent.link
        if link.room_for_control() or self.phone is None:
            return
        self.the_phone_reads(BACKLOG)
        self.the_phone_reads(BACKLOG)
        assert self.agent.room_notifications > notifications

    @rule()
    def the_link_is_dropped(self) -> None:
        self.do(self._drop())
        if self.phone is not None:
            self.do(self._forget_phone())

    async def _drop(self) -> None:
        before = len(self.agent.payloads_of("authenticated"))
        self.agent.link.drop()
        await eventually(lambda: len(self.agent.payloads_of("authenticated")) > before)

    @invariant()
    def nothing_is_above_its_bound(self) -> None:
        entry = self.relay.used("relay.backlog")
        assert entry.peak <= entry.capacity
        assert self.relay.used("relay.sockets").used <= 2
        assert self.agent.link.in_flight <= FORWARDED + 2

    def teardown(self) -> None:
        if self.phone is not None:
            self.do(self._forget_phone())
        self.task.cancel()
        self.do(asyncio.wait([self.task]))
        assert self.relay.used("relay.backlog").instances == 0
        self.loop.close()


TestInside = InsideMachine.TestCase
TestInside.settings = settings(max_examples=40, stateful_step_count=25)
