"""A phone's messages arrive by the fast path as they do by aiortc's, and are acknowledged with outbound packets."""

import asyncio
from typing import Any

import pytest
from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import (
    USERDATA_MAX_LENGTH,
    WEBRTC_STRING,
    Chunk,
    DataChunk,
    InboundStream,
    RTCSctpTransport,
    SackChunk,
    parse_packet,
    serialize_packet,
)
from google_crc32c import value
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mobifai.webrtc.sctp import ACKNOWLEDGES_AFTER, FastSctpTransport
from mobifai.webrtc.sctp_packet import Header, read_plain, sack_chunk
from tests.webrtc.associations import DELAY, Two, Weather, Wire, association, in_no_time, two

FIRST_TSNS = st.sampled_from([5, (1 << 32) - 3])
SHARES = st.floats(0, 0.15)
WEATHERS = st.builds(Weather, lost=SHARES, doubled=SHARES, late=SHARES, seed=st.integers(0, 1 << 32))

BINARY, DCEP = 53, 50
PIECES = st.tuples(
    st.integers(-2, 3),  # how far from the number that comes next
    st.sampled_from([3, 3, 3, 3, 2, 1, 7, 11]),  # whole; begin, end; unordered; immediate
    st.sampled_from([0, 0, 0, 0, -1, 1]),  # how far from the sequence that comes next
    st.sampled_from([WEBRTC_STRING] * 4 + [BINARY, DCEP]),
    st.sampled_from([1, 1, 1, 3, 5]),  # the stream; two of them have channels
    st.sampled_from([b"a", b"text", "漢字".encode(), b"\xff", b"x" * 300]),
)
PACKETS = st.lists(
    st.tuples(
        st.lists(PIECES, max_size=3), st.sampled_from(["no", "no", "plain", "gaps"]), st.sampled_from([7, 7, 7, 8])
    ),
    max_size=8,
)


def one_piece(off: int, *, flags: int = 3, stream: int = 1) -> tuple[Any, ...]:
    """A packet with one piece of a message."""
    return [(off, flags, 0, WEBRTC_STRING, stream, b"text")], "no", 7


def packet_of(chunks: list[Chunk], tag: int) -> bytes:
    """Several chunks in one packet, which aiortc reads and never makes."""
    body = b"".join(map(bytes, chunks))
    return Header(5000, 5000, tag).packet(body)


def data(
    tsn: int, sequence: int, text: bytes, *, flags: int = 3, stream: int = 1, protocol: int = WEBRTC_STRING
) -> DataChunk:
    """A DATA chunk."""
    chunk = DataChunk(flags=flags)
    chunk.tsn, chunk.stream_id, chunk.stream_seq = tsn % (1 << 32), stream, sequence % (1 << 16)
    chunk.protocol, chunk.user_data = protocol, text
    return chunk


def sack(cumulative: int, *, gaps: bool = False) -> SackChunk:
    """An acknowledgement."""
    chunk = SackChunk()
    chunk.cumulative_tsn, chunk.advertised_rwnd = cumulative % (1 << 32), 100_000
    chunk.gaps = [(2, 2)] if gaps else []
    return chunk


def listening(short: bool, first_tsn: int) -> tuple[RTCSctpTransport, Wire, list[tuple[int, str]]]:
    """An association with channels on streams 1 and 3 that expects `first_tsn`, its wire, and the received messages."""
    wire, received = Wire("client", Weather()), list[tuple[int, str]]()
    wire.other = Wire("server", Weather())
    made = association(wire, short)
    made._association_state = RTCSctpTransport.State.ESTABLISHED
    made._local_verification_tag, made._remote_port = 7, 5000
    made._last_received_tsn = (first_tsn - 1) % (1 << 32)
    for stream in (1, 3):
        channel = RTCDataChannel(made, RTCDataChannelParameters(label="terminal", negotiated=True, id=stream))
        channel._setReadyState("open")
        channel.on("message", lambda text, stream=stream: received.append((stream, text)))
        made._inbound_streams[stream] = InboundStream()
    return made, wire, received


def last_sack(wire: Wire) -> tuple[int, list[tuple[int, int]]] | None:
    """Return the cumulative TSN and the gaps of the last acknowledgement that was sent."""
    sacks = [chunk for packet in wire.sent for chunk in parse_packet(packet)[3] if isinstance(chunk, SackChunk)]
    return (sacks[-1].cumulative_tsn, sacks[-1].gaps) if sacks else None


