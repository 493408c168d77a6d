"""Plants in libraries: each replaces a method of aiortc or aiohttp by a wrapper that leaks and then calls the original.

They stand for faults in the agent's dependencies: the leak is outside the agent's code, but is caused by a call in it.
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
    """RTCPeerConnection.close creates a pair of sockets and keeps it: two descriptors for each connection."""

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
        """Do nothing: the replaced method leaks."""


class ClientKeepsHandlers(LeakPlant, on=LifecycleEvent.CONNECT, culprit="__init__"):
    """For each message, ClientWebSocketResponse.send_str registers one more handler: a function with its argument."""

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
        """Do nothing: the replaced method leaks."""

    def leaked(self) -> int:
        """Return the number of registered handlers."""
        return len(self.handlers)


class DescriptionInC(LeakPlant, on=LifecycleEvent.CONNECT, culprit="__init__"):
    """RTCPeerConnection.createOffer copies a text of 200 bytes with strdup in C, through ctypes, and never frees it."""

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
        """Do nothing: the replaced method leaks."""

    def leaked(self) -> int:
        """Return the number of copies."""
        return self.copies


LEAKS: tuple[type[LeakPlant], ...] = (CloseKeepsSockets, ClientKeepsHandlers, DescriptionInC)
