"""The handshake compared with independent arithmetic: the curve, the secret, the signature."""

import hmac
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobifai.errors import HandshakeFailed
from mobifai.protocol.handshake import Identity, sign, verifies

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
Point = tuple[int, int] | None

scalars = st.integers(1, N - 1)


def add(one: Point, other: Point) -> Point:
    """Points of y**2 = x**3 + 7 over the integers modulo P; None is the point at infinity."""
    if one is None or other is None:
        return one or other
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = 3 * x1 * x1 * pow(2 * y1, -1, P) if one == other else (y2 - y1) * pow(x2 - x1, -1, P)
    x3 = (slope * slope - x1 - x2) % P
    return x3, (slope * (x1 - x3) - y1) % P


def times(scalar: int, point: Point) -> tuple[int, int]:
    total: Point = None
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    assert total is not None
    return total


def hex_of(point: tuple[int, int]) -> str:
    return f"04{point[0]:064x}{point[1]:064x}"


def a_secret_that_begins_with_zero() -> tuple[Identity, Identity]:
    """Two devices whose shared secret has a leading zero byte: one in 256 pairs has."""
    mine = Identity.from_hex("2a")
    point = times(0x2A, G)
    total: Point = None
    for number in range(1, 5000):
        total = add(total, point)
        assert total is not None
        if total[0] >> 248 == 0:
            return mine, Identity.from_hex(f"{number:x}")
    raise AssertionError("expected one among 5,000")


@given(scalars)
@settings(max_examples=20)
def test_the_public_key_is_the_scalar_times_the_generator(scalar: int) -> None:
    assert Identity.from_hex(f"{scalar:064x}").public_hex == hex_of(times(scalar, G))


@given(scalars, scalars)
@settings(max_examples=20)
def test_both_sides_have_the_secret_that_arithmetic_gives(mine: int, theirs: int) -> None:
    one, other = Identity.from_hex(f"{mine:x}"), Identity.from_hex(f"{theirs:x}")
    expected = times(mine, times(theirs, G))[0].to_bytes(32, "big")
    assert one.shared_secret(other.public_hex) == other.shared_secret(one.public_hex) == expected


def test_a_known_vector_of_the_curve() -> None:
    """Twice the generator, as published with the curve's parameters."""
    assert Identity.from_hex("2").public_hex == hex_of(
        (
            0xC6047F9441ED7D6D3045406E95C07CD85C778E4B8CEF3CA7ABAC09B95C709EE5,
            0x1AE168FEA63DC339A3C58419466CEAEEF7F632653266D0E1236431A950CFE52A,
        )
    )


@given(scalars, st.binary(min_size=32, max_size=32))
@settings(max_examples=20)
def test_a_signature_is_the_hmac_of_the_challenges_hex_text(scalar: int, random: bytes) -> None:
    secret, challenge = scalar.to_bytes(32, "big"), random.hex()
    block = secret.ljust(64, b"\0")
    inner = sha256(bytes(byte ^ 0x36 for byte in block) + challenge.encode("ascii")).digest()
    by_hand = sha256(bytes(byte ^ 0x5C for byte in block) + inner).hexdigest()
    assert sign(secret, challenge) == by_hand
    assert verifies(secret, challenge, by_hand)
    assert verifies(secret, challenge, by_hand.upper())


def test_a_secret_that_begins_with_zero_is_taken_whole_and_without_its_zeros() -> None:
    mine, theirs = a_secret_that_begins_with_zero()
    secret = mine.shared_secret(theirs.public_hex)
    assert len(secret) == 32
    assert secret[0] == 0
    dropped = int.from_bytes(secret, "big").to_bytes(31, "big").lstrip(b"\0")
    assert verifies(secret, "ab" * 32, hmac.new(secret, b"ab" * 32, sha256).hexdigest())
    assert verifies(secret, "ab" * 32, hmac.new(dropped, b"ab" * 32, sha256).hexdigest())


@given(secret=st.binary(min_size=32, max_size=32), other=st.binary(min_size=32, max_size=32))
def test_a_signature_under_another_secret_is_refused(secret: bytes, other: bytes) -> None:
    if other.strip(b"\0") != secret.strip(b"\0"):
        assert not verifies(secret, "ab", sign(other, "ab"))


@pytest.mark.parametrize("signature", ["", "00", "g" * 64, "0" * 64, "ä" * 64, "a" * 65])
def test_what_is_no_signature_is_refused(signature: str) -> None:
    assert not verifies(b"\1" * 32, "ab", signature)


def test_a_signature_of_another_challenge_is_refused() -> None:
    assert not verifies(b"\1" * 32, "ab", sign(b"\1" * 32, "ac"))


BAD_POINTS = {
    "nothing": "",
    "no hex": "zz" * 65,
    "off the curve": hex_of((G[0], G[1] + 1)),
    "the origin": hex_of((0, 0)),
    "compressed": f"02{G[0]:064x}",
    "hybrid": f"06{G[0]:064x}{G[1]:064x}",
    "infinity": "00",
    "x beyond the field": hex_of((G[0] + P, G[1])) if G[0] + P < 2**256 else hex_of((P, G[1])),
    "too short": hex_of(G)[:-2],
    "too long": hex_of(G) + "00",
    "a line end": hex_of(G) + "\n",
    "of another curve": hex_of(
        (
            0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
            0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
        )
    ),
}


@pytest.mark.parametrize("point", BAD_POINTS.values(), ids=BAD_POINTS.keys())
def test_a_bad_point_is_refused(point: str) -> None:
    with pytest.raises(HandshakeFailed, match="public key"):
        Identity.generate().shared_secret(point)


@given(st.text(max_size=140))
def test_any_text_is_a_point_or_refused(text: str) -> None:
    with pytest.raises(HandshakeFailed):
        Identity.from_hex("5").shared_secret(text)


def test_upper_case_hex_is_the_same_point() -> None:
    mine, theirs = Identity.generate(), Identity.generate()
    assert mine.shared_secret(theirs.public_hex.upper()) == mine.shared_secret(theirs.public_hex)


def test_an_identity_survives_being_written_down() -> None:
    identity = Identity.generate()
    assert len(identity.secret_hex) == 64
    assert Identity.from_hex(identity.secret_hex).public_hex == identity.public_hex


@pytest.mark.parametrize("text", ["", "zz", "0", f"{N:x}", "-1"])
def test_a_scalar_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Identity.from_hex(text)


def test_showing_an_identity_shows_no_secret() -> None:
    identity = Identity.generate()
    assert identity.secret_hex not in repr(identity)
    assert identity.secret_hex not in str(identity)
