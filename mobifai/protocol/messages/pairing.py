"""Pairing of a phone with an agent by the relay (section 3), and the relay's invitations and devices."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from mobifai import limits
from mobifai.protocol.messages.fields import Features, Hex, Id, Message, Name, Remark, Token


class RequestConnection(Message, frozen=True):
    """A phone asks for an agent."""

    target_device_id: Id


class HandshakeInitiate(Message, frozen=True):
    """Prove yourself to the peer. `peer_challenge` and `peer_features` are this project's additions."""

    peer_id: Id
    peer_public_key: Hex
    challenge: Hex
    peer_challenge: Hex | None = None
    peer_features: Features = ()


class HandshakeSignature(Message, frozen=True):
    """`handshake:response` and `handshake:verify`."""

    peer_id: Id
    signature: Hex


class HandshakeConfirmed(Message, frozen=True):
    """The device accepts its peer."""

    peer_id: Id | None = None


class Paired(Message, frozen=True):
    """Two devices are joined."""

    peer_id: Id
    message: Remark = ""


class Invitation(Message, frozen=True, rename=None):
    """A new phone's way in, as the relay's `POST /api/pairing` answers; `expires_at` is ISO 8601."""

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
    """An addition of this project: a device of this account may no longer come in."""

    device_id: Id
