"""End-to-end encryption between a phone and the agent."""

from typing import Annotated, Literal

from msgspec import Meta

from mobifai import limits
from mobifai.protocol.messages.fields import Features, Message, Name


class E2eHandshake(Message, frozen=True):
    """`e2e:hello` and `e2e:welcome`: a message of Noise's handshake, in Base64 with padding."""

    message: Annotated[str, Meta(max_length=16 << 10)]


class E2eSealed(Message, frozen=True):
    """`e2e:sealed`: a frame, encrypted as a message of Noise's transport, in Base64 with padding."""

    data: Annotated[str, Meta(max_length=limits.MAX_SEALED)]


class E2eRefused(Message, frozen=True):
    """`e2e:refused`, in clear: the session ends. `message` is for people. A relay can say it too."""

    reason: Literal["unknown", "link-used", "revoked", "broken", "required"]
    message: str


class Introduction(Message, frozen=True, omit_defaults=False):
    """What each side says of itself within the handshake, as JSON."""

    name: Name = ""
    features: Features = ()
