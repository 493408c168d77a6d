"""Socket.IO packets as the agent reads them: what a relay that keeps to the protocol sends, text only.

What can't be read becomes an event that nobody knows, and is answered as such: python-socketio would let a task fail
for each, and would wait for announced binary parts without a bound.
"""

import socketio.packet
from socketio.packet import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT

from mobifai.protocol.wire_json import WireJson

UNREADABLE = "unreadable packet"
"""The event that an unreadable packet becomes."""

_RESERVED = frozenset({"connect", "disconnect", "connect_error", "__disconnect_final", "*"})
"""Names by which python-socketio finds handlers that are not for events."""


class RelayPacket(socketio.packet.Packet):  # type: ignore[misc]
    """A packet of the default namespace without attachments."""

    uses_binary_events = False
    json = WireJson

    def decode(self, encoded_packet: str | bytes) -> int:
        """Read a packet. Raises nothing; the number of attachments is always 0."""
        wrong = "expected a text packet that a relay sends"
        try:
            readable = not super().decode(encoded_packet) and self._is_expected()
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            readable, wrong = False, str(error)
        if not readable:
            self.packet_type, self.namespace, self.id = EVENT, "/", None
            self.data = [UNREADABLE, wrong]
        return 0

    def _is_expected(self) -> bool:
        if self.namespace not in (None, "/"):
            return False
        if self.packet_type == EVENT:
            name = self.data[0] if isinstance(self.data, list) and self.data else None
            return isinstance(name, str) and name not in _RESERVED
        if self.packet_type == CONNECT:
            return self.data is None or isinstance(self.data, dict)
        if self.packet_type == ACK:
            return isinstance(self.data, list)
        return self.packet_type in (DISCONNECT, CONNECT_ERROR)
