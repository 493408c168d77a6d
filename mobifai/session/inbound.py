"""The path of one session's messages to their handlers: receive, decrypt, put in order, decode, dispatch.

Messages through the relay and messages on the data channel take the same steps. Messages of a legacy app are accepted
as the relay forwards them. From a phone that encrypts, only encrypted messages are accepted: it sends no others through
the relay, so the relay must have forged them.

Owns the messages that arrived early, and those that wait for their turn.
"""

import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, cast

import msgspec

from mobifai.bounds import Ledger
from mobifai.errors import BadMessage, EncryptionError, LimitReached, MobiFaiError, TerminalError
from mobifai.limits import MAX_ID
from mobifai.protocol import messages
from mobifai.protocol.codec import decode_frame
from mobifai.protocol.messages import PhoneHandlers
from mobifai.protocol.order import Way
from mobifai.protocol.relay_pairing import CODE_ACTIONS
from mobifai.session.encryption import EncryptedSession
from mobifai.session.ordering import Ordering
from mobifai.session.outbound import OutboundQueue
from mobifai.session.turns import Turns
from mobifai.transport.peer_connector import PeerConnector

_log = logging.getLogger(__name__)

SIGNALS = frozenset({"webrtc:answer", "webrtc:ice-candidate"})
"""The events by which a phone negotiates a data channel."""


class Failure(StrEnum):
    """The reason why a session or its data channel can't continue."""

    ENCRYPTION_HIDDEN = "encryption-hidden"
    """The phone encrypts, but the relay removed `e2e` from the features that the phone listed."""
    FLOODED = "flooded"
    """The phone sends more messages than the agent can handle."""
    ORDER_BROKEN = "order-broken"
    """Messages are lost or late. No later message is handled."""
    CHANNEL_STALLED = "channel-stalled"
    """Messages on the data channel did not arrive in time, so the channel is considered dead."""


