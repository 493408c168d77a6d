"""The agent's side of end-to-end encryption: a phone says hello, is ready, and speaks; and all that can go wrong."""

import binascii
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mobifai.errors import EncryptionError, MobiFaiError
from mobifai.limits import MAX_FRAME, MAX_SEALED
from mobifai.protocol import e2e, messages
from mobifai.protocol.e2e import (
    TRANSITIONS,
    E2eSession,
    E2eStage,
    FrameOpened,
    KeyStatus,
    MessageIgnored,
    PhoneProven,
    Reason,
    SendToPhone,
    SessionRefused,
)
from mobifai.protocol.noise import MOST_BYTES, NO_SECRET, KeyPair
from soak.phone.encryption import EncryptionSession, PhoneKeys
from tests.support.playbook import Playbook, only, when

AGENT, PHONE, OTHER = (KeyPair.of(bytes([number]) * 32) for number in (1, 2, 3))
SECRET = bytes(range(16))
PSK = e2e.link_psk(SECRET)
INTRODUCTION = messages.Introduction(name="Laptop", features=("ack", "e2e"))


@dataclass
class Known:
    """Whom the agent knows."""

    pinned: set[bytes] = field(default_factory=set)
    revoked: set[bytes] = field(default_factory=set)
    links: list[bytes] = field(default_factory=list)
    full: str | None = None

    def key_status(self, key: bytes) -> KeyStatus:
        if key in self.pinned:
            return KeyStatus.PINNED
        return KeyStatus.REVOKED if key in self.revoked else KeyStatus.UNKNOWN

    def psks(self) -> Iterable[bytes]:
        return tuple(self.links)

    def rejection_reason(self, key: bytes, device_id: str) -> str | None:
        return None if key in self.pinned else self.full


def a_session(known: Known, phone_id: str = "phone") -> E2eSession:
    return E2eSession(AGENT, "agent", phone_id, INTRODUCTION, known)


def a_phone(psk: bytes = NO_SECRET, key: KeyPair = PHONE, agent_key: bytes = AGENT.public) -> EncryptionSession:
    return EncryptionSession(PhoneKeys(agent_key, "agent", key, psk), "phone", "Pixel", ("resume",))


def ready(session: E2eSession, phone: EncryptionSession) -> list[Any]:
    """Hello, welcome, ready: what the agent makes of the last."""
    (said,) = session.receive("e2e:hello", phone.hello())
    assert isinstance(said, SendToPhone)
    assert said.event == "e2e:welcome"
    phone.welcomed({"message": said.payload.message})
    return session.receive("e2e:sealed", phone.seal("e2e:ready", {}))


def refusal(commands: list[Any]) -> Reason:
    (refused,) = commands
    assert isinstance(refused, SessionRefused), refused
    return refused.reason


# -- who may come


def test_a_phone_with_a_link_is_present_once_it_is_ready_and_its_link_is_reported() -> None:
    session, phone = a_session(Known(links=[PSK])), a_phone(PSK)
    assert ready(session, phone) == [PhoneProven(PHONE.public, "Pixel", ("resume",), PSK)]
    assert phone.agent == {"name": "Laptop", "features": ["ack", "e2e"]}
    assert session.stage is E2eStage.ESTABLISHED


def test_a_phone_that_is_known_needs_no_link() -> None:
    assert ready(a_session(Known({PHONE.public})), a_phone()) == [PhoneProven(PHONE.public, "Pixel", ("resume",), None)]


def test_a_phone_that_is_known_may_come_by_a_new_link_too() -> None:
    known = Known({PHONE.public}, links=[e2e.link_psk(b"x" * 16), PSK])
    assert ready(a_session(known), a_phone(PSK)) == [PhoneProven(PHONE.public, "Pixel", ("resume",), PSK)]


def test_a_revoked_phone_returns_with_a_link() -> None:
    known = Known(revoked={PHONE.public}, links=[PSK])
    assert isinstance(ready(a_session(known), a_phone(PSK))[0], PhoneProven)


