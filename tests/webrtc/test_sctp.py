"""The fast SCTP transport sends the same data as aiortc's, survives the same faults, and keeps the same limits."""

import asyncio
from typing import Any

import pytest
from aiortc.rtcsctptransport import USERDATA_MAX_LENGTH, DataChunk, RTCSctpTransport, SackChunk, serialize_packet
from hypothesis import given, settings
from hypothesis import strategies as st

from mobifai.webrtc.sctp import BURST, MOST_AT_ONCE, OutboundChunk
from mobifai.webrtc.sctp_packet import Header, data_chunk
from tests.webrtc.associations import DELAY, Weather, Wire, association, data_in, in_no_time, two

TEXTS = st.lists(st.tuples(st.text(max_size=3), st.integers(1, 4_000)), max_size=12)
"""Texts, each as a string and the number of its repetitions."""
SIZES = st.lists(st.integers(1, 15_000), min_size=1, max_size=6)
FIRST_TSNS = st.sampled_from([1, 1 << 31, (1 << 32) - 20])
SHARES = st.floats(0, 0.15)
WEATHERS = st.builds(Weather, lost=SHARES, doubled=SHARES, late=SHARES, seed=st.integers(0, 1 << 32))


@settings(max_examples=25)
@given(TEXTS, FIRST_TSNS)
def test_the_packets_are_those_that_aiortc_sends(repeated: list[tuple[str, int]], first_tsn: int) -> None:
    texts = [text * count for text, count in repeated]

    async def sent(short: bool) -> list[bytes]:
        ends = await two(Weather(), short=short, first_tsn=first_tsn)
        for text in texts:
            ends.say(text)
            if len(text) % 3 == 0:
                await asyncio.sleep(DELAY / 2)
        await ends.until(lambda: len(ends.received) == len(texts))
        await ends.close()
        assert ends.received == texts
        return data_in(ends.wire.sent)

    async def both() -> None:
        assert await sent(short=True) == await sent(short=False)

    in_no_time(both)


@settings(max_examples=25)
@given(SIZES, WEATHERS)
def test_messages_arrive_once_and_in_order_when_packets_are_lost_doubled_or_late(
    sizes: list[int], weather: Weather
) -> None:
    async def work() -> None:  # numbers don't begin again here: a phone on aiortc loses count when they do out of order
        ends = await two(weather, short=True)
        texts = [str(number % 10) * size for number, size in enumerate(sizes)]
        for text in texts:
            ends.say(text)
            await asyncio.sleep(DELAY)
        await ends.until(lambda: len(ends.received) == len(texts) and not ends.agent._sent_queue)
        assert ends.received == texts
        assert ends.channel.bufferedAmount == ends.agent._flight_size == 0
        assert ends.agent._t3_handle is None
        assert not ends.agent._repairing
        await ends.close()

    in_no_time(work)


@settings(max_examples=15)
@given(WEATHERS)
def test_the_sender_stays_within_its_window_and_its_burst_limit(weather: Weather) -> None:
    async def work() -> None:
        ends = await two(weather, short=True)
        agent, send_all, over = ends.agent, ends.wire.send_all, []

        def watched(packets: list[bytes]) -> None:
            if agent._flight_size >= agent._cwnd + USERDATA_MAX_LENGTH and not agent._repairing:
                over.append(agent._flight_size - agent._cwnd)
            send_all(packets)

        ends.wire.send_all = watched
        for number in range(60):
            ends.say(str(number) * 8_000)
        await ends.until(lambda: len(ends.received) == 60)
        assert not over
        assert max(ends.wire.calls) <= MOST_AT_ONCE
        await ends.close()

    in_no_time(work)


def test_nothing_is_sent_twice_on_a_perfect_network() -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        for _ in range(300):
            ends.say("x" * 16_000)
        await ends.until(lambda: len(ends.received) == 300)
        again = len(ends.wire.sent) - len(set(ends.wire.sent))
        assert again == 0
        await ends.close()

    in_no_time(work)


