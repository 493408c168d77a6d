"""The interface of a transport: how messages reach the phone."""

from typing import Protocol

from mobifai.errors import MobiFaiError


class TransportClosed(MobiFaiError):
    """The way to the phone has just gone; what was to be sent was not."""


class Transport(Protocol):
    """A way to the phone: the data channel, or the relay."""

    @property
    def open(self) -> bool:
        """Whether something sent now may arrive."""

    def room_for_bulk(self, piece: int) -> bool:
        """Whether output, which goes in pieces of so many bytes, may be sent now."""

    def room_for_control(self) -> bool:
        """Whether a short message may be sent now."""

    def send(self, event: str, payload: object) -> None:
        """Hand a message over. Never waits. Raises TransportClosed."""