@settings(max_examples=200)
@given(PACKETS, FIRST_TSNS)
@example([one_piece(1, stream=3), one_piece(0)], 5)  # the second before the first, on another stream
@example([([(0, 3, 0, WEBRTC_STRING, 1, b"a")], "plain", 7)], 5)  # with an acknowledgement in the same packet
@example([one_piece(0, flags=2), one_piece(0)], 5)  # one that begins, and does not end before the next one begins
def test_inbound_packets_have_the_same_effect_as_in_aiortc(packets: list[Any], first_tsn: int) -> None:
    async def outcome(short: bool) -> tuple[object, ...]:
        made, wire, received = listening(short, first_tsn)
        for number, (pieces, acknowledges, tag) in enumerate(packets):
            chunks: list[Chunk] = (
                [] if acknowledges == "no" else [sack(made._local_tsn - 1, gaps=acknowledges == "gaps")]
            )
            next_tsn, at = made._last_received_tsn + 1, made._inbound_streams
            for ahead, (off, flags, beside, protocol, stream, text) in enumerate(pieces):
                sequence = at[stream].sequence_number if stream in at else 0
                chunks.append(
                    data(next_tsn + ahead + off, sequence + beside, text, flags=flags, stream=stream, protocol=protocol)
                )
            try:
                await made._handle_data(packet_of(chunks, tag))
            except (UnicodeDecodeError, AssertionError, ConnectionError):  # which ends the connection
                return number, "ended", received
        await asyncio.sleep(2 * ACKNOWLEDGES_AFTER)
        streams = {
            stream: (one.sequence_number, [chunk.tsn for chunk in one.reassembly])
            for stream, one in made._inbound_streams.items()
        }
        return received, made._last_received_tsn, made._sack_misordered, made._advertised_rwnd, streams, last_sack(wire)

    async def both() -> None:
        assert await outcome(short=True) == await outcome(short=False)

    in_no_time(both)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=8), WEATHERS)
def test_messages_in_both_directions_arrive_in_order_on_any_network(sizes: list[int], weather: Weather) -> None:
    async def work() -> None:
        ends, received = await two(weather, short=True), list[str]()
        ends.channel.on("message", received.append)
        phones = next(iter(ends.phone._data_channels.values()))
        texts = [str(number % 10) * size for number, size in enumerate(sizes)]
        for text in texts:
            ends.say(text)
            phones.send(text)
            await asyncio.sleep(DELAY)
        await ends.until(lambda: len(ends.received) == len(received) == len(texts) and not ends.phone._sent_queue)
        assert ends.received == received == texts
        await ends.close()

    in_no_time(work)


# -- when it is acknowledged


async def deliver(ends: Two, *texts: str) -> None:
    """Deliver texts from the phone to the agent, each in a packet, as if they arrived together."""
    number, sequence = ends.agent._last_received_tsn + 1, ends.agent._inbound_streams[ends.channel.id].sequence_number
    for at, text in enumerate(texts):
        chunk = data(number + at, sequence + at, text.encode(), stream=ends.channel.id)
        await ends.agent._handle_data(packet_of([chunk], 7))
    ends.agent.flush()  # type: ignore[attr-defined]  # as the transport does once it has taken all that came


def chunks_sent(ends: Two) -> list[list[int]]:
    """Return the types of chunks in each packet that was sent."""
    return [[chunk.type for chunk in parse_packet(packet)[3]] for packet in ends.wire.sent]


def test_a_key_is_acknowledged_with_its_echo_in_one_packet() -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        await deliver(ends, "k")
        ends.say("k")
        assert chunks_sent(ends) == [[SackChunk.type, DataChunk.type]]
        await asyncio.sleep(10 * ACKNOWLEDGES_AFTER)
        assert len(ends.wire.sent) == 1
        await ends.close()

    in_no_time(work)


@pytest.mark.parametrize("acknowledges", [False, True])
def test_an_echo_sent_while_the_key_is_handled_takes_the_acknowledgement_along(acknowledges: bool) -> None:
    """Also where the key comes with an acknowledgement of what was said before."""

    async def work() -> None:
        ends = await two(Weather(), short=True)
        ends.channel.on("message", ends.say)
        number, sequence = (
            ends.agent._last_received_tsn + 1,
            ends.agent._inbound_streams[ends.channel.id].sequence_number,
        )
        chunks: list[Chunk] = [data(number, sequence, b"k", stream=ends.channel.id)]
        if acknowledges:
            chunks.insert(0, sack(ends.agent._last_sacked_tsn))
        assert ends.agent.receive_plain(packet_of(chunks, 7))  # type: ignore[attr-defined]
        assert chunks_sent(ends) == [[SackChunk.type, DataChunk.type]]
        await asyncio.sleep(10 * ACKNOWLEDGES_AFTER)
        assert len(ends.wire.sent) == 1
        await ends.close()

    in_no_time(work)


