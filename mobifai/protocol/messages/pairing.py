"""Messages of pairing a phone with an agent through the relay, and the relay's answers about invitations and devices.

Section 3 of docs/reference/protocol.md describes pairing.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from mobifai import limits
from mobifai.protocol.ids import Id
from mobifai.protocol.messages.fields import FeatureNames, Hex, Message, Name, Remark, Token


class RequestConnection(Message, frozen=True):
    """`request_connection`: a phone's request to be paired with an agent."""

    target_device_id: Id


class HandshakeInitiate(Message, frozen=True):
    """`handshake:initiate`: the relay asks a device to sign `challenge` with the key that it shares with its peer.

    `peer_challenge`, which the peer signs, and `peer_features` are additions of this project.
    """

    peer_id: Id
    peer_public_key: Hex
    challenge: Hex
    peer_challenge: Hex | None = None
    peer_features: FeatureNames = ()


class HandshakeSignature(Message, frozen=True):
    """`handshake:response` and `handshake:verify`: a device's signature over its challenge."""

    peer_id: Id
    signature: Hex


class HandshakeConfirmed(Message, frozen=True):
    """`handshake:confirmed`: a device confirms that the peer's signature is valid."""

    peer_id: Id | None = None


class Paired(Message, frozen=True):
    """`paired`: the relay announces that the device is paired with the peer."""

    peer_id: Id
    message: Remark = ""


class Invitation(Message, frozen=True, rename=None):
    """The answer to `POST /api/pairing`: an invitation of a new phone. `expires_at` is in ISO 8601."""

    token: Token
    code: Annotated[str, Meta(max_length=limits.MAX_ID, pattern=r"^[A-Za-z0-9-]+\Z")]
    expires_at: Annotated[datetime, Meta(tz=True)]


class ListedDevice(Message, frozen=True, omit_defaults=False):
    """One device of the account, in the answer to `GET /api/devices`."""

    device_id: Id
    name: Name
    type: Literal["mac", "mobile"]
    created_at: Annotated[str, Meta(max_length=limits.MAX_ID)]
    last_seen: Annotated[str, Meta(max_length=limits.MAX_ID)]
    connected: bool


class ListedDevices(Message, frozen=True, omit_defaults=False):
    """The answer to `GET /api/devices`: the devices of the account."""

    devices: Annotated[tuple[ListedDevice, ...], Meta(max_length=1000)]


class DeviceRevoked(Message, frozen=True):
    """`device_revoked`, an addition of this project: a device of this account was revoked."""

    device_id: Id
