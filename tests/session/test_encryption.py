"""An encrypted session by relay: messages of both sides arrive once and in order, whichever path carries them."""

import binascii
import json
from typing import Any, cast

import msgspec
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mobifai.access.known_phones import KnownPhones
from mobifai.errors import MobiFaiError
from mobifai.limits import MAX_FRAME, MAX_SEALED
from mobifai.protocol.codec import encode_base64
from mobifai.protocol.e2e import Reason
from mobifai.protocol.noise import MOST_BYTES, NO_SECRET
from mobifai.protocol.order import Numbering
from mobifai.session.encryption import EncryptedSession, Identity, Refusal
from mobifai.transport.transport import TransportClosed
from soak.phone.encryption import EncryptionSession, PhoneKeys
from tests.support.encrypted import AGENT, INTRODUCTION, PHONE, PSK, Known, a_phone

Carried = tuple[str, dict[str, str]]


class Relay:
    """A transport with room, whose messages are kept. The message that a session is refused is not for a handshake."""

    open = True

    def __init__(self) -> None:
        self.sent: list[Carried] = []

    def room_for_bulk(self, _: int) -> bool:
        return True

    def room_for_control(self) -> bool:
        return True

    def send(self, event: str, payload: object) -> None:
        if event != "e2e:refused":
            self.sent.append((event, msgspec.to_builtins(payload)))


class AgentSide:
    """The agent's side of one session, which knows these phones."""

    def __init__(self, known: Known) -> None:
        self.relay = Relay()
        self.refusals: list[Refusal] = []
        self.frames: list[Any] = []
        identity = Identity(AGENT, "agent", INTRODUCTION.name, INTRODUCTION.features)
        phones = cast("KnownPhones", known)
        self.session = EncryptedSession(self.relay, "phone", identity, phones, Numbering(), self.refusals.append)

    def receive(self, event: str, payload: dict[str, str]) -> None:
        """Process a message as a candidate does, and then as a session does."""
        if not self.session.open:
            self.session.receive(event, payload)
        elif event == "e2e:sealed":
            frame = self.session.decrypt(payload)
            if frame is not None:
                self.frames.append(json.loads(frame))
        else:
            self.session.ignore(event)


def established() -> tuple[AgentSide, EncryptionSession]:
    """Return both sides of a session after its handshake."""
    agent, phone = AgentSide(Known({PHONE.public})), a_phone()
    agent.receive("e2e:hello", phone.hello())
    phone.welcomed(agent.relay.sent.pop()[1])
    agent.receive("e2e:sealed", phone.seal("e2e:ready", {}))
    assert agent.session.open
    return agent, phone


def test_messages_arrive_in_both_directions() -> None:
    agent, phone = established()
    for number in range(5):
        agent.receive("e2e:sealed", phone.seal("terminal:input", {"data": str(number)}))
        assert agent.frames[-1] == {"type": "terminal:input", "payload": {"data": str(number)}}
        agent.session.send("terminal:output", number)
        assert phone.open(agent.relay.sent.pop()[1]) == ("terminal:output", number)


def test_nothing_is_sent_before_the_phone_is_ready_and_after_the_end() -> None:
    agent, phone = AgentSide(Known({PHONE.public})), a_phone()
    with pytest.raises(TransportClosed):
        agent.session.send("terminal:output", "")
    agent.receive("e2e:hello", phone.hello())
    with pytest.raises(TransportClosed):
        agent.session.send("terminal:output", "")
    agent, _ = established()
    agent.session.close()
    with pytest.raises(TransportClosed):
        agent.session.send("terminal:output", "")


@pytest.mark.parametrize("payload", [{"data": "AAAA"}, {"data": "!"}, {"data": ""}, {"message": "AAAA"}, None, [1]])
def test_a_message_that_can_t_be_decrypted_ends_the_session(payload: Any) -> None:
    agent, phone = established()
    agent.receive("e2e:sealed", payload)
    assert [refusal.reason for refusal in agent.refusals] == [Reason.BROKEN]
    assert not agent.session.open
    assert agent.session.decrypt(phone.seal("terminal:input", "x")) is None


def test_a_second_hello_changes_nothing() -> None:
    agent, phone = established()
    agent.receive("e2e:hello", a_phone().hello())
    agent.receive("e2e:sealed", phone.seal("x", 1))
    assert agent.frames == [{"type": "x", "payload": 1}]