def test_messages_of_one_iteration_of_the_loop_are_sent_together() -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        ends.agent._cwnd = 1 << 20
        for _ in range(3):
            ends.say("x" * 16_000)
        await asyncio.sleep(DELAY / 2)
        assert ends.wire.calls == [3 * BURST]
        await ends.until(lambda: len(ends.received) == 3)
        await ends.close()

    in_no_time(work)


@pytest.mark.parametrize("text", ["", "x" * 65_537], ids=["empty", "too long"])
def test_aiortc_sends_messages_that_the_fast_path_does_not_handle(text: str) -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        if text:
            with pytest.raises(ValueError, match="65536"):
                ends.say(text)
        else:
            ends.say(text)
        ends.channel.send("by its own method")
        await ends.until(lambda: "by its own method" in ends.received)
        assert ends.received == ([] if text else [""]) + ["by its own method"]
        await ends.close()

    in_no_time(work)


def test_unacknowledged_packets_are_sent_again_when_the_timer_ends_and_not_before() -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        loop = asyncio.get_running_loop()
        for _ in range(3):  # each answer puts the timer off
            ends.say("here")
            await asyncio.sleep(0.4)
        ends.wire.cut = True
        ends.say("lost")
        began, rto = loop.time(), ends.agent._rto
        await asyncio.sleep(0)
        count = len(ends.wire.sent)
        await ends.until(lambda: len(ends.wire.sent) > count)
        assert rto - DELAY <= loop.time() - began <= rto + 10 * DELAY
        ends.wire.cut = False
        await ends.until(lambda: ends.received == ["here", "here", "here", "lost"])
        await ends.close()

    in_no_time(work)


def test_at_most_a_window_is_sent_to_a_phone_that_stops_answering() -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        ends.wire.cut = True
        for _ in range(10):
            ends.say("x" * 16_000)
        await asyncio.sleep(30)
        assert ends.channel.bufferedAmount > 0
        assert sum(piece._book_size for piece in ends.agent._sent_queue) <= 16_000
        await ends.close()

    in_no_time(work)


def test_a_channel_that_ends_while_data_waits_leaves_no_timer() -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        ends.wire.cut = True
        for _ in range(10):
            ends.say("x" * 16_000)
        await asyncio.sleep(DELAY)
        await ends.agent.stop()
        assert ends.agent._t3_handle is None
        assert ends.channel.readyState == "closed"
        await ends.close()

    in_no_time(work)


def test_a_message_sent_just_before_the_end_starts_no_timer() -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        ends.agent._cwnd = 1 << 20
        ends.say("x" * 16_000)
        await asyncio.sleep(DELAY / 2)
        ends.say("x" * 16_000)
        await ends.agent.stop()
        count = len(ends.wire.sent)
        await asyncio.sleep(100)
        assert ends.agent._t3_handle is None
        assert len(ends.wire.sent) == count
        await ends.close()

    in_no_time(work)


def test_a_transport_that_fails_during_a_message_causes_no_exception() -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        failures: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))

        def fail(_: list[bytes]) -> None:
            raise ConnectionError

        ends.wire.send_all = fail
        ends.say("x")
        await asyncio.sleep(DELAY)
        assert ends.agent._t3_handle is None
        assert not failures
        await ends.close()

    in_no_time(work)


# -- one acknowledgement, beside aiortc's way to take it

STATE = (
    *("_flight_size", "_cwnd", "_ssthresh", "_partial_bytes_acked", "_last_sacked_tsn", "_advanced_peer_ack_tsn"),
    *("_fast_recovery_exit", "_rttvar", "_srtt", "_rto"),
)


