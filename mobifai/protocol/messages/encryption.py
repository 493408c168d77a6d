"""Messages of end-to-end encryption between a phone and the agent."""

from typing import Annotated, Literal

from msgspec import Meta

from mobifai import limits
from mobifai.protocol.messages.fields import FeatureNames, Message, Name


class E2eHandshake(Message, frozen=True):
    """`e2e:hello` and `e2e:welcome`: a message of the Noise handshake, in Base64 with padding."""

    message: Annotated[str, Meta(max_length=16 << 10)]


class E2eSealed(Message, frozen=True):
    """`e2e:sealed`: a frame that is encrypted as a Noise transport message, in Base64 with padding."""

    data: Annotated[str, Meta(max_length=limits.MAX_SEALED)]


class E2eRefused(Message, frozen=True):
    """`e2e:refused`, unencrypted: the agent ends the session. `message` is for the user.

    A relay can forge this message.
    """

    reason: Literal["unknown", "link-used", "revoked", "broken", "required"]
    message: str


class Introduction(Message, frozen=True, omit_defaults=False):
    """The name and features of one side, which it sends inside the handshake as JSON."""

    name: Name = ""
    features: FeatureNames = ()
