"""Messages of WebRTC signalling (section 4 of docs/reference/protocol.md)."""

from typing import Annotated, Literal

from msgspec import Meta

from mobifai import limits
from mobifai.protocol.messages.fields import Message, Number, Sdp


class Description(Message, frozen=True):
    """An SDP description, such as an offer or an answer."""

    type: Literal["offer", "answer", "pranswer", "rollback"]
    sdp: Sdp


class Offer(Message, frozen=True):
    """`webrtc:offer`: the agent's offer of a data channel."""

    offer: Description


class Answer(Message, frozen=True):
    """`webrtc:answer`: the phone's answer to an offer."""

    answer: Description


class Candidate(
    Message, frozen=True, omit_defaults=False, rename={"sdp_mid": "sdpMid", "sdp_mline_index": "sdpMLineIndex"}
):
    """One ICE candidate. An empty `candidate` ends the list of candidates."""

    candidate: Annotated[str, Meta(max_length=2048)]
    sdp_mid: Annotated[str, Meta(max_length=limits.MAX_ID)] | None = None
    sdp_mline_index: Number | None = None


class IceCandidate(Message, frozen=True):
    """`webrtc:ice-candidate`: one ICE candidate of a device. None ends the list of candidates."""

    candidate: Candidate | None = None
