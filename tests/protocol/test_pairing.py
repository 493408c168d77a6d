"""The agent's side of pairing: no phone is admitted without a proof of its key, and none twice."""

import itertools
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mobifai.protocol import messages
from mobifai.protocol.agent_commands import (
    ClosePeer,
    DropToken,
    KeepToken,
    LogEntry,
    OpenPeer,
    PairingCommand,
    SendToRelay,
    ShowLogin,
)
from mobifai.protocol.agent_pairing import TRANSITIONS, Pairing, PairingEvent, PairingStage
from mobifai.protocol.handshake import Identity, Party, bound_text, sign
from tests.support.playbook import Playbook, only, when

AGENT = Identity.from_hex("a1")
PHONES = {"phone-1": Identity.from_hex("b1"), "phone-2": Identity.from_hex("b2")}
STRANGER = Identity.from_hex("c1")
OURS, THEIRS = "aa" * 32, "bb" * 32
TOKEN = "token"
USER = messages.User(id="1", email="me@here", name="Me")
AUTHENTICATED = messages.Authenticated(token=TOKEN, user=USER)
SENT_REGISTER = only(SendToRelay, event="register")
SENT_RESPONSE = only(SendToRelay, event="handshake:response")
SENT_CONFIRMED = only(SendToRelay, event="handshake:confirmed")
SENT_ERROR = only(SendToRelay, event="error")
WARNING = only(LogEntry, warning=True)
NOT_A_POINT = "04" + "11" * 64


def a_pairing(token: str | None = TOKEN) -> Pairing:
    return Pairing("agent", "Mac", AGENT, token)


def waiting() -> Pairing:
    pairing = a_pairing()
    pairing.relay_connected(0)
    pairing.authenticated(messages.Authenticated(token="token", user=USER))
    return pairing


def initiate(phone: str = "phone-1", peer_challenge: str | None = THEIRS) -> messages.HandshakeInitiate:
    return messages.HandshakeInitiate(
        peer_id=phone,
        peer_public_key=PHONES[phone].public_hex,
        challenge=OURS,
        peer_challenge=peer_challenge,
    )


def signature(phone: str = "phone-1", challenge: str = THEIRS) -> messages.HandshakeSignature:
    return messages.HandshakeSignature(
        peer_id=phone, signature=sign(PHONES[phone].shared_secret(AGENT.public_hex), challenge)
    )


def forged(phone: str = "phone-1") -> messages.HandshakeSignature:
    return messages.HandshakeSignature(peer_id=phone, signature=sign(STRANGER.shared_secret(AGENT.public_hex), THEIRS))


def paired(phone: str = "phone-1") -> messages.Paired:
    return messages.Paired(peer_id=phone)


def joined(phone: str = "phone-1") -> Pairing:
    pairing = waiting()
    pairing.initiate(initiate(phone))
    pairing.verify(signature(phone))
    pairing.paired(paired(phone))
    return pairing


def sent(commands: list[PairingCommand]) -> list[str]:
    return [command.event for command in commands if isinstance(command, SendToRelay)]


def kinds(commands: list[PairingCommand]) -> list[type]:
    return [type(command) for command in commands]


# -- dialogues


def test_it_registers_as_an_agent_with_its_key_and_token() -> None:
    register = messages.Register(
        type="mac",
        device_id="agent",
        public_key=AGENT.public_hex,
        token="token",
        device_name="Mac",
        tab_count=3,
        features=("ack", "resume", "e2e", "unseen", "keys", "exits", "order", "bind", "assistant"),
    )
    assert Playbook(a_pairing()) >> when.relay_connected(3) << SendToRelay("register", register)


