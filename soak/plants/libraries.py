"""Plants in libraries: a method of aiortc or Socket.IO is replaced by one that leaks, and then does what it did.

They stand for faults in what the agent uses: the line that leaks is none of the agent's, and a line of the agent brings
it about.
"""

import ctypes
import functools
import socket
from typing import Any

import aiortc
import socketio

from mobifai.health.extensions import Subject
from soak.plants.plant import Event, Moment, Seed


class CloseKeepsSockets(Seed, on=Moment.CONNECT, culprit="__init__"):
    """RTCPeerConnection.close makes a pair of sockets and keeps it: two descriptors for each connection."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        library: Any = aiortc.RTCPeerConnection
        original = library.close

        @functools.wraps(original)
        async def close(connection: aiortc.RTCPeerConnection) -> None:
            if connection.signalingState != "closed":
                self.kept.append(socket.socketpair())  # leak
            await original(connection)

        library.close = close

    def happened(self, _: Event) -> None:
        """Nothing: the library does it."""


class ClientKeepsHandlers(Seed, on=Moment.CONNECT, culprit="__init__"):
    """AsyncClient.emit registers one more handler, a function with its argument, for each event that it sends."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        original = socketio.AsyncClient.emit
        self.handlers: dict[str, Any] = {}

        @functools.wraps(original)
        async def emit(client: Any, event: str, *arguments: Any, **named: Any) -> Any:
            answered = f"{event} {len(self.handlers)}"
            self.handlers[answered] = functools.partial(print, answered)  # leak
            return await original(client, event, *arguments, **named)

        socketio.AsyncClient.emit = emit

    def happened(self, _: Event) -> None:
        """Nothing: the library does it."""

    def amount(self) -> int:
        """Handlers."""
        return len(self.handlers)


class DescriptionInC(Seed, on=Moment.CONNECT, culprit="__init__"):
    """RTCPeerConnection.createOffer copies a text of 200 bytes with C's strdup, through ctypes, and forgets it."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self.copies = 0
        library: Any = aiortc.RTCPeerConnection
        original = library.createOffer
        strdup = ctypes.CDLL(None).strdup
        strdup.argtypes, strdup.restype = [ctypes.c_char_p], ctypes.c_void_p

        @functools.wraps(original)
        async def create_offer(connection: aiortc.RTCPeerConnection) -> Any:
            strdup(b"v=0 " * 50)  # leak
            self.copies += 1
            return await original(connection)

        library.createOffer = create_offer

    def happened(self, _: Event) -> None:
        """Nothing: the library does it."""

    def amount(self) -> int:
        """Copies."""
        return self.copies


SEEDS: tuple[type[Seed], ...] = (CloseKeepsSockets, ClientKeepsHandlers, DescriptionInC)
