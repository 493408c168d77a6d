"""The two ends of a connection in one process: a listener for the agent's end, and a phone's end that answers it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psutil

from mobifai.protocol import messages
from soak.phone.peer_connection import PhonePeerConnection


@dataclass
class Listener:
    """Records the events of the agent's end (PeerListener, PeerConnectorListener)."""

    events: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    offers: list[messages.Offer] = field(default_factory=list)

    def channel_opened(self) -> None:
        self.events.append("opened")

    def channel_message(self, text: str) -> None:
        self.received.append(text)

    def channel_has_room(self) -> None:
        pass

    def offer_created(self, offer: messages.Offer) -> None:
        self.offers.append(offer)

    def connection_ended(self, was_open: bool) -> None:
        self.events.append("ended" if was_open else "never opened")


@dataclass
class End:
    """A phone's end, with its answer to one offer as the agent receives it."""

    peer: PhonePeerConnection
    received: list[str]
    answer: messages.Answer
    candidates: list[messages.IceCandidate]


@asynccontextmanager
async def answering(offer: messages.Offer) -> AsyncIterator[End]:
    """A phone that answers this offer."""
    received: list[str] = []
    peer = PhonePeerConnection(received.append, lambda: None)
    try:
        made = await peer.answer({"type": offer.offer.type, "sdp": offer.offer.sdp})
        answer = messages.Answer(answer=messages.Description(type="answer", sdp=made.description["sdp"]))
        candidates = [
            messages.IceCandidate(
                candidate=messages.Candidate(
                    candidate=one["candidate"], sdp_mid=one["sdpMid"], sdp_mline_index=one["sdpMLineIndex"]
                )
            )
            for one in made.candidates
        ]
        yield End(peer, received, answer, candidates)
    finally:
        await peer.close()


def without_addresses(answer: messages.Answer) -> messages.Answer:
    """The answer of a phone that names its addresses one by one."""
    lines = answer.answer.sdp.splitlines(keepends=True)
    bare = "".join(line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates")))
    return messages.Answer(answer=messages.Description(type="answer", sdp=bare))


def udp_sockets() -> int:
    """The UDP sockets of this process."""
    return len(psutil.Process().net_connections("udp"))
