"""Noise, compared with another implementation, and attacked by changing, dropping, repeating or reordering messages."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from noise.connection import Keypair, NoiseConnection

from mobifai.errors import EncryptionError, HandshakeFailed
from mobifai.protocol import noise
from mobifai.protocol.noise import CipherState, Initiator, KeyPair, Responder, TransportState

PHONE, AGENT = KeyPair.of(bytes(range(32))), KeyPair.of(bytes(range(32, 64)))
PSK = bytes(range(64, 96))
PROLOGUE = b"who speaks with whom"

LOW_ORDER = [
    bytes(32),
    bytes([1]) + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]
"""Points that lead to the same secret for all keys (RFC 7748, section 6.1)."""


def other(*, initiator: bool, psk: bytes = PSK, prologue: bytes = PROLOGUE) -> Any:
    """One side, from another library."""
    connection = NoiseConnection.from_name(noise.NAME)
    connection.set_psks(psk)
    connection.set_prologue(prologue)
    if initiator:
        connection.set_as_initiator()
        connection.set_keypair_from_private_bytes(Keypair.STATIC, PHONE.private)
        connection.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, AGENT.public)
    else:
        connection.set_as_responder()
        connection.set_keypair_from_private_bytes(Keypair.STATIC, AGENT.private)
    connection.start_handshake()
    return connection


def joined() -> tuple[TransportState, TransportState]:
    """The phone's and the agent's ends of one session."""
    phone = Initiator(PHONE, AGENT.public, PSK, PROLOGUE)
    agent = Responder(AGENT, PROLOGUE, phone.first(b"hello"))
    assert agent.try_psk(PSK) == b"hello"
    message, ours = agent.second(b"welcome")
    payload, theirs = phone.second(message)
    assert payload == b"welcome"
    return theirs, ours


@given(st.binary(max_size=300), st.binary(max_size=300), st.lists(st.tuples(st.booleans(), st.binary(max_size=99))))
def test_our_initiator_and_another_librarys_responder_understand_each_other(
    first: bytes, second: bytes, said: list[tuple[bool, bytes]]
) -> None:
    phone, agent = Initiator(PHONE, AGENT.public, PSK, PROLOGUE), other(initiator=False)
    assert bytes(agent.read_message(phone.first(first))) == first
    payload, transport = phone.second(bytes(agent.write_message(second)))
    assert payload == second
    assert transport.handshake_hash == agent.get_handshake_hash()
    for up, text in said:
        if up:
            assert bytes(agent.decrypt(transport.seal(text))) == text
        else:
            assert transport.open(bytes(agent.encrypt(text))) == text


@given(st.binary(max_size=300), st.binary(max_size=300), st.lists(st.tuples(st.booleans(), st.binary(max_size=99))))
def test_another_librarys_initiator_and_our_responder_understand_each_other(
    first: bytes, second: bytes, said: list[tuple[bool, bytes]]
) -> None:
    phone = other(initiator=True)
    agent = Responder(AGENT, PROLOGUE, bytes(phone.write_message(first)))
    assert agent.initiator == PHONE.public
    assert agent.try_psk(noise.NO_SECRET) is None
    assert agent.try_psk(PSK) == first
    message, transport = agent.second(second)
    assert bytes(phone.read_message(message)) == second
    assert transport.handshake_hash == phone.get_handshake_hash()
    for up, text in said:
        if up:
            assert transport.open(bytes(phone.encrypt(text))) == text
        else:
            assert bytes(phone.decrypt(transport.seal(text))) == text


def test_the_same_keys_give_the_same_bytes_in_both_implementations() -> None:
    ephemeral = KeyPair.of(b"\x07" * 32)
    theirs = other(initiator=True)
    theirs.noise_protocol.keypairs["e"] = theirs.noise_protocol.dh_fn.klass.from_private_bytes(ephemeral.private)
    theirs.noise_protocol.handshake_state.e = theirs.noise_protocol.keypairs["e"]
    theirs.noise_protocol.dh_fn.generate_keypair = lambda: theirs.noise_protocol.keypairs["e"]
    ours = Initiator(PHONE, AGENT.public, PSK, PROLOGUE, ephemeral)
    assert ours.first(b"hello") == bytes(theirs.write_message(b"hello"))


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_first_message_that_is_changed_anywhere_is_refused(place: int, change: int) -> None:
    message = bytearray(Initiator(PHONE, AGENT.public, PSK, PROLOGUE).first(b"hello"))
    message[place % len(message)] ^= change
    try:
        opened = Responder(AGENT, PROLOGUE, bytes(message)).try_psk(PSK)
    except HandshakeFailed:
        return
    # The curve ignores the highest bit of an ephemeral key, but the handshake hash does not.
    assert opened is None


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_second_message_that_is_changed_anywhere_is_refused(place: int, change: int) -> None:
    phone = Initiator(PHONE, AGENT.public, PSK, PROLOGUE)
    agent = Responder(AGENT, PROLOGUE, phone.first(b"hello"))
    agent.try_psk(PSK)
    message = bytearray(agent.second(b"welcome")[0])
    message[place % len(message)] ^= change
    with pytest.raises(HandshakeFailed):
        phone.second(bytes(message))


@given(st.binary(max_size=400))
def test_whatever_comes_as_a_handshake_is_refused_and_never_a_crash(message: bytes) -> None:
    with pytest.raises(HandshakeFailed):
        Responder(AGENT, PROLOGUE, message)
    phone = Initiator(PHONE, AGENT.public, PSK, PROLOGUE)
    phone.first(b"")
    with pytest.raises(HandshakeFailed):
        phone.second(message)


@pytest.mark.parametrize(
    "asked",
    [
        {"prologue": b"others"},
        {"responder": KeyPair.generate().public},
    ],
)
def test_a_handshake_for_another_agent_or_between_others_is_refused(asked: dict[str, bytes]) -> None:
    usual = {"responder": AGENT.public, "psk": PSK, "prologue": PROLOGUE}
    message = Initiator(PHONE, **(usual | asked)).first(b"hello")
    with pytest.raises(HandshakeFailed):
        Responder(AGENT, PROLOGUE, message)


@pytest.mark.parametrize("point", LOW_ORDER, ids=lambda point: point.hex()[:8])
def test_a_key_that_shares_no_secret_is_refused(point: bytes) -> None:
    with pytest.raises(HandshakeFailed, match="shares no secret"):
        AGENT.exchange(point)
    with pytest.raises(HandshakeFailed):
        Responder(AGENT, PROLOGUE, point + bytes(64))
    phone = Initiator(PHONE, AGENT.public, PSK, PROLOGUE)
    phone.first(b"")
    with pytest.raises(HandshakeFailed):
        phone.second(point + bytes(16))


@pytest.mark.parametrize("point", LOW_ORDER[:2])
def test_a_static_key_that_shares_no_secret_is_refused(point: bytes) -> None:
    phone = Initiator(KeyPair(PHONE.private, point), AGENT.public, PSK, PROLOGUE)
    with pytest.raises(HandshakeFailed, match="shares no secret"):
        Responder(AGENT, PROLOGUE, phone.first(b""))


def test_a_recorded_first_message_opens_and_gives_its_sender_nothing() -> None:
    recorded = Initiator(PHONE, AGENT.public, PSK, PROLOGUE).first(b"hello")
    again = Responder(AGENT, PROLOGUE, recorded)
    assert again.try_psk(PSK) == b"hello"
    _, transport = again.second(b"welcome")
    for guess in (bytes(16), recorded[-16:], recorded[-21:]):
        with pytest.raises(EncryptionError):
            transport.open(guess)


@given(st.lists(st.binary(max_size=50), min_size=2, max_size=6), st.data())
def test_only_the_very_next_message_opens(texts: list[bytes], data: st.DataObject) -> None:
    phone, agent = joined()
    sealed = [phone.seal(text) for text in texts]
    before = data.draw(st.integers(0, len(texts) - 1))
    for one in sealed[:before]:
        agent.open(one)
    for number, one in enumerate(sealed):
        if number != before:
            with pytest.raises(EncryptionError):
                agent.open(one)
    assert agent.open(sealed[before]) == texts[before]


def test_what_one_side_says_does_not_open_as_what_the_other_says() -> None:
    phone, agent = joined()
    sealed = phone.seal(b"text")
    with pytest.raises(EncryptionError):
        phone.open(sealed)
    assert agent.open(sealed) == b"text"


def test_a_message_of_another_session_does_not_open() -> None:
    (phone, _), (_, agent) = joined(), joined()
    with pytest.raises(EncryptionError):
        agent.open(phone.seal(b"text"))


@given(st.binary(max_size=200))
def test_whatever_comes_as_a_sealed_message_is_refused_and_never_a_crash(junk: bytes) -> None:
    _, agent = joined()
    with pytest.raises(EncryptionError):
        agent.open(junk)


def test_the_longest_message_is_what_noise_allows() -> None:
    phone, agent = joined()
    longest = bytes(noise.MOST_BYTES - noise.TAG_BYTES)
    assert agent.open(phone.seal(longest)) == longest
    with pytest.raises(EncryptionError, match="expected at most"):
        phone.seal(longest + b"x")
    assert agent.open(phone.seal(b"on")) == b"on"
    with pytest.raises(EncryptionError):
        agent.open(bytes(noise.MOST_BYTES + 1))


def test_numbers_are_never_used_twice() -> None:
    state = CipherState(bytes(32))
    state._counter = noise.LAST_COUNTER
    state.seal(b"the last")
    with pytest.raises(EncryptionError, match="used all its message numbers"):
        state.seal(b"one more")


def test_the_private_half_is_not_shown() -> None:
    assert PHONE.private.hex()[:16] not in repr(PHONE)


@pytest.mark.parametrize("private", [b"", bytes(31), bytes(33)])
def test_a_private_key_of_another_length_is_refused(private: bytes) -> None:
    with pytest.raises(ValueError, match="32"):
        KeyPair.of(private)
