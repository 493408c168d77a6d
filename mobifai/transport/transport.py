"""The interface of a transport: how messages reach the phone."""

from typing import Protocol

from mobifai.errors import MobiFaiError


class TransportClosed(MobiFaiError):
    """The transport is closed or has no room, so the message was not sent."""


class Transport(Protocol):
    """A way to send messages to the phone: the data channel, or the relay."""

    @property
    def open(self) -> bool:
        """Whether the transport is connected, so that a message sent now may arrive."""

    def room_for_bulk(self, piece: int) -> bool:
        """Return whether a chunk of output of `piece` bytes may be sent now."""

    def room_for_control(self) -> bool:
        """Return whether a short message may be sent now."""

    def send(self, event: str, payload: object) -> None:
        """Send the phone the message `event` with `payload`, without waiting. Raises TransportClosed."""
