"""The SCTP transport of a data channel: a subclass of aiortc's with a fast path for plain input and output.

The chunks on the network and the congestion window are the same; only the code path is shorter. There is no task per
message and no coroutine per chunk. Acknowledgements that arrive together are processed together, and the data that they
allow is sent together (for each, the burst that RFC 9260, section 6.1 allows). Acknowledgements are sent with outgoing
data, or a little later (section 6.2). Everything that is not plain (loss, gaps, other kinds of messages, other
channels, opening, closing) is left to aiortc.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from typing import Any

from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    SCTP_DATA_LAST_FRAG,
    USERDATA_MAX_LENGTH,
    WEBRTC_STRING,
    DataChunk,
    RTCSctpTransport,
    SackChunk,
)
from aiortc.utils import uint32_gt, uint32_gte

from mobifai.webrtc.sctp_packet import SACK_BYTES, Header, data_chunk, read_plain, sack_chunk
from mobifai.webrtc.sctp_validation import is_valid

_log = logging.getLogger(__name__)

BURST = 4
"""The most packets that one acknowledgement or one message may send (Max.Burst, RFC 9260, section 16)."""
MOST_AT_ONCE = 32
"""The most packets that are sent together, even after many acknowledgements: the phone's socket has to hold them."""

ACKNOWLEDGES_AFTER = 0.02
"""Seconds that an acknowledgement may wait for outgoing data. RFC 9260 allows 0.2 s, or the time until the second
packet."""

_SMALL = USERDATA_MAX_LENGTH - SACK_BYTES
"""The most bytes of a chunk whose packet has room for an acknowledgement."""
_LONGEST_ROUND_TRIP = 60.0
"""The longest measured round trip, in seconds, that is used. Longer ones are ignored, as in aiortc."""

_TSNS = 1 << 32
_SEQUENCES = 1 << 16


class OutboundChunk(DataChunk):
    """A DATA chunk of plain output: reliable and ordered. The class attributes are the initial state of every chunk."""

    _abandoned = False
    _acked = False
    _expiry = None
    _in_flight = False
    _max_retransmits = None
    _misses = 0
    _retransmit = False
    _sent_count = 0
    _sent_time = None

    def __init__(self, flags: int, tsn: int, stream_id: int, stream_seq: int, protocol: int, user_data: bytes) -> None:
        self.flags = flags
        self.tsn = tsn
        self.stream_id = stream_id
        self.stream_seq = stream_seq
        self.protocol = protocol
        self.user_data = user_data
        self._book_size = len(user_data)