@pytest.mark.parametrize(
    ("known", "phone", "reason"),
    [
        (Known(), a_phone(), Reason.UNKNOWN),
        (Known(links=[PSK]), a_phone(), Reason.UNKNOWN),
        (Known({OTHER.public}), a_phone(), Reason.UNKNOWN),
        (Known(revoked={PHONE.public}), a_phone(), Reason.REVOKED),
        (Known(), a_phone(PSK), Reason.LINK_USED),
        (Known({PHONE.public}), a_phone(PSK), Reason.LINK_USED),
        (Known(links=[e2e.link_psk(b"x" * 16)]), a_phone(PSK), Reason.LINK_USED),
        (Known(links=[PSK]), a_phone(SECRET + SECRET), Reason.LINK_USED),
        (Known(links=[PSK], full="too many"), a_phone(PSK), Reason.UNKNOWN),
        (Known(links=[PSK]), a_phone(PSK, agent_key=OTHER.public), Reason.BROKEN),
    ],
)
def test_other_phones_learn_why_they_are_rejected(known: Known, phone: EncryptionSession, reason: Reason) -> None:
    session = a_session(known)
    assert refusal(session.receive("e2e:hello", phone.hello())) is reason
    assert session.stage is E2eStage.ENDED


def test_a_phone_is_who_it_says_to_this_agent_and_under_its_own_name_only() -> None:
    known = Known({PHONE.public})
    elsewhere = EncryptionSession(PhoneKeys(AGENT.public, "another agent", PHONE), "phone", "Pixel", ())
    renamed = EncryptionSession(PhoneKeys(AGENT.public, "agent", PHONE), "another phone", "Pixel", ())
    for phone in (elsewhere, renamed):
        assert refusal(a_session(known).receive("e2e:hello", phone.hello())) is Reason.BROKEN


@pytest.mark.parametrize(
    ("change", "psk", "reason"),
    [
        (lambda known: known.links.clear(), PSK, Reason.LINK_USED),
        (lambda known: known.pinned.clear(), NO_SECRET, Reason.UNKNOWN),
        (lambda known: (known.pinned.clear(), known.revoked.add(PHONE.public)), NO_SECRET, Reason.REVOKED),
    ],
)
def test_what_becomes_void_between_hello_and_ready_lets_nobody_in(
    change: Callable[[Known], object], psk: bytes, reason: Reason
) -> None:
    known = Known({PHONE.public} if psk is NO_SECRET else set(), links=[PSK] if psk is PSK else [])
    session, phone = a_session(known), a_phone(psk)
    (said,) = session.receive("e2e:hello", phone.hello())
    phone.welcomed({"message": said.payload.message})  # type: ignore[union-attr]
    change(known)
    assert refusal(session.receive("e2e:sealed", phone.seal("e2e:ready", {}))) is reason


# -- what is said


def test_messages_arrive_in_both_directions() -> None:
    session, phone = a_session(Known({PHONE.public})), a_phone()
    ready(session, phone)
    for number in range(5):
        (opened,) = session.receive("e2e:sealed", phone.seal("terminal:input", {"data": str(number)}))
        assert isinstance(opened, FrameOpened)
        assert json.loads(opened.frame) == {"type": "terminal:input", "payload": {"data": str(number)}}
        sealed = session.seal(json.dumps({"type": "terminal:output", "payload": number}).encode())
        assert phone.open({"data": sealed.data}) == ("terminal:output", number)


def test_the_first_sealed_message_says_that_the_phone_is_ready_and_no_other_thing() -> None:
    session, phone = a_session(Known({PHONE.public})), a_phone()
    (said,) = session.receive("e2e:hello", phone.hello())
    phone.welcomed({"message": said.payload.message})  # type: ignore[union-attr]
    assert refusal(session.receive("e2e:sealed", phone.seal("terminal:input", "rm\r"))) is Reason.BROKEN