def test_a_key_without_an_echo_is_acknowledged_soon() -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        await deliver(ends, "k")
        await asyncio.sleep(ACKNOWLEDGES_AFTER / 2)
        assert chunks_sent(ends) == []
        await asyncio.sleep(ACKNOWLEDGES_AFTER)
        assert chunks_sent(ends) == [[SackChunk.type]]
        await ends.close()

    in_no_time(work)


def test_the_second_packet_is_acknowledged_without_delay() -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        await deliver(ends, "k", "l")
        await asyncio.sleep(ACKNOWLEDGES_AFTER / 20)
        assert chunks_sent(ends) == [[SackChunk.type]]
        await ends.close()

    in_no_time(work)


def test_a_phone_that_asks_for_an_immediate_acknowledgement_receives_one() -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        chunk = data(ends.agent._last_received_tsn + 1, 0, b"k", flags=11, stream=ends.channel.id)
        chunk.stream_seq = ends.agent._inbound_streams[ends.channel.id].sequence_number
        await ends.agent._handle_data(packet_of([chunk], 7))
        ends.agent.flush()  # type: ignore[attr-defined]
        await asyncio.sleep(ACKNOWLEDGES_AFTER / 20)
        assert chunks_sent(ends) == [[SackChunk.type]]
        await ends.close()

    in_no_time(work)


def test_an_acknowledgement_that_fits_in_no_packet_is_sent_in_its_own() -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        await deliver(ends, "k")
        ends.say("x" * 2 * USERDATA_MAX_LENGTH)
        await asyncio.sleep(DELAY / 2)
        assert chunks_sent(ends) == [[DataChunk.type], [DataChunk.type], [SackChunk.type]]
        assert max(map(len, ends.wire.sent)) <= USERDATA_MAX_LENGTH + 28
        await ends.close()

    in_no_time(work)


def test_a_stopped_association_sends_no_acknowledgement() -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        await deliver(ends, "k")
        await ends.agent.stop()
        left = len(ends.wire.sent)
        assert isinstance(ends.agent, FastSctpTransport)
        assert ends.agent._acknowledging is not None
        assert ends.agent._acknowledging.cancelled()
        await asyncio.sleep(10 * ACKNOWLEDGES_AFTER)
        assert len(ends.wire.sent) == left
        await ends.close()

    in_no_time(work)


def test_a_transport_that_fails_during_an_acknowledgement_causes_no_exception() -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        failures: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        await deliver(ends, "k")

        def fail(_: list[bytes]) -> None:
            raise ConnectionError

        ends.wire.send_all = fail  # type: ignore[method-assign]
        await asyncio.sleep(10 * ACKNOWLEDGES_AFTER)
        assert not failures
        await ends.close()

    in_no_time(work)


# -- packets


@given(st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 32) - 1))
def test_an_acknowledgement_has_the_bytes_that_aiortc_gives_it(cumulative: int, window: int) -> None:
    chunk = SackChunk()
    chunk.cumulative_tsn, chunk.advertised_rwnd = cumulative, window
    assert Header(5000, 5001, 9).packet(sack_chunk(cumulative, window)) == serialize_packet(5000, 5001, 9, chunk)


@given(st.binary(max_size=120))
def test_a_packet_is_parsed_as_aiortc_parses_it(body: bytes) -> None:
    packet = Header(5000, 5000, 7).packet(body)
    plain = read_plain(packet, 7)
    if plain is None:
        return
    chunks = parse_packet(packet)[3]
    found = [(one.tsn, one.stream_id, one.stream_seq, one.user_data) for one in chunks if isinstance(one, DataChunk)]
    assert plain.messages == found
    assert plain.cumulative == next((one.cumulative_tsn for one in chunks if isinstance(one, SackChunk)), None)


@pytest.mark.parametrize("at", range(8, 44))
def test_a_damaged_packet_is_not_read(at: int) -> None:
    packet = packet_of([sack(3), data(1, 0, b"k")], 7)
    assert read_plain(packet, 7) is not None
    assert value(packet[:8] + bytes(4) + packet[12:]) == int.from_bytes(packet[8:12], "little")
    assert read_plain(packet[:at] + bytes([packet[at] ^ 1]) + packet[at + 1 :], 7) is None


def test_a_packet_for_another_association_is_not_read() -> None:
    assert read_plain(packet_of([sack(3)], 8), 7) is None
