"""Outbound messages, their order and their path: with simulated paths and terminals."""

import asyncio
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.bounds import Ledger
from mobifai.limits import CONTROL_QUEUE, MAX_FRAME
from mobifai.protocol.codec import encode_frame
from mobifai.protocol.messages import Output
from mobifai.session.outbound import ECHO_BYTES, OutboundQueue
from mobifai.terminals.output_cursor import Chunk
from mobifai.transport.transport import TransportClosed
from tests.support.eventually import eventually

PIECE = 16 << 10


@dataclass
class Way:
    """A path that records its messages. `bulk` and `control` are the numbers of messages that it still accepts."""

    bulk: int = 1000
    control: int = 1000
    open: bool = True
    fails: bool = False
    carried: list[tuple[str, object]] = field(default_factory=list)

    def room_for_bulk(self, _: int) -> bool:
        return self.bulk > 0

    def room_for_control(self) -> bool:
        return self.control > 0

    def send(self, event: str, payload: object) -> None:
        if self.fails or not self.open:
            self.open = False
            raise TransportClosed("it has just gone")
        self.bulk, self.control = self.bulk - 1, self.control - 1
        if isinstance(payload, msgspec.Raw):
            payload = msgspec.json.decode(payload, type=Output)
        self.carried.append((event, payload))

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.carried]

    @property
    def text(self) -> str:
        return "".join(payload.data for _, payload in self.carried if isinstance(payload, Output))


@dataclass
class Source:
    """A terminal with waiting text, which may begin with a screen."""

    uuid: str
    left: str
    screen: bool = False
    has_priority: bool = False
    chunk_size: int = PIECE
    recently_typed: bool = False
    position: int = 0

    @property
    def waiting(self) -> int:
        return len(self.left.encode())

    def take(self, length: int) -> Chunk:
        text = self.left.encode()[:length].decode(errors="ignore")
        self.left, self.has_priority = self.left[len(text) :], False
        offset, self.position = self.position, self.position + len(text.encode())
        screen, self.screen = self.screen, False
        return Chunk(text.encode(), screen, offset=offset, end=self.position)


@dataclass
class Desk:
    """An outbound queue with its relay."""

    relay: Way = field(default_factory=Way)
    relay_knows_screens: bool = True
    sends_offsets: bool = False
    overflows: int = 0

    def __post_init__(self) -> None:
        self.outbound = OutboundQueue(
            Ledger(),
            self.relay,
            self._overflowed,
            relay_knows_screens=self.relay_knows_screens,
            sends_offsets=self.sends_offsets,
        )
        self.outbound.relay_serves = True

    def _overflowed(self) -> None:
        self.overflows += 1


async def test_without_a_phone_nothing_is_kept() -> None:
    desk = Desk()
    desk.outbound.relay_serves = False
    terminal = Source("a", "x" * 100)
    desk.outbound.send("process:created", {})
    desk.outbound.output_ready(terminal)
    desk.outbound.relay_serves = True
    desk.outbound.flush()
    assert desk.outbound.path == "relay"
    assert desk.relay.carried == []


async def test_the_channel_is_used_while_it_is_open_and_the_relay_otherwise() -> None:
    desk, channel = Desk(), Way()
    desk.outbound.set_channel(channel)
    desk.outbound.send("one", {})
    channel.open = False
    desk.outbound.send("two", {})
    channel.open = True
    desk.outbound.send("three", {})
    assert channel.events == ["one", "three"]
    assert desk.relay.events == ["two"]


async def test_a_message_under_which_the_channel_closes_goes_by_relay() -> None:
    desk, channel = Desk(), Way(fails=True)
    desk.outbound.set_channel(channel)
    desk.outbound.send("process:created", {"uuid": "a"})
    assert desk.relay.carried == [("process:created", {"uuid": "a"})]


async def test_short_messages_overtake_output_that_waits() -> None:
    desk = Desk(Way(bulk=0))
    desk.outbound.output_ready(Source("a", "x" * 50_000))
    desk.outbound.send("process:renamed", {})
    assert desk.relay.events == ["process:renamed"]
    desk.relay.bulk = 1000
    desk.outbound.flush()
    assert desk.relay.events[1:] == ["terminal:output"] * 4


async def test_output_waits_for_room_and_its_terminal_keeps_it() -> None:
    desk = Desk(Way(bulk=1))
    terminal = Source("a", "x" * 3 * PIECE)
    desk.outbound.output_ready(terminal)
    assert (len(desk.relay.text), terminal.waiting) == (PIECE, 2 * PIECE)
    desk.outbound.flush()
    assert terminal.waiting == 2 * PIECE
    desk.relay.bulk = 10
    desk.outbound.flush()
    assert terminal.waiting == 0


async def test_active_terminals_take_turns() -> None:
    desk = Desk(Way(bulk=0))
    for uuid in "abc":
        desk.outbound.output_ready(Source(uuid, uuid * 2 * PIECE))
    desk.relay.bulk = 1000
    desk.outbound.flush()
    assert [payload.uuid for _, payload in desk.relay.carried if isinstance(payload, Output)] == list("abcabc")


