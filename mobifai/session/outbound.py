"""Sends to one viewer: chooses the transport, the order and the time of every message.

Messages take the data channel while it is open, and the relay otherwise. Short messages are sent before output, and so
is the echo of recent input. The terminals with output take turns. After a pause, output is sent immediately; otherwise
every 4 ms, or earlier once there is a whole chunk. Output is taken from the terminals only while the transport has
room, so it is not queued here.

Owns the short messages that wait, the list of feeds with output, and one timer.
"""

import asyncio
import logging
from collections.abc import Callable

from mobifai.bounds import BoundedMap, ItemQueue, Ledger
from mobifai.errors import LimitReached
from mobifai.limits import CONTROL_QUEUE, MAX_FRAME, TERMINALS
from mobifai.protocol.codec import encode_payload, frame_bytes
from mobifai.protocol.messages import Output
from mobifai.terminals.feed import TerminalFeed
from mobifai.terminals.output_cursor import Chunk
from mobifai.transport.transport import Transport, TransportClosed

_log = logging.getLogger(__name__)

COALESCE_SECONDS = 0.004

ECHO_BYTES = 4 << 10
"""The maximum output of a terminal, in bytes, that is sent before other output after input: a line and its prompt."""


class OutboundQueue:
    """Sends messages and output to one viewer. `relay` is the transport through the relay.

    `overflow` is called when too many short messages wait. `relay_knows_screens`: the relay forwards `process:screen`.
    `sends_offsets`: output messages carry their position in the stream. `is_ordered`: messages keep one order over all
    transports.
    """

    def __init__(
        self,
        ledger: Ledger,
        relay: Transport,
        overflow: Callable[[], None],
        *,
        relay_knows_screens: bool = True,
        sends_offsets: bool = False,
        is_ordered: bool = False,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._ledger = ledger
        self._bounds = (ledger.open(CONTROL_QUEUE), ledger.open(TERMINALS))
        self._control: ItemQueue[tuple[str, object]] = ItemQueue(self._bounds[0])
        self._ready: BoundedMap[str, TerminalFeed] = BoundedMap(self._bounds[1])
        self._relay = relay
        self._channel: Transport | None = None
        self._overflow = overflow
        self._urgent: TerminalFeed | None = None
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._relay_knows_screens = relay_knows_screens
        self._sends_offsets = sends_offsets
        self._is_ordered = is_ordered
        self.last_sent = 0.0
        self.relay_serves = False

    # -- which transport

    @property
    def path(self) -> str | None:
        """The name of the transport in use, `channel` or `relay`; None if neither is open."""
        transport = self._transport()
        if transport is None:
            return None
        return "relay" if transport is self._relay else "channel"

    def _transport(self) -> Transport | None:
        if self._channel is not None and self._channel.open:
            return self._channel
        return self._relay if self.relay_serves and self._relay.open else None

    @property
    def _channel_is_ending(self) -> bool:
        """Whether the channel has closed but `set_channel` has not been called since.

        Messages in flight on the channel are lost. Replays will be sent in their place, so no output may be sent before
        that.
        """
        return self._channel is not None and not self._channel.open

    def pause(self) -> None:
        """Stop sending until `set_channel` is called: messages in flight on the old transport have to arrive first."""
        self._paused = True

    def set_channel(self, channel: Transport | None) -> None:
        """Use this channel while it is open, and the relay otherwise, from the next message or `flush` on.

        None means that there is no channel.
        """
        self._channel = channel
        self._paused = False

    # -- messages and output

    def send(self, event: str, payload: object) -> None:
        """Send a short message before any output that waits. If no transport is open, drop it."""
        if self._transport() is None:
            return
        try:
            self._control.append((event, payload))
        except LimitReached as error:
            _log.warning("dropped the messages that wait for the phone, because it does not read them: %s", error)
            self._control.clear()
            self._overflow()
            return
        self.flush()

    def send_by_relay(self, event: str, payload: object) -> None:
        """Send a short message through the relay, even if the data channel is open.

        If the relay is not in use or has no room, the message is sent like any other (see `send`). The same applies in
        an ordered session, in which later messages would otherwise wait for the relay.
        """
        by_relay = self.relay_serves and not self._is_ordered
        if by_relay and self._relay.open and self._relay.room_for_control():
            self._relay.send(event, payload)
        else:
            self.send(event, payload)

    def output_ready(self, feed: TerminalFeed) -> None:
        """Send the output of a feed, either now, or up to 4 ms later together with the output that follows."""
        self._ready[feed.uuid] = feed
        if feed.has_priority:
            self._urgent = feed
        since = self._loop.time() - self.last_sent
        is_due = since >= COALESCE_SECONDS or feed.has_priority or feed.recently_typed
        if is_due or feed.waiting >= feed.chunk_size:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(COALESCE_SECONDS - since, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self.flush()

    # -- sending

    def flush(self) -> None:
        """Send the short messages that wait, then the output of the feeds, while the transport has room."""
        if self._paused:
            return
        try:
            while self._send_one():
                pass
        except TransportClosed as error:
            _log.debug("a transport closed while a message was being sent: %s", error)
            self._loop.call_soon(self.flush)

    def _send_one(self) -> bool:
        transport = self._transport()
        if transport is None:
            self._urgent = None
            self._control.clear()
            self._ready.clear()
            return False
        if len(self._control):
            if not transport.room_for_control():
                return False
            self._send_control(transport, *self._control.take())
            return True
        if self._channel_is_ending:
            return False
        echo, self._urgent = self._urgent, None
        if echo is not None and echo.has_priority and echo.waiting and transport.room_for_control():
            self._send_output(transport, echo, ECHO_BYTES)
            return True
        turn = self._next_turn(transport)
        if turn is not None:
            self._send_output(transport, *turn)
        return turn is not None

    def _send_control(self, transport: Transport, event: str, payload: object) -> None:
        try:
            transport.send(event, payload)
        except TransportClosed:
            other = self._transport()
            if other is None or other is transport:
                raise
            other.send(event, payload)

    def _next_turn(self, transport: Transport) -> tuple[TerminalFeed, int] | None:
        """Return the feed whose turn it is and its chunk size in bytes, and move the feed to the end of the list.

        Return None if no feed has output, or the transport has no room.
        """
        while self._ready:
            uuid = next(iter(self._ready))
            feed = self._ready[uuid]
            if not feed.waiting:
                del self._ready[uuid]
                continue
            size = feed.chunk_size
            if not transport.room_for_bulk(size):
                return None
            if len(self._ready) > 1:
                del self._ready[uuid]
                self._ready[uuid] = feed
            return feed, size
        return None

    def _send_output(self, transport: Transport, feed: TerminalFeed, most_bytes: int) -> None:
        chunk = feed.take(most_bytes)
        self.last_sent = self._loop.time()
        if chunk.data or (chunk.end is not None and chunk.end == chunk.offset and self._sends_offsets):
            self._send_chunk(transport, feed.uuid, chunk)

    def _send_chunk(self, transport: Transport, uuid: str, chunk: Chunk) -> None:
        """Send a chunk of output. Split it into several messages if it does not fit into one frame."""
        screen = chunk.begins_screen and (transport is not self._relay or self._relay_knows_screens)
        event = "process:screen" if screen else "terminal:output"
        payload = encode_payload(self._output(uuid, chunk))
        halves = chunk.halves() if frame_bytes(event, payload) > MAX_FRAME else None
        if halves is None:
            transport.send(event, payload)
            return
        for half in halves:
            self._send_chunk(transport, uuid, half)

    def _output(self, uuid: str, chunk: Chunk) -> Output:
        if not self._sends_offsets:
            return Output(uuid=uuid, data=chunk.text)
        return Output(uuid=uuid, data=chunk.text, offset=chunk.offset, end=chunk.end, skipped=chunk.skipped)

    def close(self) -> None:
        """Stop sending, and drop the messages that wait. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
        self._paused = True
        self.relay_serves = False
        self._urgent = self._channel = None
        self._control.clear()
        self._ready.clear()
        for bound in self._bounds:
            self._ledger.close(bound)
