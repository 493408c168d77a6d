"""What goes to the phone: over which path, in which order, and when.

The queue chooses the transport for every message: the data channel when it is open, the relay otherwise. Short messages
go before output, and so does the echo of what was just typed; active terminals take turns. Output leaves at once after
a pause, then every 4 ms or as soon as a piece of it is there; it leaves the terminals only as the path has room, so
nothing piles up here.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from mobifai.bounds import BoundedMap, ItemQueue, Ledger
from mobifai.errors import LimitReached
from mobifai.limits import CONTROL_QUEUE, MAX_FRAME, TERMINALS
from mobifai.protocol.frames import encode_payload, frame_bytes
from mobifai.protocol.messages import Output
from mobifai.transport.transport import Transport, TransportClosed

_log = logging.getLogger(__name__)

COALESCE_SECONDS = 0.004


ECHO_BYTES = 4 << 10
"""So much output of a terminal in which somebody has just typed goes ahead of all that waits, once for what was typed:
a line and its prompt."""


class Chunk(Protocol):
    """Some output, with its place in the terminal's stream; `begins_screen`: it starts a replay of the screen."""

    @property
    def begins_screen(self) -> bool: ...  # noqa: D102
    @property
    def data(self) -> bytes: ...  # noqa: D102
    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def offset(self) -> int | None: ...  # noqa: D102
    @property
    def end(self) -> int | None: ...  # noqa: D102
    @property
    def skipped(self) -> int | None: ...  # noqa: D102
    def halves(self) -> "tuple[Chunk, Chunk] | None": ...  # noqa: D102


class Source(Protocol):
    """A terminal with output that waits."""

    @property
    def uuid(self) -> str:
        """Whose output it is."""

    @property
    def waiting(self) -> int:
        """Bytes that may be taken now."""

    @property
    def piece(self) -> int:
        """In pieces of how many bytes its output best goes."""

    @property
    def urgent(self) -> bool:
        """Whether the next output is likely the echo of what was just typed."""

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for what comes of what was typed: it is sent as soon as it is there."""

    def take(self, length: int) -> Chunk:
        """The next output, of at most `length` bytes."""


class OutboundQueue:
    """Sends to one phone. `relay` is the path by relay; `overflow` is called when the phone lets answers pile up."""

    def __init__(self, ledger: Ledger, relay: Transport, overflow: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._ledger = ledger
        self._bounds = (ledger.open(CONTROL_QUEUE), ledger.open(TERMINALS))
        self._control: ItemQueue[tuple[str, object]] = ItemQueue(self._bounds[0])
        self._ready: BoundedMap[str, Source] = BoundedMap(self._bounds[1])
        self._relay = relay
        self._channel: Transport | None = None
        self._overflow = overflow
        self._urgent: Source | None = None
        self._paused = False
        self.last_sent = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.relay_serves = False
        self.relay_knows_screens = True
        self.tells_positions = False
        self.keeps_order = False

    # -- which path

    @property
    def path(self) -> str | None:
        """`channel`, `relay`, or None when nobody is there."""
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
        """Whether a channel has closed and nobody has said yet what comes next.

        What was under way on it is lost and comes again with the screens, ahead of which no output may arrive.
        """
        return self._channel is not None and not self._channel.open

    def set_relay_transport(self, relay: Transport) -> None:
        """Which path by relay is meant from now on: the relay as it is, or what seals all that goes there."""
        self._relay = relay

    def pause(self) -> None:
        """Send nothing for now: the path is about to change, and what is under way on the old one must come first."""
        self._paused = True

    def set_channel(self, channel: Transport | None) -> None:
        """Send over this channel while it is open, or over the relay: from the next message or `flush` on."""
        self._channel = channel
        self._paused = False

    # -- what is to be sent

    def send(self, event: str, payload: object) -> None:
        """Send a short message, before any output that waits. Without a phone it is dropped."""
        if self._transport() is None:
            return
        try:
            self._control.append((event, payload))
        except LimitReached as error:
            _log.warning("the phone does not read its answers: %s", error)
            self._control.clear()
            self._overflow()
            return
        self.flush()

    def send_by_relay(self, event: str, payload: object) -> None:
        """Send a short message by the relay, also when the channel is open, if a phone is there to get it.

        A session with one order over all paths gets it by the path in use: it would wait for the relay otherwise.
        """
        by_relay = self.relay_serves and not self.keeps_order
        if by_relay and self._relay.open and self._relay.room_for_control():
            self._relay.send(event, payload)
        else:
            self.send(event, payload)

    def output_ready(self, terminal: Source) -> None:
        """A terminal has output that may be taken."""
        self._ready[terminal.uuid] = terminal
        if terminal.urgent:
            self._urgent = terminal
        since = self._loop.time() - self.last_sent
        at_once = since >= COALESCE_SECONDS or terminal.urgent or terminal.awaited
        if at_once or terminal.waiting >= terminal.piece:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(COALESCE_SECONDS - since, self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self.flush()

    # -- sending

    def flush(self) -> None:
        """Send what the path has room for."""
        if self._paused:
            return
        try:
            while self._send_one():
                pass
        except TransportClosed as error:
            _log.debug("a path closed under a message: %s", error)
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
        if echo is not None and echo.urgent and echo.waiting and transport.room_for_control():
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

    def _next_turn(self, transport: Transport) -> tuple[Source, int] | None:
        """The terminal whose turn it is, and how much it may send, if there is room; it goes to the end of the line."""
        while self._ready:
            uuid = next(iter(self._ready))
            terminal = self._ready[uuid]
            if not terminal.waiting:
                del self._ready[uuid]
                continue
            piece = terminal.piece
            if not transport.room_for_bulk(piece):
                return None
            if len(self._ready) > 1:
                del self._ready[uuid]
                self._ready[uuid] = terminal
            return terminal, piece
        return None

    def _send_output(self, transport: Transport, terminal: Source, most_bytes: int) -> None:
        chunk = terminal.take(most_bytes)
        self.last_sent = self._loop.time()
        if chunk.data or (chunk.end is not None and chunk.end == chunk.offset and self.tells_positions):
            self._send_chunk(transport, terminal.uuid, chunk)

    def _send_chunk(self, transport: Transport, uuid: str, chunk: Chunk) -> None:
        """Send it, in as many messages as it takes for each to fit into a frame."""
        screen = chunk.begins_screen and (transport is not self._relay or self.relay_knows_screens)
        event = "process:screen" if screen else "terminal:output"
        payload = encode_payload(self._output(uuid, chunk))
        halves = chunk.halves() if frame_bytes(event, payload) > MAX_FRAME else None
        if halves is None:
            transport.send(event, payload)
            return
        for half in halves:
            self._send_chunk(transport, uuid, half)

    def _output(self, uuid: str, chunk: Chunk) -> Output:
        if not self.tells_positions:
            return Output(uuid=uuid, data=chunk.text)
        return Output(uuid=uuid, data=chunk.text, offset=chunk.offset, end=chunk.end, skipped=chunk.skipped)

    def close(self) -> None:
        """Send nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._paused = True
        self._urgent = None
        self._control.clear()
        self._ready.clear()
        for bound in self._bounds:
            self._ledger.close(bound)