def test_nothing_is_sealed_before_the_phone_is_ready_and_after_the_end() -> None:
    session, phone = a_session(Known({PHONE.public})), a_phone()
    with pytest.raises(EncryptionError):
        session.seal(b"{}")
    session.receive("e2e:hello", phone.hello())
    with pytest.raises(EncryptionError):
        session.seal(b"{}")
    session.end()
    with pytest.raises(EncryptionError):
        session.seal(b"{}")


def test_a_session_from_first_to_last() -> None:
    session, phone = a_session(Known(links=[PSK])), a_phone(PSK)
    playbook = Playbook(session)
    assert (
        playbook
        << E2eStage.HELLO
        >> when.receive("e2e:sealed", {"data": ""})
        << MessageIgnored
        >> when.receive("e2e:hello", phone.hello())
        << only(SendToPhone, event="e2e:welcome")
        << E2eStage.READY
    )
    phone.welcomed({"message": playbook.last.payload.message})
    assert (
        playbook
        >> when.receive("e2e:hello", a_phone(PSK).hello())
        << MessageIgnored
        << E2eStage.READY
        >> when.receive("e2e:sealed", phone.seal("e2e:ready", {}))
        << PhoneProven(PHONE.public, "Pixel", ("resume",), PSK)
        << E2eStage.ESTABLISHED
        >> when.receive("e2e:sealed", phone.seal("process:switch", {"activeUuids": []}))
        << FrameOpened(b'{"type": "process:switch", "payload": {"activeUuids": []}}')
        << E2eStage.ESTABLISHED
        >> when.receive("terminal:input", "rm -rf /\r")
        << MessageIgnored
        << E2eStage.ESTABLISHED
        >> when.receive("e2e:sealed", {"data": "AAAA"})
        << only(SessionRefused, reason=Reason.BROKEN)
        << E2eStage.ENDED
        >> when.receive("e2e:hello", a_phone(PSK).hello())
        << MessageIgnored
        << E2eStage.ENDED
    )


def test_a_phone_that_is_refused_ends_the_session() -> None:
    assert (
        Playbook(a_session(Known()))
        >> when.receive("e2e:hello", a_phone().hello())
        << only(SessionRefused, reason=Reason.UNKNOWN)
        << E2eStage.ENDED
    )


def test_every_stage_has_a_row_and_the_last_one_is_empty() -> None:
    assert set(TRANSITIONS) == set(E2eStage)
    assert [stage for stage, row in TRANSITIONS.items() if not row] == [E2eStage.ENDED]


def test_a_second_hello_changes_nothing() -> None:
    session, phone = a_session(Known({PHONE.public})), a_phone()
    ready(session, phone)
    (ignored,) = session.receive("e2e:hello", a_phone().hello())
    assert isinstance(ignored, MessageIgnored)
    assert isinstance(session.receive("e2e:sealed", phone.seal("x", 1))[0], FrameOpened)