async def test_output_in_quick_succession_leaves_together() -> None:
    desk, terminal = Desk(), Source("a", "1")
    desk.outbound.output_ready(terminal)
    for _ in range(50):
        terminal.left += "x"
        desk.outbound.output_ready(terminal)
    assert desk.relay.text == "1"
    await eventually(lambda: not terminal.waiting)
    assert desk.relay.events == ["terminal:output"] * 2
    assert desk.relay.text == "1" + "x" * 50


async def test_nothing_leaves_while_the_path_changes() -> None:
    desk, channel = Desk(), Way()
    desk.outbound.pause()
    desk.outbound.send("one", {})
    desk.outbound.output_ready(Source("a", "x"))
    await asyncio.sleep(0)
    assert desk.relay.carried == []
    desk.outbound.set_channel(channel)
    desk.outbound.flush()
    assert channel.events == ["one", "terminal:output"]
    assert desk.relay.carried == []


@pytest.mark.parametrize(("knows", "first"), [(True, "process:screen"), (False, "terminal:output")])
async def test_a_screen_is_output_to_a_relay_that_knows_no_screens(knows: bool, first: str) -> None:
    desk = Desk(relay_knows_screens=knows)
    desk.outbound.output_ready(Source("a", "s" * 20_000, screen=True))
    assert desk.relay.events == [first, "terminal:output"]


async def test_a_phone_that_lets_answers_pile_up_is_given_up_at_the_limit() -> None:
    desk = Desk(Way(control=0))
    for _ in range(CONTROL_QUEUE.value):
        desk.outbound.send("process:error", {})
    assert desk.overflows == 0
    desk.outbound.send("process:error", {})
    assert desk.overflows == 1


async def test_the_echo_of_what_was_typed_goes_before_output_that_waits() -> None:
    desk = Desk(Way(bulk=0))
    desk.outbound.output_ready(Source("flood", "x" * 3 * PIECE))
    desk.outbound.output_ready(Source("shell", "l", has_priority=True))
    assert desk.relay.carried == [("terminal:output", Output(uuid="shell", data="l"))]


async def test_the_echo_of_what_was_typed_does_not_wait_for_more_to_go_with_it() -> None:
    desk, terminal = Desk(), Source("a", "1")
    desk.outbound.output_ready(terminal)
    terminal.left, terminal.has_priority = "l", True
    desk.outbound.output_ready(terminal)
    assert desk.relay.text == "1l"


@pytest.mark.parametrize(("recently_typed", "sent"), [(True, "1^C$ "), (False, "1")])
async def test_what_follows_the_echo_is_not_kept_back_while_somebody_awaits_it(recently_typed: bool, sent: str) -> None:
    desk, terminal = Desk(), Source("a", "1")
    desk.outbound.output_ready(terminal)
    terminal.left, terminal.recently_typed = "^C$ ", recently_typed
    desk.outbound.output_ready(terminal)
    assert desk.relay.text == sent


async def test_a_flood_in_which_somebody_types_overtakes_once_and_only_with_a_little() -> None:
    desk = Desk(Way(bulk=0))
    flood = Source("flood", "x" * 3 * PIECE, has_priority=True)
    for _ in range(5):
        desk.outbound.output_ready(flood)
    assert len(desk.relay.text) == ECHO_BYTES


async def test_a_phone_that_counts_gets_the_offsets_of_output() -> None:
    desk = Desk(sends_offsets=True)
    desk.outbound.output_ready(Source("a", "\x00" * 20_000, position=7))
    parts = [payload for _, payload in desk.relay.carried if isinstance(payload, Output)]
    assert len(parts) == 3  # 16 KiB, of which each byte takes six as JSON, and the rest
    assert [part.offset for part in parts] == [7, *[part.end for part in parts[:-1]]]
    assert parts[-1].end == 20_007


@given(st.text(max_size=300).map(lambda text: text * 100))
async def test_every_message_fits_into_a_frame_and_all_of_the_text_arrives(text: str) -> None:
    desk = Desk()
    desk.outbound.output_ready(Source("a", text))
    desk.outbound.flush()
    assert desk.relay.text == text
    for event, payload in desk.relay.carried:
        frame = encode_frame(event, payload)
        assert len(frame) <= MAX_FRAME
        assert msgspec.json.decode(frame)["type"] == event


async def test_a_closed_courier_sends_nothing_and_leaves_no_account() -> None:
    ledger = Ledger()
    outbound = OutboundQueue(ledger, Way(), lambda: None)
    outbound.relay_serves = True
    outbound.output_ready(Source("a", "x"))
    outbound.output_ready(Source("a", "y"))  # this one is delayed
    outbound.close()
    outbound.send("one", {})
    assert {entry.name: entry.instances for entry in ledger.entries() if entry.instances} == {}
