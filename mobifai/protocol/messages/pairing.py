"""Pairing of a phone with an agent by the relay (section 3), and the relay's invitations and devices."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from mobifai import limits
from mobifai.protocol.ids import Id
from mobifai.protocol.messages.fields import FeatureNames, Hex, Message, Name, Remark, Token


class RequestConnection(Message, frozen=True):
    """A phone's request to be paired with an agent."""

    target_device_id: Id


class HandshakeInitiate(Message, frozen=True):
    """`handshake:initiate`: a device is to sign `challenge` with the key that it shares with the peer.

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
    """A device's confirmation that the peer's signature is valid."""

    peer_id: Id | None = None


class Paired(Message, frozen=True):
    """The announcement that two devices are paired."""

    peer_id: Id
    message: Remark = ""


class Invitation(Message, frozen=True, rename=None):
    """The invitation of a new phone: the answer to `POST /api/pairing`. `expires_at` is ISO 8601."""

    token: Token
    code: Annotated[str, Meta(max_length=limits.MAX_ID, pattern=r"^[A-Za-z0-9-]+\Z")]
    expires_at: Annotated[datetime, Meta(tz=True)]


class ListedDevice(Message, frozen=True, omit_defaults=False):
    """One device of the account, as the relay's `GET /api/devices` lists it."""

    device_id: Id
    name: Name
    type: Literal["mac", "mobile"]
    created_at: Annotated[str, Meta(max_length=limits.MAX_ID)]
    last_seen: Annotated[str, Meta(max_length=limits.MAX_ID)]
    connected: bool


class ListedDevices(Message, frozen=True, omit_defaults=False):
    """The answer to `GET /api/devices`."""

    devices: Annotated[tuple[ListedDevice, ...], Meta(max_length=1000)]


class DeviceRevoked(Message, frozen=True):
    """The revocation of a device of this account, an addition of this project."""

    device_id: Id