def in_flight(made: RTCSctpTransport, pieces: list[tuple[int, bool, bool]], cwnd: int, ssthresh: int, tsn: int) -> None:
    """Have it wait for answers to pieces: their length, whether a gap report names them, and whether they are lost."""
    made._association_state = RTCSctpTransport.State.ESTABLISHED
    made._cwnd, made._ssthresh, made._remote_port = cwnd, ssthresh, 5000
    made._local_tsn, made._last_sacked_tsn = (tsn + len(pieces)) % (1 << 32), (tsn - 1) % (1 << 32)
    made._advanced_peer_ack_tsn = made._last_sacked_tsn
    for number, (length, acked, lost) in enumerate(pieces):
        piece = OutboundChunk(3, (tsn + number) % (1 << 32), 0, number, 51, b"x" * length)
        piece._acked, piece._sent_count, piece._sent_time = acked, 2, 0.0
        if not acked and not lost:
            made._flight_size_increase(piece)
        made._sent_queue.append(piece)


@given(
    st.lists(st.tuples(st.integers(1, USERDATA_MAX_LENGTH), st.booleans(), st.booleans()), max_size=12),
    st.integers(-2, 13),
    st.integers(USERDATA_MAX_LENGTH, 20_000),
    st.integers(USERDATA_MAX_LENGTH, 20_000),
    FIRST_TSNS,
)
def test_an_acknowledgement_has_the_same_effect_as_in_aiortc(
    pieces: list[tuple[int, bool, bool]], position: int, cwnd: int, ssthresh: int, tsn: int
) -> None:
    async def outcome(short: bool) -> dict[str, Any]:
        made = association(Wire("client", Weather()), short)
        made._local_verification_tag = 7
        in_flight(made, pieces, cwnd, ssthresh, tsn)
        sack = SackChunk()
        sack.cumulative_tsn, sack.advertised_rwnd = (tsn + position) % (1 << 32), 100_000
        await made._handle_data(serialize_packet(5000, 5000, 7, sack))
        state = {name: getattr(made, name) for name in STATE}
        state |= {"left": [piece.tsn for piece in made._sent_queue], "timer": made._t3_handle is not None}
        made._t3_cancel()
        return state

    async def both() -> None:
        assert await outcome(short=True) == await outcome(short=False)

    in_no_time(both)


@pytest.mark.parametrize("spoil", ["checksum", "tag"])
def test_an_acknowledgement_that_is_damaged_or_of_another_association_is_ignored(spoil: str) -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        ends.wire.cut = True
        ends.say("x")
        await asyncio.sleep(DELAY)
        sack = SackChunk()
        sack.cumulative_tsn, sack.advertised_rwnd = ends.agent._sent_queue[-1].tsn, 100_000
        packet = serialize_packet(5000, 5000, 8 if spoil == "tag" else 7, sack)
        if spoil == "checksum":  # in what it says of the phone's window
            packet = packet[:23] + bytes([packet[23] ^ 1]) + packet[24:]
        await ends.agent._handle_data(packet)
        assert len(ends.agent._sent_queue) == 1
        await ends.close()

    in_no_time(work)


@given(st.binary(max_size=60))
def test_an_unreadable_packet_is_ignored(packet: bytes) -> None:
    async def work() -> None:
        ends = await two(Weather(), short=True)
        await ends.agent._handle_data(packet)
        assert ends.channel.readyState == "open"
        await ends.close()

    in_no_time(work)


@given(st.binary(min_size=1, max_size=USERDATA_MAX_LENGTH), st.integers(0, (1 << 32) - 1))
def test_a_packet_has_the_bytes_that_aiortc_gives_it(data: bytes, tsn: int) -> None:
    chunk = DataChunk(flags=3)
    chunk.tsn, chunk.stream_id, chunk.stream_seq, chunk.protocol, chunk.user_data = tsn, 2, 65_535, 51, data
    made = Header(5000, 5001, 4_000_000_000).packet(data_chunk(3, tsn, 2, 65_535, 51, data))
    assert made == serialize_packet(5000, 5001, 4_000_000_000, chunk)