def test_a_pairing_from_first_to_last() -> None:
    assert (
        Playbook(a_pairing())
        << PairingStage.OFFLINE
        >> when.relay_connected(0)
        << SENT_REGISTER
        << PairingStage.REGISTERING
        >> when.authenticated(AUTHENTICATED)
        << PairingStage.WAITING
        >> when.initiate(initiate())
        << SENT_RESPONSE
        << PairingStage.HANDSHAKE
        >> when.verify(signature())
        << SENT_CONFIRMED
        << PairingStage.HANDSHAKE
        >> when.paired(paired())
        << OpenPeer("phone-1")
        << LogEntry("paired with a phone")
        << PairingStage.PAIRED
    )


def test_it_signs_its_own_challenge_and_not_the_peers() -> None:
    answer = waiting().initiate(initiate())[0]
    secret = PHONES["phone-1"].shared_secret(AGENT.public_hex)
    expected = messages.HandshakeSignature(peer_id="phone-1", signature=sign(secret, OURS))
    assert answer == SendToRelay("handshake:response", expected)


def test_a_phone_that_does_not_hold_its_key_is_refused() -> None:
    assert (
        Playbook(waiting())
        >> when.initiate(initiate())
        << SENT_RESPONSE
        >> when.verify(forged())
        << SendToRelay("error", messages.Notice(message="the phone's signature does not match its key"))
        << WARNING
        << PairingStage.WAITING
        >> when.paired(paired())
        << WARNING
        << PairingStage.WAITING
    )


def test_an_answer_to_our_own_challenge_proves_nothing() -> None:
    pairing = waiting()
    pairing.initiate(initiate())
    assert sent(pairing.verify(signature(challenge=OURS))) == ["error"]


def test_a_key_that_is_no_point_is_refused() -> None:
    pairing = waiting()
    bad = messages.HandshakeInitiate(
        peer_id="phone-1", peer_public_key=NOT_A_POINT, challenge=OURS, peer_challenge=THEIRS
    )
    assert sent(pairing.initiate(bad)) == ["error"]
    assert OpenPeer not in kinds(pairing.paired(paired()))


def bound_initiate(**changes: Any) -> messages.HandshakeInitiate:
    return msgspec.structs.replace(initiate(), **{"peer_features": ("bind",), **changes})


def parties(phone: str = "phone-1") -> tuple[Party, Party]:
    """Return the agent and a phone as parties of their handshake."""
    theirs = Party("mobile", phone, PHONES[phone].public_hex, THEIRS)
    return Party("mac", "agent", AGENT.public_hex, OURS), theirs


def test_a_phone_that_can_signs_for_both_sides_and_so_does_the_agent() -> None:
    pairing, (agent, phone) = waiting(), parties()
    (response, *_) = pairing.initiate(bound_initiate())
    secret = PHONES["phone-1"].shared_secret(AGENT.public_hex)
    assert response.payload.signature == sign(secret, bound_text(agent, phone))
    right = messages.HandshakeSignature(peer_id="phone-1", signature=sign(secret, bound_text(phone, agent)))
    assert sent(pairing.verify(right)) == ["handshake:confirmed"]


@pytest.mark.parametrize("form", ["the challenge alone", "the agent's own", "another role", "another phone"])
def test_a_signature_for_anything_else_is_refused(form: str) -> None:
    pairing, (agent, phone) = waiting(), parties()
    pairing.initiate(bound_initiate())
    text = {
        "the challenge alone": THEIRS,
        "the agent's own": bound_text(agent, phone),
        "another role": bound_text(replace(phone, role="mac"), agent),
        "another phone": bound_text(replace(phone, device_id="phone-2"), agent),
    }[form]
    secret = PHONES["phone-1"].shared_secret(AGENT.public_hex)
    assert sent(pairing.verify(messages.HandshakeSignature(peer_id="phone-1", signature=sign(secret, text)))) == [
        "error"
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"peer_challenge": OURS},
        {"peer_challenge": OURS.upper()},
        {"peer_challenge": OURS, "peer_features": ()},
        {"peer_public_key": AGENT.public_hex},
        {"peer_id": "agent"},
    ],
)
def test_a_handshake_in_which_a_signature_could_be_reflected_is_refused(changes: dict[str, object]) -> None:
    pairing = waiting()
    assert sent(pairing.initiate(bound_initiate(**changes))) == ["error"]
    assert OpenPeer not in kinds(pairing.paired(paired()))