class FastSctpTransport(RTCSctpTransport):
    """An SCTP transport of aiortc whose class was switched to this one. After the switch, `begin` has to be called.

    The transport has to use a `FastDtlsTransport`.
    """

    _loop: asyncio.AbstractEventLoop
    _last_received_tsn: int
    _remote_port: int

    def begin(self) -> None:
        """Initialize the attributes that this class adds."""
        self._credits = 0
        self._plain = True
        self._repairing = False
        self._flushing: asyncio.Handle | None = None
        self._t3_at = self._t3_due = 0.0
        self._header: Header | None = None
        self._unacknowledged = 0
        self._acknowledging: asyncio.TimerHandle | None = None

    # -- sending

    def send_text(self, channel: Any, text: bytes) -> None:
        """Send a text message, given in UTF-8, as `RTCDataChannel.send` does.

        A long message is sent in the next iteration of the event loop.
        """
        if not text or (self._remote_max_message_size and len(text) > self._remote_max_message_size):
            super()._data_channel_send(channel, text.decode())
            return
        channel._addBufferedAmount(len(text))
        self._data_channel_queue.append((channel, WEBRTC_STRING, text))
        self._credits += 1
        if len(text) <= _SMALL and len(self._data_channel_queue) == 1 and self._flushing is None:
            self._flush_now()
        else:
            self._flush_soon()

    def _flush_soon(self) -> None:
        if self._flushing is None:
            self._flushing = self._loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flushing = None
        with contextlib.suppress(ConnectionError):  # the channel's owner learns this from the channel's state
            self.flush()

    async def _data_channel_flush(self) -> None:
        if self._is_plain():
            self._push(BURST)
        if self._is_plain():
            await self._transmit_reconfig()
        else:
            await super()._data_channel_flush()

    def _is_plain(self) -> bool:
        """Return whether the next message can take the fast path."""
        if self._association_state is not self.State.ESTABLISHED or self._repairing or not self._plain:
            return False
        if not self._data_channel_queue:
            return True
        channel, protocol, _ = self._data_channel_queue[0]
        return protocol == WEBRTC_STRING and channel.id is not None and self._is_reliable(channel)

    def _is_reliable(self, channel: Any) -> bool:
        self._plain = channel.ordered and channel.maxRetransmits is None and channel.maxPacketLifeTime is None
        return self._plain

    def _push(self, burst: int) -> None:
        """Send up to `burst` packets, as far as the congestion window allows. Raises ConnectionError."""
        waiting, sent = self._outbound_queue, self._sent_queue
        chunks: list[bytes] = []
        limit = min(self._flight_size + burst * USERDATA_MAX_LENGTH, self._cwnd)
        taken: list[tuple[Any, int]] = []
        now = time.time()
        while self._flight_size < limit:
            if not waiting and not self._cut_next(taken):
                break
            piece = waiting.popleft()
            sent.append(piece)
            self._flight_size_increase(piece)
            piece._sent_count += 1
            piece._sent_time = now
            chunks.append(
                data_chunk(piece.flags, piece.tsn, piece.stream_id, piece.stream_seq, piece.protocol, piece.user_data)
            )
        if chunks:
            self._send_chunks(chunks)
        for channel, length in taken:
            channel._addBufferedAmount(-length)

    def _send_chunks(self, chunks: list[bytes]) -> None:
        """Send each DATA chunk in a packet of its own, and a due acknowledgement in the last packet or one more."""
        if self._unacknowledged:
            sack = self._acknowledgement()
            if len(chunks[-1]) <= _SMALL:
                chunks[-1] = sack + chunks[-1]
            else:
                chunks.append(sack)
        self._send_packets(chunks)
        if self._t3_handle is None:
            self._t3_start()

    def _send_packets(self, chunks: list[bytes]) -> None:
        transport: Any = self.transport
        if self._header is None:
            self._header = Header(self._local_port, self._remote_port, self._remote_verification_tag)
        transport.send_all([self._header.packet(chunk) for chunk in chunks])

    def _cut_next(self, taken: list[tuple[Any, int]]) -> bool:
        """Split the next message into chunks, and add its channel and length to `taken`.

        Return False if there is no message, or the next one can't take the fast path.
        """
        if not self._data_channel_queue or not self._is_plain():
            return False
        channel: Any
        channel, protocol, text = self._data_channel_queue.popleft()
        stream, tsn, length = channel.id, self._local_tsn, len(text)
        sequence = self._outbound_stream_seq.get(stream, 0)
        flags, add = SCTP_DATA_FIRST_FRAG, self._outbound_queue.append
        for at in range(0, length, USERDATA_MAX_LENGTH):
            end = at + USERDATA_MAX_LENGTH
            if end >= length:
                flags |= SCTP_DATA_LAST_FRAG
            add(OutboundChunk(flags, tsn, stream, sequence, protocol, text[at:end]))
            tsn = (tsn + 1) % _TSNS
            flags = 0
        self._local_tsn = tsn
        self._outbound_stream_seq[stream] = (sequence + 1) % _SEQUENCES
        taken.append((channel, length))
        return True

    # -- receiving

    def receive_plain(self, packet: bytes) -> bool:
        """Process a packet of plain acknowledgements and messages. Return False if `_handle_data` has to process it.

        If the handler of a message sends an answer, the acknowledgement is sent with the answer. Otherwise it is sent
        after every second message, or at most ACKNOWLEDGES_AFTER seconds after a single one.
        """
        if self._association_state is not self.State.ESTABLISHED:
            return False
        plain = read_plain(packet, self._local_verification_tag)
        if plain is None or not (plain.cumulative is None or self._takes_acknowledgements()):
            return False
        texts = self._next_texts(plain.messages)
        if texts is None:
            return False
        if texts:
            self._unacknowledged += 2 if plain.at_once else 1
        if plain.cumulative is not None:
            self._acknowledged(plain.cumulative)
        for channel, text in texts:
            channel.emit("message", text)
        if self._credits or self._unacknowledged > 1:
            self._flush_soon()
        if self._unacknowledged == 1 and self._acknowledging is None:
            self._acknowledging = self._loop.call_later(ACKNOWLEDGES_AFTER, self._acknowledge_now)
        return True

    def _takes_acknowledgements(self) -> bool:
        return self._plain and not self._repairing and self._fast_recovery_exit is None

    def _next_texts(self, messages: list[tuple[int, int, int, bytes]]) -> list[tuple[Any, str]] | None:
        """Count messages as received, and return their channels and texts.

        Each message is its TSN, stream, sequence and bytes. Return None, and count nothing, if they are not the next
        messages in order.
        """
        if self._sack_misordered or self._reconfig_deferred is not None:
            return None
        texts, tsn, sequences = [], self._last_received_tsn, dict[int, int]()
        for number, stream, sequence, data in messages:
            inbound, channel = self._inbound_streams.get(stream), self._data_channels.get(stream)
            if inbound is None or inbound.reassembly or channel is None:
                return None
            tsn = (tsn + 1) % _TSNS
            if number != tsn or sequence != sequences.get(stream, inbound.sequence_number):
                return None
            sequences[stream] = (sequence + 1) % _SEQUENCES
            try:
                texts.append((channel, data.decode()))
            except UnicodeDecodeError:
                return None
        for stream, sequence in sequences.items():
            self._inbound_streams[stream].sequence_number = sequence
        self._last_received_tsn = tsn
        return texts

    def _acknowledge_now(self) -> None:
        self._acknowledging = None
        if self._unacknowledged:
            with contextlib.suppress(ConnectionError):  # as in `_flush_now`
                self._send_packets([self._acknowledgement()])

    def _acknowledgement(self) -> bytes:
        self._unacknowledged = 0
        return sack_chunk(self._last_received_tsn, max(0, self._advertised_rwnd))

    async def _send_sack(self) -> None:
        self._unacknowledged = 0
        await super()._send_sack()

    async def _handle_data(self, data: bytes) -> None:
        if self.receive_plain(data) or not is_valid(data, self._last_received_tsn):
            return
        try:
            await super()._handle_data(data)
        except ConnectionError:
            raise
        except (
            Exception
        ) as error:  # any exception that a packet of valid form causes in the parent class ends only this connection
            _log.warning("closing the data channel: one of its packets can't be handled (%r)", error)
            raise ConnectionError("a packet can't be handled") from None

    def _set_state(self, state: RTCSctpTransport.State) -> None:
        super()._set_state(state)
        if state is self.State.CLOSED and self._acknowledging is not None:
            self._acknowledging.cancel()

    # -- acknowledgements

    def _acknowledged(self, cumulative: int) -> None:
        """Process an acknowledgement of all chunks up to the TSN `cumulative`, with no gaps."""
        if uint32_gt(self._last_sacked_tsn, cumulative):
            return
        full = self._flight_size >= self._cwnd
        self._last_sacked_tsn = self._advanced_peer_ack_tsn = cumulative
        count, length = self._ack_chunks(cumulative)
        if count:
            if full:
                self._grow_cwnd(length)
            if self._sent_queue:
                self._t3_restart()
        if not self._sent_queue:
            self._t3_cancel()
        self._credits += 1

    def _ack_chunks(self, cumulative: int) -> tuple[int, int]:
        """Remove the chunks that are acknowledged up to the TSN `cumulative`.

        Return their number, and how many of their bytes were not acknowledged before.
        """
        sent: deque[Any] = self._sent_queue
        count = length = 0
        while sent and uint32_gte(cumulative, sent[0].tsn):
            piece = sent.popleft()
            count += 1
            if not piece._acked:
                length += piece._book_size
            self._flight_size_decrease(piece)
            if count == 1 and piece._sent_count == 1:
                self._update_rto(time.time() - piece._sent_time)
        return count, length

    def _update_rto(self, seconds: float) -> None:
        """Update the retransmission timeout with a measured round trip, unless the system clock was set meanwhile."""
        if 0 <= seconds < _LONGEST_ROUND_TRIP:
            super()._update_rto(seconds)

    def _get_timestamp(self) -> int:
        """Return the time for an association's cookie, in seconds of the monotonic clock."""
        return int(time.monotonic()) & 0xFFFFFFFF

    def _grow_cwnd(self, length: int) -> None:
        """Grow the congestion window after `length` bytes were acknowledged (RFC 9260, section 7.2)."""
        if self._cwnd <= self._ssthresh:
            self._cwnd += min(length, USERDATA_MAX_LENGTH)
            return
        self._partial_bytes_acked += length
        if self._partial_bytes_acked >= self._cwnd:
            self._partial_bytes_acked -= self._cwnd
            self._cwnd += USERDATA_MAX_LENGTH

    def flush(self) -> None:
        """Send the data and acknowledgements that received packets allow or require. Raises ConnectionError."""
        if self._association_state is not self.State.ESTABLISHED:
            return
        if self._credits:
            self._send_on()
        if self._unacknowledged > 1:
            self._send_packets([self._acknowledgement()])

    def _send_on(self) -> None:
        burst, self._credits = min(self._credits * BURST, MOST_AT_ONCE), 0
        if self._is_plain():
            self._push(burst)
        if not self._is_plain() or self._reconfig_queue:
            asyncio.ensure_future(self._go_on())  # noqa: RUF006 - as the parent does

    async def _go_on(self) -> None:
        with contextlib.suppress(ConnectionError):  # as above
            await super()._data_channel_flush()
            await self._transmit()

    # -- losses, which the parent repairs

    async def _receive_sack_chunk(self, chunk: SackChunk) -> None:
        self._repairing = True
        try:
            await super()._receive_sack_chunk(chunk)
        finally:
            self._look_for_repairs()

    def _t3_expired(self) -> None:
        if (left := self._t3_due - self._loop.time()) > 0:
            self._t3_at = self._t3_due
            self._t3_handle = self._loop.call_later(left, self._t3_expired)
            return
        self._repairing = True
        super()._t3_expired()

    async def _transmit(self) -> None:
        try:
            with contextlib.suppress(ConnectionError):  # the connection ended; the parent's tasks handle no errors
                await super()._transmit()
        finally:
            self._look_for_repairs()

    def _look_for_repairs(self) -> None:
        if self._repairing:
            self._repairing = self._fast_recovery_exit is not None or any(one._retransmit for one in self._sent_queue)

    def _t3_start(self) -> None:
        super()._t3_start()
        self._t3_at = self._t3_due = self._loop.time() + self._rto

    def _t3_restart(self) -> None:
        """Postpone the retransmission timer: only record the due time. A timer that fires too early is set again."""
        due = self._loop.time() + self._rto
        if self._t3_handle is None or due < self._t3_at:
            super()._t3_restart()
            self._t3_at = due
        self._t3_due = due
