"""Bodies and queries of the relay's HTTP requests, and their strict decoding."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from mobifai.limits import MAX_ID
from mobifai.protocol import messages
from mobifai.protocol.codes import DeviceType

MOST_BODY_BYTES = 64 << 10
"""Maximum size of a request body in bytes. The settings of an account have a lower limit of their own."""

MOST_FIELDS = 16
"""Maximum number of fields of a form; a sign-in has five."""

FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"


class SignInDevice(messages.Message, frozen=True):
    """The device that a user signs in."""

    device_id: messages.Id
    type: DeviceType


class LoginForm(SignInDevice, frozen=True):
    """Fields of the login page's address and form. `nonce` identifies the connection on which the device waits."""

    nonce: Annotated[str, msgspec.Meta(max_length=MAX_ID)] = ""


class SignInRequest(SignInDevice, frozen=True):
    """Body of `POST /api/sign-in`. `kind` is the kind of invitation that the code must have; None: any."""

    code: Annotated[str, msgspec.Meta(max_length=MAX_ID)]
    kind: Literal["e2e", "legacy"] | None = None


class InvitationRequest(messages.Message, frozen=True):
    """Body of `POST /api/pairing`: an invitation for a phone with end-to-end encryption, or for a legacy app."""

    kind: Literal["e2e", "legacy"] = "e2e"


def find_device(fields: Mapping[str, object]) -> LoginForm | None:
    """Return the device that a login page's query or form names; None if they name none."""
    try:
        found = {name: fields[name] for name in ("deviceId", "type", "nonce") if name in fields}
        return msgspec.convert(found, LoginForm)
    except msgspec.ValidationError:
        return None


def decode_form(body: bytes) -> dict[str, str]:
    """Return the values of a form's fields by name. Of fields with the same name, the first counts.

    Raises HTTPBadRequest.
    """
    try:
        return dict(reversed(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)))
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"expected a form of at most {MOST_FIELDS} fields in UTF-8: {error}") from None


def decode_object(body: bytes) -> dict[str, Any]:
    """Decode a body that has to be a JSON object. Raises HTTPBadRequest."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise web.HTTPBadRequest(text=f"expected a JSON object: {error}") from None