class Inbound:
    """The pipeline of one session. It passes each message of the phone to its handler in `handlers`.

    `encryption` is None for a legacy app. `ordered`: the phone's messages are numbered. Messages about the data channel
    go to `connector`. If a handler raises an error, the phone receives the error by `outbound`, and `refused` is called
    with it. `failed` is called with a reason and a text when the session or its data channel can't continue.
    """

    def __init__(
        self,
        ledger: Ledger,
        handlers: PhoneHandlers,
        connector: PeerConnector,
        outbound: OutboundQueue,
        encryption: EncryptedSession | None,
        failed: Callable[[Failure, str], None],
        refused: Callable[[MobiFaiError | OSError], None],
        *,
        ordered: bool,
    ) -> None:
        self._handlers = cast("Mapping[str, Callable[[Any], None]]", handlers)
        self._connector = connector
        self._outbound = outbound
        self._encryption = encryption
        self._failed = failed
        self._refused = refused
        self._ordered = ordered
        self._ordering: Ordering[tuple[str, msgspec.Raw]] = Ordering(ledger, self._missing)
        self._turns = Turns(ledger, self._dispatch)
        self._closed = False

    def close(self) -> None:
        """Stop handling messages. Idempotent."""
        self._closed = True
        self._ordering.close()
        self._turns.close()

    # -- receive

    def from_relay(self, event: str, payload: object) -> None:
        """Process an event of the phone, which the relay has forwarded."""
        if self._closed:
            return
        if self._encryption is None:
            self._clear(event, payload)
        elif event == "e2e:sealed":
            frame = self._encryption.decrypt(payload)
            if frame is not None:
                self._frame(frame.decode(errors="replace"), Way.RELAY)
        else:
            self._encryption.ignore(event)

    def _clear(self, event: str, payload: object) -> None:
        if event == "e2e:hello":
            self._failed(Failure.ENCRYPTION_HIDDEN, "the relay hides that this phone has end-to-end encryption")
            return
        self._connector.check_channel()
        self._accept(f"code:{event}" if event in CODE_ACTIONS else event, payload)

    def from_channel(self, text: str) -> None:
        """Process a frame that has arrived on the data channel."""
        if not self._closed:
            self._frame(text, Way.CHANNEL)

    def _frame(self, text: str, way: Way) -> None:
        try:
            event, payload, number = decode_frame(text)
        except BadMessage as error:
            self._put("", error, len(text))
            return
        if self._ordered and (way is Way.CHANNEL or event not in SIGNALS):
            self._in_order(way, number, event, payload)
        elif way is Way.CHANNEL:
            self._put(event, payload, len(text))
        else:
            if event == "webrtc:answer":
                self._accept_all(self._ordering.arrivals.channel_begins(number))
            self._connector.check_channel()
            self._accept(event, payload)

    # -- put in order

    def _in_order(self, way: Way, number: int | None, event: str, payload: msgspec.Raw) -> None:
        if self._closed:
            return
        arrivals = self._ordering.arrivals
        is_next = arrivals.advance(number)
        try:
            ready = arrivals.ready() if is_next else arrivals.hold(way, number, (event, payload))
        except EncryptionError as error:
            self._failed(Failure.ORDER_BROKEN, str(error))
            return
        self._ordering.watch(progressed=is_next or bool(ready))
        if is_next:
            self._accept(event, payload)
        self._accept_each(ready)

    def channel_ended(self) -> None:
        """Stop waiting for messages that were in flight on a data channel that has ended."""
        self._accept_all(self._ordering.arrivals.channel_lost())

    def _missing(self, way: Way) -> None:
        """Report a failure: a message is missing on the path `way`, and has not arrived in time."""
        if way is Way.RELAY:
            held = "the relay holds back messages that the phone sent before those on the data channel"
            self._failed(Failure.ORDER_BROKEN, held)
        else:
            self._failed(
                Failure.CHANNEL_STALLED,
                "closing the data channel: the phone stopped using it, and messages on it are missing",
            )
            self.channel_ended()

    def _accept_all(self, ready: list[tuple[str, msgspec.Raw]]) -> None:
        if not self._closed:
            self._ordering.watch(progressed=bool(ready))
        self._accept_each(ready)

    def _accept_each(self, ready: list[tuple[str, msgspec.Raw]]) -> None:
        for event, payload in ready:
            self._accept(event, payload)

    # -- wait for a turn, decode, dispatch

    def _accept(self, event: str, payload: object) -> None:
        if event in SIGNALS:
            self._signal(event, payload)
        else:
            self._put(event, payload, len(payload) if isinstance(payload, msgspec.Raw) else 0)

    def _signal(self, event: str, payload: object) -> None:
        try:
            self._connector.signal(messages.decode(messages.FROM_RELAY, event, payload))
        except BadMessage as error:
            _log.warning("ignored an invalid message from the phone about its data channel: %s", error)

    def _put(self, event: str, payload: object, size: int) -> None:
        if self._closed:
            return
        if self._turns.is_free():
            self._dispatch(event, payload)
            return
        try:
            self._turns.put(event, payload, size)
        except LimitReached as refusal:
            self._failed(Failure.FLOODED, str(refusal))

    def _dispatch(self, event: str, payload: object) -> None:
        if isinstance(payload, BadMessage):
            self._refuse(payload)
            return
        if event.startswith("code:"):
            self._refuse_editing(event)
            return
        try:
            message = messages.decode(messages.FROM_PHONE, event, payload)
            self._handlers[event](message)
        except (MobiFaiError, OSError) as error:
            self._refuse(error)
        except Exception:
            _log.exception("the agent could not handle the message %s from the phone", event[:MAX_ID])
            self._refuse(MobiFaiError("the agent could not do this because of an internal error; see its log"))

    def _refuse_editing(self, event: str) -> None:
        action = event.removeprefix("code:")[:MAX_ID]
        self._outbound.send("code:error", {"action": action, "error": "this agent has no editor"})

    def _refuse(self, error: MobiFaiError | OSError) -> None:
        _log.debug("refused a request of the phone: %s", error)
        uuid = error.uuid if isinstance(error, TerminalError) else ""
        self._outbound.send("process:error", messages.ProcessError(uuid=uuid, error=str(error)))
        self._refused(error)
