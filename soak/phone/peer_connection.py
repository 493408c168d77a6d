"""A phone's end of the peer connection: answers one offer and uses the data channel that the agent created.

Owns one RTCPeerConnection from the answer on to `close` or `vanish`. Uses no ICE server.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

from mobifai.webrtc import faults
from mobifai.webrtc.ice import prevent_consent_checks
from soak.phone.event_log import PhoneError

LABEL = "terminal"
BUFFERED = 1 << 20
"""Bytes that may be buffered in the data channel before `send` waits."""
DRAIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class SdpAnswer:
    """The answer to an offer and its separate candidates, in wire format."""

    description: dict[str, str]
    candidates: tuple[dict[str, Any], ...]


class PhonePeerConnection:
    """One peer connection. `received` is called with every text frame, `changed` when the channel opens or closes."""

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
        """Whether the connection has failed or is closed."""
        return self._connection.connectionState in ("failed", "closed")

    async def answer(self, offer: dict[str, Any]) -> SdpAnswer:
        """Answer an offer of the agent. No timeout is needed, because no ICE server is asked for candidates."""
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp=offer["sdp"], type=offer["type"]))
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        local = self._connection.localDescription
        return SdpAnswer({"type": local.type, "sdp": local.sdp}, tuple(_candidates(local.sdp)))

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        """Add an ICE candidate of the agent. None means that the agent has no further candidates."""
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
        """Send a frame. Wait first while too much is buffered. Raises PhoneError."""
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._channel is not None and self.is_open and self._channel.bufferedAmount > BUFFERED:
                    self._drained.clear()
                    await self._drained.wait()
        except TimeoutError:
            raise PhoneError(
                "not_connected", f"the agent received nothing on the data channel for {DRAIN_SECONDS:g} s"
            ) from None
        if self._channel is None or not self.is_open:
            raise PhoneError("not_connected", "the data channel is not open")
        self._channel.send(text)

    def stop_acknowledging(self) -> None:
        """Stop acknowledging received data. Sending still works."""
        faults.stop_acknowledging(self._connection)

    async def begin_message(self, size: int) -> None:
        """Send a message of `size` bytes without its last chunk, so that the agent keeps waiting. Raises PhoneError."""
        channel = self._channel.id if self._channel is not None else None
        if channel is None or not self.is_open:
            raise PhoneError("not_connected", "the data channel is not open")
        await faults.send_unfinished(self._connection, channel, size)

    async def close(self) -> None:
        """Close the peer connection, even while it is still connecting."""
        await close_connection(self._connection)

    async def silence(self) -> None:
        """Close the sockets without a message to the agent, which gets no answers from then on."""
        if self._connection.sctp is not None:
            await self._connection.sctp.transport.transport.stop()

    async def vanish(self) -> None:
        """Disconnect without a message to the agent: close the sockets first, so that closing the connection sends
        nothing.
        """
        await self.silence()
        await close_connection(self._connection)


async def close_connection(connection: RTCPeerConnection) -> None:
    """Close a peer connection, even while it is still connecting."""
    prevent_consent_checks(connection)
    await connection.close()


def _candidates(sdp: str) -> list[dict[str, Any]]:
    """Return the candidates in a session description, which has a single section, as usual for data channels."""
    lines = sdp.splitlines()
    mid = next((line.removeprefix("a=mid:") for line in lines if line.startswith("a=mid:")), "0")
    return [
        {"candidate": line.removeprefix("a="), "sdpMid": mid, "sdpMLineIndex": 0}
        for line in lines
        if line.startswith("a=candidate:")
    ]
