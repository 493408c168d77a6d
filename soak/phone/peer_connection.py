"""A phone's end of the peer connection: it answers one offer and takes the channel that the agent made.

Owns one RTCPeerConnection from the answer on to `close` or `vanish`. Uses no ICE server.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

from soak.phone.event_log import PhoneError

LABEL = "terminal"
BUFFERED = 1 << 20
"""Bytes that may wait in the channel before a sender has to wait too."""
DRAIN_SECONDS = 10.0
TEXT_PROTOCOL = 51
"""The protocol of a text message on a data channel (RFC 8831, section 8)."""


@dataclass(frozen=True, slots=True)
class SdpAnswer:
    """The answer to an offer, and the candidates in it one by one, as both go over the wire."""

    description: dict[str, str]
    candidates: tuple[dict[str, Any], ...]


class PhonePeerConnection:
    """One peer connection. `received` gets every text frame; `changed` is called when the channel opens or ends."""

    def __init__(self, received: Callable[[str], None], changed: Callable[[], None]) -> None:
        # An empty list and not None, for which aiortc would ask a public STUN server.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._channel: RTCDataChannel | None = None
        self._on_event = received
        self._changed = changed
        self._drained = asyncio.Event()
        self._connection.on("datachannel", self._take)
        self._connection.on("connectionstatechange", self._state_changed)

    @property
    def is_open(self) -> bool:
        """Whether the channel can be written to."""
        return self._channel is not None and self._channel.readyState == "open" and not self.is_over

    @property
    def is_over(self) -> bool:
        """Whether nothing will come of this connection any more."""
        return self._connection.connectionState in ("failed", "closed")

    async def answer(self, offer: dict[str, Any]) -> SdpAnswer:
        """Accept an offer. Gathering has no server to wait for, so it takes no time worth a limit."""
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp=offer["sdp"], type=offer["type"]))
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        local = self._connection.localDescription
        return SdpAnswer({"type": local.type, "sdp": local.sdp}, tuple(_candidates(local.sdp)))

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        """Take one of the agent's candidates; none ends the list."""
        if not candidate or not candidate.get("candidate"):
            await self._connection.addIceCandidate(None)
            return
        parsed = candidate_from_sdp(candidate["candidate"].removeprefix("candidate:"))
        parsed.sdpMid, parsed.sdpMLineIndex = candidate.get("sdpMid"), candidate.get("sdpMLineIndex")
        await self._connection.addIceCandidate(parsed)

    def _take(self, channel: RTCDataChannel) -> None:
        if channel.label != LABEL:
            return
        self._channel = channel
        channel.bufferedAmountLowThreshold = BUFFERED // 2
        channel.on("bufferedamountlow", self._drained.set)
        channel.on("close", self._state_changed)
        channel.on("message", self._message)
        self._changed()

    def _message(self, message: str | bytes) -> None:
        if isinstance(message, str):  # an app reads only text
            self._on_event(message)

    def _state_changed(self) -> None:
        self._drained.set()
        self._changed()

    async def send(self, text: str) -> None:
        """Send a frame; wait while too much is on its way. Raises PhoneError."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._channel is not None and self.is_open and self._channel.bufferedAmount > BUFFERED:
                    self._drained.clear()
                    await self._drained.wait()
        except TimeoutError:
            raise PhoneError(
                "not_connected", f"the agent took nothing on the channel for {DRAIN_SECONDS:g} s"
            ) from None
        if self._channel is None or not self.is_open:
            raise PhoneError("not_connected", "the data channel is not open")
        self._channel.send(text)

    def stop_acknowledging(self) -> None:
        """Confirm nothing any more of what comes; what is sent goes on."""
        if self._connection.sctp is not None:
            self._connection.sctp._send_sack = _say_nothing  # type: ignore[method-assign]

    async def begin_message(self, size: int) -> None:
        """Send a message of so many bytes without its last piece: the other side waits for it. Raises PhoneError."""
        sctp = self._connection.sctp
        channel = self._channel.id if self._channel is not None else None
        if channel is None or sctp is None or not self.is_open:
            raise PhoneError("not_connected", "the data channel is not open")
        await sctp._send(channel, TEXT_PROTOCOL, bytes(size))
        sctp._outbound_queue.pop()  # all of it waits there but the first few pieces

    async def close(self) -> None:
        """Say goodbye and be gone."""
        await close_connection(self._connection)

    async def vanish(self) -> None:
        """Be gone without a word: the sockets go first, so that nothing said after can leave."""
        if self._connection.sctp is not None:
            await self._connection.sctp.transport.transport.stop()
        await close_connection(self._connection)


async def close_connection(connection: RTCPeerConnection) -> None:
    """Close a peer connection, also in the midst of connecting.

    aioice 0.13 begins to ask for consent even when it was closed in the 20 ms before, and then asks for ever.
    """
    if connection.sctp is not None:
        ice = connection.sctp.transport.transport._connection
        ice.query_consent = _ask_nothing  # type: ignore[method-assign]
    await connection.close()


async def _ask_nothing() -> None:
    """In place of the question for consent."""


async def _say_nothing() -> None:
    """In place of a confirmation."""


def _candidates(sdp: str) -> list[dict[str, Any]]:
    """The candidates of a description with one section: all that a data channel has."""
    lines = sdp.splitlines()
    mid = next((line.removeprefix("a=mid:") for line in lines if line.startswith("a=mid:")), "0")
    return [
        {"candidate": line.removeprefix("a="), "sdpMid": mid, "sdpMLineIndex": 0}
        for line in lines
        if line.startswith("a=candidate:")
    ]
