"""A phone's packets within DTLS: none blocks the agent, and none ends more than its own connection."""

import time
from struct import pack

import pytest
from aiortc.rtcsctptransport import RTCSctpTransport, parse_packet
from hypothesis import given, settings
from hypothesis import strategies as st

from mobifai.webrtc.sctp_packet import Header
from mobifai.webrtc.sctp_validation import MOST_EARLY, is_valid
from tests.webrtc.associations import in_no_time
from tests.webrtc.test_sctp_inbound import listening

TAG, NEWEST = 7, 100


def packet(*chunks: bytes, tag: int = TAG) -> bytes:
    return Header(5000, 5000, tag).packet(b"".join(chunks))


def chunk(kind: int, body: bytes = b"", length: int | None = None) -> bytes:
    return pack("!BBH", kind, 0, 4 + len(body) if length is None else length) + body + bytes(-len(body) % 4)


def sack(*gaps: tuple[int, int], announced: int | None = None, cumulative: int = 0) -> bytes:
    count = len(gaps) if announced is None else announced
    return chunk(3, pack("!LLHH", cumulative, 1000, count, 0) + b"".join(pack("!HH", *gap) for gap in gaps))


def data(tsn: int, text: bytes = b"x") -> bytes:
    return chunk(0, pack("!LHHL", tsn % 2**32, 1, 0, 51) + text)


INIT = pack("!LLHHL", 1, 1000, 10, 10, 5)
EMPTY_PARAMETER = b"\x00\x01\x00\x00"

BROKEN = {
    "a parameter of length 0": [chunk(kind, EMPTY_PARAMETER) for kind in (4, 5, 6, 9, 130)],
    "a parameter of length 3": [chunk(kind, b"\x00\x01\x00\x03") for kind in (4, 5, 6, 9, 130)],
    "a parameter that is longer than its chunk": [chunk(4, b"\x00\x01\x00\x09abcd")],
    "a parameter of length 0 behind an INIT": [chunk(kind, INIT + EMPTY_PARAMETER) for kind in (1, 2)],
    "a short INIT": [chunk(kind, INIT[:length]) for kind in (1, 2) for length in (0, 1, 15)],
    "a short SACK": [chunk(3, bytes(length)) for length in (0, 4, 11)],
    "more gaps than there are": [sack((1, 1), announced=2), sack(announced=65535)],
    "gaps out of order or too far": [
        sack((5, 4)),
        sack((3, 4), (1, 2)),
        sack((0, 1)),
        sack((1, 65535)),
        sack((1, 5000)),
    ],
    "a hundred overlapping gaps": [sack(*[(1, 4000)] * 100)],
    "a short shutdown": [chunk(7), chunk(7, b"abc")],
    "a FORWARD-TSN of odd length": [chunk(192), chunk(192, b"abc"), chunk(192, bytes(6))],
    "a short reset": [chunk(130, pack("!HH", 13, 8) + bytes(4)), chunk(130, pack("!HH", 13, 17) + bytes(16))],
    "a piece without data": [chunk(0, pack("!LHHL", 101, 1, 0, 51)), chunk(0, b"abc"), chunk(0)],
    "a piece from far ahead": [data(NEWEST + MOST_EARLY + 1), data(NEWEST + 2**30)],
    "a chunk of length 0": [chunk(4, length=0), chunk(0, length=3), chunk(4, length=9)],
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_malformed_packet_is_not_valid(what: str) -> None:
    for broken in BROKEN[what]:
        assert not is_valid(packet(broken), NEWEST)


def test_an_init_beside_other_chunks_is_not_valid() -> None:
    assert is_valid(packet(chunk(1, INIT)), None)
    assert not is_valid(packet(chunk(1, INIT), chunk(4)), None)


@pytest.mark.parametrize(
    "sound",
    [
        chunk(1, INIT + b"\x80\x00\x00\x04"),
        sack((1, 2), (4, 4), (6, 4096)),
        sack(),
        chunk(4, b"\x00\x01\x00\x08abcd"),
        chunk(6),
        chunk(7, bytes(4)),
        chunk(130, pack("!HHLLLH", 13, 18, 1, 2, 3, 1)),
        chunk(192, bytes(8)),
        chunk(10, bytes(24)),
        chunk(99, b"anything"),
        data(NEWEST + 1),
        data(NEWEST + MOST_EARLY),
        data(NEWEST),
        data(NEWEST - 5),
    ],
)
def test_a_well_formed_packet_is_valid(sound: bytes) -> None:
    assert is_valid(packet(sound), NEWEST)
    assert len(parse_packet(packet(sound))[3]) <= 1  # and aiortc reads it


def test_a_phone_can_not_stall_or_crash_the_agent_with_a_packet() -> None:
    async def scene() -> None:
        association, _, received = listening(True, 5)
        for broken in (one for kind in BROKEN.values() for one in kind):
            began = time.monotonic()
            await association._handle_data(packet(broken, tag=association._local_verification_tag))
            assert time.monotonic() - began < 0.5
        assert association._association_state is RTCSctpTransport.State.ESTABLISHED
        assert received == []

    in_no_time(scene)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40), st.integers(0, 60) | st.none()), max_size=4))
def test_whatever_chunks_come_aiortc_reads_what_is_let_through(chunks: list[tuple[int, bytes, int | None]]) -> None:
    made = packet(*(chunk(*one) for one in chunks), chunk(11))
    if is_valid(made, NEWEST):
        parse_packet(made)
