"""The exchange of session descriptions and candidates for one connection: one offer, one answer, the phone's addresses.

`Negotiation` owns the candidates that arrive before the answer. It uses the connection, but does not own it.
"""

import re
from typing import TYPE_CHECKING, Any

from mobifai.bounds import Bound, ItemQueue
from mobifai.errors import BadMessage
from mobifai.protocol import messages
from mobifai.transport.session_description import require_usable
from mobifai.webrtc.candidates import Addresses

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

_LOOPBACK = re.compile(r"(?m)^a=candidate:(?:\S+ ){4}(?:127\.|::1 )")
_OUR_MID = re.compile(r"(?m)^(a=mid:|a=group:BUNDLE )0(?=\r?$)")
_MID = re.compile(r"(?m)^a=mid:([^\s]+)")


class Negotiation:
    """The negotiation of one connection. `mid` identifies the agent's offer.

    The phone's answer repeats `mid` (RFC 8829, section 5.3.1), so that a late answer to another offer is recognized.
    """

    def __init__(
        self, aiortc: Any, connection: "RTCPeerConnection", mid: str, addresses: Addresses, bound: Bound
    ) -> None:
        self._aiortc = aiortc
        self._connection = connection
        self._mid = mid
        self._addresses = addresses
        self._early: ItemQueue[messages.Candidate | None] = ItemQueue(bound)
        self._left = bound.capacity

    async def gather(self) -> None:
        """Create the offer and gather the agent's addresses."""
        offer = await self._connection.createOffer()
        offer.sdp = _OUR_MID.sub(rf"\g<1>{self._mid}", offer.sdp)
        await self._connection.setLocalDescription(offer)

    def offer(self) -> messages.Offer:
        """Return the offer with the gathered addresses."""
        sdp = self._connection.localDescription.sdp
        self._addresses.loopback = _LOOPBACK.search(sdp) is not None
        return messages.Offer(offer=messages.Description(type="offer", sdp=sdp))

    async def answer(self, message: messages.Answer) -> None:
        """Accept the phone's answer, and the candidates that came before it.

        Ignore a second answer, and one to another offer. Raises BadMessage if the answer can't be used.
        """
        if self._connection.signalingState != "have-local-offer" or message.answer.type != "answer":
            return
        mid = _MID.search(message.answer.sdp)
        if mid is not None and mid[1] != self._mid:
            return
        description = self._aiortc.RTCSessionDescription(sdp=message.answer.sdp, type="answer")
        try:
            require_usable(self._aiortc.sdp.SessionDescription.parse(description.sdp))
            await self._connection.setRemoteDescription(description)
        except Exception as error:  # the SDP is the phone's, and aiortc's parser raises many kinds of errors
            raise BadMessage("webrtc:answer", f"not a usable answer: {error!r}") from None
        while len(self._early):
            await self._add(self._early.take())

    async def candidate(self, message: messages.IceCandidate) -> None:
        """Add one of the phone's addresses, or keep it until the answer arrives.

        Addresses beyond the limit are ignored. Raises BadMessage if the address can't be used.
        """
        if not self._left:
            return
        self._left -= 1
        if self._connection.remoteDescription is None:
            self._early.append(message.candidate)
        else:
            await self._add(message.candidate)

    async def _add(self, candidate: messages.Candidate | None) -> None:
        try:
            if candidate is None or not candidate.candidate:
                await self._connection.addIceCandidate(None)
                return
            parsed = self._aiortc.sdp.candidate_from_sdp(candidate.candidate.removeprefix("candidate:"))
            parsed.sdpMid, parsed.sdpMLineIndex = candidate.sdp_mid, candidate.sdp_mline_index
            await self._connection.addIceCandidate(parsed)
        except Exception as error:  # as above
            raise BadMessage("webrtc:ice-candidate", f"not a usable candidate: {error!r}") from None