def test_the_agent_s_own_signature_is_not_a_phone_s() -> None:
    pairing = waiting()
    (response, *_) = pairing.initiate(initiate())
    own = messages.HandshakeSignature(peer_id="phone-1", signature=response.payload.signature.upper())
    assert sent(pairing.verify(own)) == ["error"]


def test_a_relay_that_says_paired_before_the_agent_confirmed_opens_nothing() -> None:
    assert (
        Playbook(waiting())
        >> when.initiate(initiate())
        << SENT_RESPONSE
        >> when.paired(paired())
        << SENT_ERROR
        << WARNING
        << PairingStage.WAITING
    )


def test_a_relay_without_challenges_for_phones_pairs_them_unverified_and_that_is_logged_once() -> None:
    assert (
        Playbook(waiting())
        >> when.initiate(initiate(peer_challenge=None))
        << SENT_RESPONSE
        << WARNING
        >> when.verify(forged())
        << SENT_CONFIRMED
        >> when.paired(paired())
        << OpenPeer("phone-1")
        << LogEntry
        >> when.initiate(initiate(peer_challenge=None))
        << SENT_RESPONSE
        << PairingStage.HANDSHAKE
    )


def test_paired_twice_changes_nothing() -> None:
    pairing = joined()
    peer = pairing.peer
    assert Playbook(pairing) >> when.paired(paired()) << PairingStage.PAIRED
    assert pairing.peer is peer


def test_a_legacy_relay_may_say_paired_before_and_after_the_signature() -> None:
    assert (
        Playbook(waiting())
        >> when.initiate(initiate(peer_challenge=None))
        << SENT_RESPONSE
        << WARNING
        >> when.paired(paired())
        << OpenPeer("phone-1")
        << LogEntry
        >> when.verify(signature())
        << SENT_CONFIRMED
        >> when.paired(paired())
        << PairingStage.PAIRED
    )


def test_a_wrong_signature_after_the_pairing_undoes_nothing() -> None:
    assert Playbook(joined()) >> when.verify(forged()) << PairingStage.PAIRED


def test_paired_without_a_handshake_opens_nothing() -> None:
    assert Playbook(waiting()) >> when.paired(paired()) << WARNING << PairingStage.WAITING


def test_a_new_phone_wins_over_one_that_left_without_a_word() -> None:
    assert (
        Playbook(joined("phone-1"))
        >> when.initiate(initiate("phone-2"))
        << SENT_RESPONSE
        >> when.verify(signature("phone-2"))
        << SENT_CONFIRMED
        >> when.paired(paired("phone-2"))
        << OpenPeer("phone-2")
        << LogEntry
    )


def test_an_old_phones_signature_is_no_new_phones() -> None:
    assert (
        Playbook(joined("phone-1"))
        >> when.initiate(initiate("phone-2"))
        << SENT_RESPONSE
        >> when.verify(signature("phone-1"))
        << SENT_ERROR
        << WARNING
        << PairingStage.WAITING
    )


def test_a_handshake_does_not_outlive_the_relays_connection() -> None:
    assert (
        Playbook(waiting())
        >> when.initiate(initiate())
        << SENT_RESPONSE
        >> when.verify(signature())
        << SENT_CONFIRMED
        >> when.relay_lost(channel_open=False)
        << ClosePeer
        << PairingStage.OFFLINE
        >> when.relay_connected(0)
        << SENT_REGISTER
        >> when.authenticated(AUTHENTICATED)
        >> when.paired(paired())
        << WARNING
        << PairingStage.WAITING
    )


def test_a_relay_lost_under_an_open_channel_closes_nothing() -> None:
    assert Playbook(joined()) >> when.relay_lost(channel_open=True) << PairingStage.OFFLINE


