"""What comes from the phone by relay, and whether it is believed to be the phone's.

An app of the field is believed as the relay forwards it. Of a phone that encrypts, only what was sealed is believed;
all else that the relay forwards meanwhile is forged. Owns which of the two it is.
"""

import logging
from collections.abc import Callable

from mobifai.errors import BadMessage
from mobifai.limits import MAX_ID
from mobifai.protocol import messages
from mobifai.protocol.frames import decode_numbered_frame
from mobifai.protocol.order import Way
from mobifai.protocol.relay_pairing import CODE_ACTIONS
from mobifai.session.encryption import EncryptedSession
from mobifai.session.ordering import Ordering
from mobifai.transport.peer_connector import PeerConnector

_log = logging.getLogger(__name__)

SIGNALS = frozenset({"webrtc:answer", "webrtc:ice-candidate"})


class RelayInbox:
    """One ear. `say` gets what the phone says, `say_frame` a frame that can't be read, `order` what has a place in it.

    `hidden` is called when a phone encrypts and the relay has not said so. `believes_relay`: it is an app of the field.
    """

    def __init__(
        self,
        encryption: EncryptedSession,
        connector: PeerConnector,
        say: Callable[[str, object], None],
        say_frame: Callable[[str], None],
        order: Ordering[tuple[str, object]],
        hidden: Callable[[], None],
    ) -> None:
        self._encryption = encryption
        self._connector = connector
        self._say = say
        self._say_frame = say_frame
        self._order = order
        self._hidden = hidden
        self.believes_relay = False

    def forwarded(self, event: str, payload: object) -> None:
        """What the relay says that the phone says."""
        if event in messages.SEALING and not self.believes_relay:
            self._encryption.receive(event, payload)
        elif event == "e2e:hello":
            self.believes_relay = False
            self._hidden()
        elif self.believes_relay:
            self._said(f"code:{event}" if event in CODE_ACTIONS else event, payload)
        else:
            self._encryption.ignore(event[:MAX_ID])

    def opened(self, frame: bytes) -> None:
        """A frame that came sealed."""
        self._frame(frame.decode(errors="replace"), Way.RELAY)

    def channel_message(self, text: str) -> None:
        """A frame that came by the data channel."""
        if self._order.is_on:
            self._frame(text, Way.CHANNEL)
        else:
            self._say_frame(text)

    def _frame(self, text: str, way: Way) -> None:
        try:
            event, payload, number = decode_numbered_frame(text)
        except BadMessage:
            self._say_frame(text)  # which says what is wrong
            return
        if way is Way.CHANNEL or (self._order.is_on and event not in SIGNALS):
            self._order.came(way, number, (event, payload))
            return
        if event == "webrtc:answer":
            self._order.channel_begins(number)
        self._said(event, payload)

    def _said(self, event: str, payload: object) -> None:
        if self._connector.peer is not None:
            self._connector.peer.doubt()
        if event in SIGNALS:
            self._signal(event, payload)
        else:
            self._say(event, payload)

    def _signal(self, event: str, payload: object) -> None:
        try:
            self._connector.signal(messages.decode(messages.FROM_RELAY, event, payload))
        except BadMessage as error:
            _log.warning("the phone sent a signal that the protocol does not allow: %s", error)
