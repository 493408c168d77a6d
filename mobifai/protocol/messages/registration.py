"""Messages of registration and sign-in, between a device and the relay (section 2 of docs/reference/protocol.md)."""

from typing import Annotated, Literal

from msgspec import Meta

from mobifai import limits
from mobifai.protocol.ids import Id
from mobifai.protocol.messages.fields import FeatureNames, Hex, Message, Name, Number, Remark, Token


class Register(Message, frozen=True):
    """`register`: the first message of a device. It identifies the device."""

    type: Literal["mac", "mobile"]
    device_id: Id
    public_key: Hex
    token: Token | None = None
    device_name: Name | None = None
    tab_count: Number | None = None
    features: FeatureNames = ()


class User(Message, frozen=True, omit_defaults=False):
    """The account to which a device belongs."""

    id: Remark
    email: Remark
    name: Remark
    photo: Annotated[str, Meta(max_length=limits.MAX_TOKEN)] | None = None


class Authenticated(Message, frozen=True):
    """`authenticated`: the relay accepts the device. The device stores the token."""

    token: Annotated[Token, Meta(min_length=1)]
    user: User


class LoginRequired(Message, frozen=True):
    """`login_required`: the device has no valid token. Its user has to sign in at `login_url`, a path on the relay."""

    message: Remark
    login_url: Annotated[str, Meta(max_length=2048, pattern=r"^[!-~]*\Z")]


class Notice(Message, frozen=True):
    """`auth_error`, `error`, `waiting_for_peer` and `paired_device_disconnected`: a text for the user."""

    message: Remark = ""


class AvailableDevice(Message, frozen=True):
    """An agent with which a phone can be paired."""

    device_id: str
    device_name: str
    status: str
    tab_count: Number