def test_a_relay_lost_without_a_channel_closes_the_peer_connection() -> None:
    assert Playbook(joined()) >> when.relay_lost(channel_open=False) << ClosePeer << PairingStage.OFFLINE


def test_a_channel_lost_after_the_relay_closes_the_peer_connection() -> None:
    assert Playbook(joined()) >> when.relay_lost(channel_open=True) >> when.channel_lost(0) << ClosePeer


def test_a_channel_lost_under_an_open_relay_leaves_the_phone_on_the_relay() -> None:
    assert Playbook(joined()) >> when.channel_lost(0) << PairingStage.PAIRED


def test_a_phone_that_left_the_relay_is_served_on_its_channel_and_then_let_go() -> None:
    pairing = joined()
    assert Playbook(pairing) >> when.peer_left_relay(channel_open=True, tab_count=0) << LogEntry << PairingStage.WAITING
    assert pairing.phone_id == "phone-1"
    assert Playbook(pairing) >> when.channel_lost(2) << ClosePeer << SENT_REGISTER
    assert pairing.phone_id is None


def test_a_phone_that_left_without_a_channel_is_let_go_and_the_agent_registers_again() -> None:
    assert (
        Playbook(joined())
        >> when.peer_left_relay(channel_open=False, tab_count=2)
        << ClosePeer
        << SENT_REGISTER
        << PairingStage.WAITING
    )


def test_a_revoked_phone_goes_also_when_only_its_channel_is_left() -> None:
    assert (
        Playbook(joined())
        >> when.peer_left_relay(channel_open=True, tab_count=0)
        << LogEntry
        >> when.revoked(messages.DeviceRevoked(device_id="phone-1"))
        << ClosePeer
    )


def test_a_revoked_phone_that_is_paired_leaves_the_agent_waiting() -> None:
    assert (
        Playbook(joined())
        >> when.revoked(messages.DeviceRevoked(device_id="phone-1"))
        << ClosePeer
        << PairingStage.WAITING
    )


def test_another_devices_revocation_is_nothing_to_the_phone() -> None:
    assert Playbook(joined()) >> when.revoked(messages.DeviceRevoked(device_id="phone-2")) << PairingStage.PAIRED


def test_a_token_that_is_refused_is_dropped_once() -> None:
    pairing = a_pairing()
    pairing.relay_connected(0)
    commands = pairing.auth_error(messages.Notice(message="expired"), 0)
    assert kinds(commands) == [DropToken, LogEntry, SendToRelay]
    register = commands[-1]
    assert isinstance(register, SendToRelay)
    assert isinstance(register.payload, messages.Register)
    assert register.payload.token is None
    assert Playbook(pairing) >> when.auth_error(messages.Notice(message="no"), 0) << WARNING << PairingStage.REGISTERING


def test_a_new_token_is_kept_and_the_same_one_is_not_kept_again() -> None:
    new = messages.Authenticated(token="new", user=USER)
    assert (
        Playbook(a_pairing(token=None))
        >> when.relay_connected(0)
        << SENT_REGISTER
        >> when.authenticated(new)
        << KeepToken("new", "me@here")
        >> when.authenticated(new)
        << PairingStage.WAITING
    )


def test_a_person_is_asked_to_sign_in_and_the_agent_waits_for_phones_then() -> None:
    assert (
        Playbook(a_pairing(token=None))
        >> when.relay_connected(0)
        << SENT_REGISTER
        >> when.login_required(messages.LoginRequired(message="Please", login_url="/login?x"))
        << ShowLogin("/login?x", "Please")
        << PairingStage.SIGN_IN
        >> when.authenticated(AUTHENTICATED)
        << KeepToken
        << PairingStage.WAITING
    )


# -- the table


def test_every_stage_has_a_row() -> None:
    assert set(TRANSITIONS) == set(PairingStage)


def test_only_a_handshake_leads_to_a_pairing() -> None:
    leading = {
        (stage, event)
        for stage, row in TRANSITIONS.items()
        for event, following in row.items()
        if following is PairingStage.PAIRED and stage is not PairingStage.PAIRED
    }
    assert leading == {(PairingStage.HANDSHAKE, PairingEvent.PAIRING_ANNOUNCED)}


