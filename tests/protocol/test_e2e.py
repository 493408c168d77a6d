"""The agent's side of end-to-end encryption: a phone's hello, ready and messages, and all failures."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.protocol import e2e
from mobifai.protocol.e2e import (
    TRANSITIONS,
    E2eSession,
    E2eStage,
    MessageIgnored,
    PhoneProven,
    Reason,
    SendToPhone,
    SessionRefused,
)
from mobifai.protocol.noise import NO_SECRET
from soak.phone.encryption import EncryptionSession, PhoneKeys
from tests.support.encrypted import AGENT, INTRODUCTION, OTHER, PHONE, PSK, SECRET, Known, a_phone
from tests.support.playbook import Playbook, only, when


def a_session(known: Known, phone_id: str = "phone") -> E2eSession:
    return E2eSession(AGENT, "agent", phone_id, INTRODUCTION, known)


def ready(session: E2eSession, phone: EncryptionSession) -> list[Any]:
    """Send hello and ready, and return the agent's reaction to ready."""
    (said,) = session.receive("e2e:hello", phone.hello())
    assert isinstance(said, SendToPhone)
    assert said.event == "e2e:welcome"
    phone.welcomed({"message": said.payload.message})
    return session.receive("e2e:sealed", phone.seal("e2e:ready", {}))


def refusal(commands: list[Any]) -> Reason:
    (refused,) = commands
    assert isinstance(refused, SessionRefused), refused
    return refused.reason


# -- admission


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


# -- whole handshakes


def test_the_first_sealed_message_says_that_the_phone_is_ready_and_no_other_thing() -> None:
    session, phone = a_session(Known({PHONE.public})), a_phone()
    (said,) = session.receive("e2e:hello", phone.hello())
    phone.welcomed({"message": said.payload.message})  # type: ignore[union-attr]
    assert refusal(session.receive("e2e:sealed", phone.seal("terminal:input", "rm\r"))) is Reason.BROKEN


def test_a_session_has_ciphers_from_the_phone_s_proof_to_its_end() -> None:
    session, phone = a_session(Known({PHONE.public})), a_phone()
    assert session.ciphers is None
    (said,) = session.receive("e2e:hello", phone.hello())
    assert session.ciphers is None
    phone.welcomed({"message": said.payload.message})  # type: ignore[union-attr]
    session.receive("e2e:sealed", phone.seal("e2e:ready", {}))
    assert session.ciphers is not None
    session.end()
    assert session.ciphers is None


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
        >> when.receive("terminal:input", "rm -rf /\r")
        << MessageIgnored
        << E2eStage.ESTABLISHED
        >> when.receive("e2e:hello", a_phone(PSK).hello())
        << MessageIgnored
        << E2eStage.ESTABLISHED
    )


def test_a_first_sealed_message_that_can_t_be_decrypted_ends_the_session() -> None:
    session, phone = a_session(Known({PHONE.public})), a_phone()
    assert (
        Playbook(session)
        >> when.receive("e2e:hello", phone.hello())
        << only(SendToPhone, event="e2e:welcome")
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


def test_every_stage_has_a_row_and_those_after_the_handshake_are_empty() -> None:
    assert set(TRANSITIONS) == set(E2eStage)
    assert [stage for stage, row in TRANSITIONS.items() if not row] == [E2eStage.ESTABLISHED, E2eStage.ENDED]


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