def test_the_longest_frame_fits_into_what_a_relay_carries() -> None:
    session, phone = a_session(Known({PHONE.public})), a_phone()
    ready(session, phone)
    assert len(session.seal(bytes(MAX_FRAME)).data) <= MAX_SEALED
    assert MAX_SEALED == 4 * -(-MOST_BYTES // 3)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))


@given(
    st.sampled_from(["e2e:hello", "e2e:sealed", "e2e:ready", "terminal:input"]),
    JSON | st.fixed_dictionaries({}, optional={"message": JSON, "data": JSON}),
    st.sampled_from(list(E2eStage)),
)
def test_whatever_comes_is_refused_or_ignored_and_never_a_crash(event: str, payload: Any, stage: E2eStage) -> None:
    session, phone = a_session(Known({PHONE.public})), a_phone()
    match stage:
        case E2eStage.READY:
            session.receive("e2e:hello", phone.hello())
        case E2eStage.ESTABLISHED:
            ready(session, phone)
        case E2eStage.ENDED:
            session.end()
    (command,) = session.receive(event, payload)
    assert isinstance(command, MessageIgnored | SessionRefused)


@given(st.binary(max_size=200))
def test_a_phone_s_introduction_that_is_none_is_refused(payload: bytes) -> None:
    phone = a_phone()
    phone._introduction = payload
    (command,) = a_session(Known({PHONE.public})).receive("e2e:hello", phone.hello())
    assert isinstance(command, SendToPhone | SessionRefused)


def test_a_fingerprint_is_short_and_the_same_each_time() -> None:
    assert e2e.fingerprint(PHONE.public) == e2e.fingerprint(bytes(PHONE.public)) != e2e.fingerprint(OTHER.public)
    assert len(e2e.fingerprint(PHONE.public)) == 19


# -- both sides, and between them one who does with each message what he likes


class Between(RuleBasedStateMachine):
    """A phone and an agent, and an adversary who carries their messages and keeps all that he ever saw.

    Whatever he does: what is done is what the phone has said, each once and in order, and the same for what is shown.
    """

    def __init__(self) -> None:
        super().__init__()
        self.known = Known(links=[PSK])
        self.seal = PhoneKeys(AGENT.public, "agent", PHONE, PSK)
        self.number = 0
        self.up: list[tuple[str, dict[str, str]]] = []
        self.down: list[tuple[str, dict[str, str]]] = []
        self.recorded: list[tuple[str, dict[str, str]]] = []
        self.pair_again(honest=True)

    def begin(self) -> None:
        """A new pairing."""
        self.session: E2eSession = a_session(self.known)
        self.phone: EncryptionSession | None = EncryptionSession(self.seal, "phone", "Pixel", ())
        self.up, self.down = [("e2e:hello", self.phone.hello())], []
        self.said: list[str] = []
        self.done: list[str] = []
        self.sent: list[str] = []
        self.shown: list[str] = []

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

    @precondition(lambda self: self.session.stage is E2eStage.ESTABLISHED)
    @rule(times=st.integers(1, 4), carried=st.integers(0, 4))
    def agent_says(self, times: int, carried: int) -> None:
        for _ in range(times):
            self.number += 1
            self.sent.append(f"down {self.number}")
            frame = json.dumps({"type": "terminal:output", "payload": self.sent[-1]}).encode()
            self.down.append(("e2e:sealed", {"data": self.session.seal(frame).data}))
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

    @precondition(lambda self: self.session.stage is not E2eStage.ENDED)
    @rule(event=st.sampled_from(["e2e:hello", "e2e:sealed"]), junk=st.binary(max_size=120))
    def forge(self, event: str, junk: bytes) -> None:
        text = e2e._base64(junk)
        self.to_agent(event, {"message": text} if event == "e2e:hello" else {"data": text})

    # -- what arrives

    def to_agent(self, event: str, payload: dict[str, str]) -> None:
        self.recorded = [*self.recorded, (event, payload)][-40:]
        for command in self.session.receive(event, payload):
            match command:
                case SendToPhone(said, handshake):
                    self.down.append((said, {"message": handshake.message}))  # type: ignore[attr-defined]
                case PhoneProven():
                    assert command.key == PHONE.public
                    self.known.pinned.add(command.key)
                    if command.psk is not None:
                        self.known.links.remove(command.psk)
                case SessionRefused(Reason.LINK_USED):
                    self.seal.psk = NO_SECRET  # what a phone does then: it may have used the link itself
                case FrameOpened(frame):
                    self.done.append(json.loads(frame)["payload"])

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
        assert self.done == self.said[: len(self.done)]

    @invariant()
    def what_is_shown_is_what_the_agent_said(self) -> None:
        assert self.shown == self.sent[: len(self.shown)]

    @invariant()
    def a_link_lets_one_phone_in(self) -> None:
        assert (PSK in self.known.links) != (PHONE.public in self.known.pinned)

    @invariant()
    def only_a_ready_phone_is_served(self) -> None:
        assert self.session.stage is not E2eStage.ESTABLISHED or PHONE.public in self.known.pinned


def changed(event: str, payload: dict[str, str], bit: int) -> tuple[str, dict[str, str]]:
    """The same with one bit another."""
    ((name, text),) = payload.items()
    data = bytearray(binascii.a2b_base64(text))
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    return event, {name: e2e._base64(bytes(data))}


TestBetween = Between.TestCase