# -- any order of events


class AgentAgainstAnyRelay(RuleBasedStateMachine):
    """A relay that sends anything at any time, with phones whose signatures are valid or not."""

    @initialize(token=st.none() | st.just("t0"))
    def begin(self, token: str | None) -> None:
        self.pairing = Pairing("agent", "Mac", AGENT, token)
        self.token = token
        self.tokens = (f"t{number}" for number in itertools.count(1))
        self.relay_open = False
        self.handshake: messages.HandshakeInitiate | None = None
        self.proven = False
        self.opened = False
        self.unverified_said = 0
        self.connection: str | None = None  # the phone of the peer connection
        self.channel_open = False
        if token is not None:
            self.relay_connects()
            self.authenticated(renewed=False)
            self.initiate("phone-1", THEIRS)

    def obey(self, commands: list[PairingCommand]) -> list[PairingCommand]:
        for command in commands:
            match command:
                case OpenPeer(peer_id):
                    self._may_open(peer_id)
                    self.connection, self.channel_open, self.opened = peer_id, False, True
                case ClosePeer():
                    self.connection, self.channel_open = None, False
                case SendToRelay("handshake:confirmed"):
                    assert self.handshake is not None
                    assert self.handshake.peer_challenge is None or self.proven
                case SendToRelay("register", messages.Register() as register):
                    assert register.token == self.token
                    assert self.relay_open
                case KeepToken(token):
                    assert token != self.token
                    self.token = token
                case DropToken():
                    assert self.token is not None
                    self.token = None
                case LogEntry(text, warning=True) if "verify a phone's key" in text:
                    self.unverified_said += 1
                case _:
                    pass
        return commands

    def _may_open(self, peer_id: str) -> None:
        assert self.handshake is not None
        assert peer_id == self.handshake.peer_id
        assert not self.opened, "opened twice for one handshake"
        assert self.handshake.peer_challenge is None or self.proven

    @precondition(lambda self: not self.relay_open)
    @rule()
    def relay_connects(self) -> None:
        self.relay_open = True
        assert sent(self.obey(self.pairing.relay_connected(1))) == ["register"]

    @precondition(lambda self: self.relay_open)
    @rule()
    def relay_goes(self) -> None:
        self.relay_open = False
        self.handshake = None
        stays = self.connection if self.channel_open else None
        commands = self.obey(self.pairing.relay_lost(self.channel_open))
        assert self.connection == stays
        assert sent(commands) == []

    @precondition(lambda self: self.relay_open)
    @rule(renewed=st.booleans())
    def authenticated(self, renewed: bool) -> None:
        token = next(self.tokens) if renewed or self.token is None else self.token
        self.obey(self.pairing.authenticated(messages.Authenticated(token=token, user=USER)))
        assert self.token == token

    @precondition(lambda self: self.relay_open)
    @rule()
    def login_required(self) -> None:
        self.handshake = None
        self.obey(self.pairing.login_required(messages.LoginRequired(message="", login_url="/login")))

    @precondition(lambda self: self.relay_open)
    @rule()
    def auth_error(self) -> None:
        commands = self.obey(self.pairing.auth_error(messages.Notice(message="no"), 1))
        assert (DropToken in kinds(commands)) == (sent(commands) == ["register"])

    @precondition(lambda self: self.relay_open)
    @rule(phone=st.sampled_from(sorted(PHONES)))
    def initiate_with_the_same_challenge(self, phone: str) -> None:
        self.handshake = None
        assert sent(self.obey(self.pairing.initiate(initiate(phone, OURS)))) == ["error"]

    @precondition(lambda self: self.relay_open)
    @rule(phone=st.sampled_from(sorted(PHONES)), challenge=st.none() | st.just(THEIRS))
    def initiate(self, phone: str, challenge: str | None) -> None:
        message = initiate(phone, challenge)
        self.handshake, self.proven, self.opened = message, False, False
        assert sent(self.obey(self.pairing.initiate(message))) == ["handshake:response"]

    @precondition(lambda self: self.relay_open)
    @rule(key=st.sampled_from(["04", NOT_A_POINT, "00" * 65]))
    def initiate_with_a_bad_key(self, key: str) -> None:
        self.handshake = None
        message = messages.HandshakeInitiate(peer_id="phone-1", peer_public_key=key, challenge=OURS)
        assert sent(self.obey(self.pairing.initiate(message))) == ["error"]

    @precondition(lambda self: self.handshake)
    @rule()
    def the_right_signature(self) -> None:
        assert self.handshake is not None
        self.proven = True
        self.obey(self.pairing.verify(signature(self.handshake.peer_id, self.handshake.peer_challenge or OURS)))

    @precondition(lambda self: self.relay_open)
    @rule(phone=st.sampled_from(sorted(PHONES)), challenge=st.sampled_from([OURS, THEIRS]), forge=st.booleans())
    def any_signature(self, phone: str, challenge: str, forge: bool) -> None:
        right = self.handshake is not None and (phone, challenge) == (
            self.handshake.peer_id,
            self.handshake.peer_challenge,
        )
        self.proven = self.proven or (right and not forge)
        commands = self.obey(self.pairing.verify(forged(phone) if forge else signature(phone, challenge)))
        if sent(commands) == ["error"]:
            self.handshake = None

    @precondition(lambda self: self.relay_open)
    @rule(phone=st.sampled_from(sorted(PHONES)), twice=st.booleans())
    def says_paired(self, phone: str, twice: bool) -> None:
        commands = self.obey(self.pairing.paired(paired(phone)))
        if sent(commands) == ["error"]:
            self.handshake = None
        if twice and OpenPeer in kinds(commands):
            peer, stage = self.pairing.peer, self.pairing.stage
            assert self.pairing.paired(paired(phone)) == []
            assert (self.pairing.peer, self.pairing.stage) == (peer, stage)

    @precondition(lambda self: self.relay_open)
    @rule()
    def phone_leaves_the_relay(self) -> None:
        stays = self.connection if self.channel_open else None
        self.handshake = None
        self.obey(self.pairing.peer_left_relay(self.channel_open, 1))
        assert self.connection == stays
        assert not self.pairing.phone_on_relay

    @precondition(lambda self: self.connection and not self.channel_open)
    @rule()
    def channel_opens(self) -> None:
        self.channel_open = True

    @precondition(lambda self: self.connection)
    @rule()
    def channel_ends(self) -> None:
        self.channel_open = False
        on_relay = self.pairing.phone_on_relay
        self.obey(self.pairing.channel_lost(1))
        assert on_relay or self.connection is None

    @precondition(lambda self: self.relay_open)
    @rule(phone=st.sampled_from([*PHONES, "phone-3"]))
    def revoked(self, phone: str) -> None:
        before = self.connection
        self.obey(self.pairing.revoked(messages.DeviceRevoked(device_id=phone)))
        if before == phone:
            assert self.connection is None
            assert not self.pairing.phone_on_relay
        else:
            assert self.connection == before

    @invariant()
    def a_phone_on_the_relay_went_through_a_handshake(self) -> None:
        if hasattr(self, "pairing") and self.pairing.phone_on_relay:
            assert self.relay_open
            assert self.opened
            assert self.connection is not None

    @invariant()
    def the_phone_of_every_connection_is_known(self) -> None:
        if hasattr(self, "pairing"):
            assert self.pairing.phone_id == self.connection

    @invariant()
    def that_nothing_is_verified_is_said_once(self) -> None:
        assert getattr(self, "unverified_said", 0) <= 1


TestAgentAgainstAnyRelay = AgentAgainstAnyRelay.TestCase
TestAgentAgainstAnyRelay.settings = settings(max_examples=150, stateful_step_count=40)