def test_the_longest_frame_fits_into_what_a_relay_carries() -> None:
    agent, _ = established()
    longest = "x" * (MAX_FRAME - len('{"type":"a","payload":""}'))
    agent.session.send("a", longest)
    assert len(agent.relay.sent.pop()[1]["data"]) <= MAX_SEALED
    agent.session.send("a", longest + "x")
    assert agent.relay.sent == []
    assert MAX_SEALED == 4 * -(-MOST_BYTES // 3)


class Between(RuleBasedStateMachine):
    """A phone and an agent, and an adversary who carries their messages and keeps all that he ever saw.

    Whatever he does: what is done is what the phone has said, each once and in order, and the same for what is shown.
    """

    def __init__(self) -> None:
        super().__init__()
        self.known = Known(links=[PSK])
        self.seal = PhoneKeys(AGENT.public, "agent", PHONE, PSK)
        self.number = 0
        self.up: list[Carried] = []
        self.recorded: list[Carried] = []
        self.begin()
        self.pair_again(honest=True)

    def begin(self) -> None:
        """A new pairing."""
        self.agent = AgentSide(self.known)
        self.phone: EncryptionSession | None = EncryptionSession(self.seal, "phone", "Pixel", ())
        self.up = [("e2e:hello", self.phone.hello())]
        self.said: list[str] = []
        self.sent: list[str] = []
        self.shown: list[str] = []

    @property
    def down(self) -> list[Carried]:
        return self.agent.relay.sent

    @rule(honest=st.booleans())
    def pair_again(self, honest: bool) -> None:
        """He carries the handshake as it is, or not."""
        self.recorded = [*self.recorded, *self.up, *self.down][-40:]
        self.begin()
        if honest:
            self.carry_up()
            self.carry_down()
            self.carry_up()

    # -- the two sides

    @precondition(lambda self: self.phone is not None and self.phone.is_open)
    @rule(times=st.integers(1, 4), carried=st.integers(0, 4))
    def phone_says(self, times: int, carried: int) -> None:
        assert self.phone is not None
        for _ in range(times):
            self.number += 1
            self.said.append(f"up {self.number}")
            self.up.append(("e2e:sealed", self.phone.seal("terminal:input", self.said[-1])))
        for _ in range(carried):
            self.carry_up()

    @precondition(lambda self: self.agent.session.open)
    @rule(times=st.integers(1, 4), carried=st.integers(0, 4))
    def agent_says(self, times: int, carried: int) -> None:
        for _ in range(times):
            self.number += 1
            self.sent.append(f"down {self.number}")
            self.agent.session.send("terminal:output", self.sent[-1])
        for _ in range(carried):
            self.carry_down()

    # -- the adversary

    @rule()
    def carry_up(self) -> None:
        if self.up:
            self.to_agent(*self.up.pop(0))

    @rule()
    def carry_down(self) -> None:
        if self.down:
            self.to_phone(*self.down.pop(0))

    @precondition(lambda self: self.up or self.down)
    @rule(how=st.sampled_from(["drop", "swap", "repeat", "change"]), up=st.booleans(), bit=st.integers(0, 10**6))
    def meddle(self, how: str, up: bool, bit: int) -> None:
        """With what waits in one direction."""
        waiting = self.up if up else self.down
        match how:
            case "drop":
                del waiting[:1]
            case "swap":
                waiting[:2] = waiting[:2][::-1]
            case "repeat":
                waiting[:1] = waiting[:1] * 2
            case "change":
                waiting[:1] = [changed(*one, bit) for one in waiting[:1]]

    @precondition(lambda self: self.recorded)
    @rule(which=st.integers(0, 39), up=st.booleans())
    def replay(self, which: int, up: bool) -> None:
        """Something that he has seen before, in either direction."""
        event, payload = self.recorded[which % len(self.recorded)]
        self.to_agent(event, payload) if up else self.to_phone(event, payload)

    @precondition(lambda self: not self.agent.refusals)
    @rule(event=st.sampled_from(["e2e:hello", "e2e:sealed"]), junk=st.binary(max_size=120))
    def forge(self, event: str, junk: bytes) -> None:
        text = encode_base64(junk)
        self.to_agent(event, {"message": text} if event == "e2e:hello" else {"data": text})

    # -- what arrives

    def to_agent(self, event: str, payload: dict[str, str]) -> None:
        self.recorded = [*self.recorded, (event, payload)][-40:]
        self.agent.receive(event, payload)
        if any(refusal.reason is Reason.LINK_USED for refusal in self.agent.refusals):
            self.seal.psk = NO_SECRET  # what a phone does then: it may have used the link itself

    def to_phone(self, event: str, payload: dict[str, str]) -> None:
        self.recorded = [*self.recorded, (event, payload)][-40:]
        if self.phone is None:
            return
        try:
            if event == "e2e:welcome" and not self.phone.is_open:
                self.phone.welcomed(payload)
                self.up.append(("e2e:sealed", self.phone.seal("e2e:ready", {})))
            elif event == "e2e:sealed" and self.phone.is_open:
                self.shown.append(self.phone.open(payload)[1])
        except (MobiFaiError, ValueError):
            self.phone = None

    # -- what holds whatever he does

    @invariant()
    def what_is_done_is_what_the_phone_said(self) -> None:
        done = [frame["payload"] for frame in self.agent.frames]
        assert done == self.said[: len(done)]

    @invariant()
    def what_is_shown_is_what_the_agent_said(self) -> None:
        assert self.shown == self.sent[: len(self.shown)]

    @invariant()
    def a_link_lets_one_phone_in(self) -> None:
        assert (PSK in self.known.links) != (PHONE.public in self.known.pinned)

    @invariant()
    def only_a_ready_phone_is_served(self) -> None:
        assert not self.agent.session.open or PHONE.public in self.known.pinned


def changed(event: str, payload: dict[str, str], bit: int) -> Carried:
    """The same with one bit another."""
    ((name, text),) = payload.items()
    data = bytearray(binascii.a2b_base64(text))
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    return event, {name: encode_base64(bytes(data))}


TestBetween = Between.TestCase
