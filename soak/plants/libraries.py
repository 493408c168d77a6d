"""Plants in libraries: a method of aiortc or aiohttp is replaced by one that leaks, and then does what it did.

They stand for faults in what the agent uses: the line that leaks is none of the agent's, and a line of the agent brings
it about.
"""

import ctypes
import functools
import socket
from typing import Any

import aiohttp
import aiortc

from mobifai.control.debug_plugins import PluginContext
from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent


class CloseKeepsSockets(LeakPlant, on=LifecycleEvent.CONNECT, culprit="__init__"):
    """RTCPeerConnection.close makes a pair of sockets and keeps it: two descriptors for each connection."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        library: Any = aiortc.RTCPeerConnection
        original = library.close

        @functools.wraps(original)
        async def close(connection: aiortc.RTCPeerConnection) -> None:
            if connection.signalingState != "closed":
                self.store.append(socket.socketpair())  # leak
            await original(connection)

        library.close = close

    def on_event(self, _: PlantEvent) -> None:
        """Nothing: the library does it."""


class ClientKeepsHandlers(LeakPlant, on=LifecycleEvent.CONNECT, culprit="__init__"):
    """ClientWebSocketResponse.send_str registers one more handler, a function with its argument, for each message."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        library: Any = aiohttp.ClientWebSocketResponse
        original = library.send_str
        self.handlers: dict[str, Any] = {}

        @functools.wraps(original)
        async def send_str(socket: aiohttp.ClientWebSocketResponse, text: str, *arguments: Any) -> None:
            sent = f"message {len(self.handlers)}"
            self.handlers[sent] = functools.partial(print, sent)  # leak
            await original(socket, text, *arguments)

        library.send_str = send_str

    def on_event(self, _: PlantEvent) -> None:
        """Nothing: the library does it."""

    def leaked(self) -> int:
        """Handlers."""
        return len(self.handlers)


class DescriptionInC(LeakPlant, on=LifecycleEvent.CONNECT, culprit="__init__"):
    """RTCPeerConnection.createOffer copies a text of 200 bytes with C's strdup, through ctypes, and forgets it."""

    def __init__(self, subject: PluginContext) -> None:
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

    def on_event(self, _: PlantEvent) -> None:
        """Nothing: the library does it."""

    def leaked(self) -> int:
        """Copies."""
        return self.copies


LEAKS: tuple[type[LeakPlant], ...] = (CloseKeepsSockets, ClientKeepsHandlers, DescriptionInC)
