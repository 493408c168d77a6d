"""Links for new phones, and all devices that may come in: those that the relay knows, and those known end to end.

Owns nothing. No server sees what is behind the `#` of a link.
"""

import uuid
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

from mobifai.agent.phones import Phones, PinnedPhone
from mobifai.agent.ways_in import WaysIn
from mobifai.errors import RelayUnreachable, SignInRefused
from mobifai.protocol.e2e import fingerprint

FORM = "1"
"""Of the fragment: another form gets another number."""


def link(page: str, code: str, secret: bytes, key: bytes, device_id: str) -> str:
    """The page's address with all that a new phone needs: `#1.CODE.SECRET.KEY.ID`."""
    parts = (secret, key, uuid.UUID(device_id).bytes)
    return f"{page}#{'.'.join((FORM, code.replace('-', ''), *map(_base64, parts)))}"


def _base64(data: bytes) -> str:
    """For URLs, without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


async def all_devices(ways_in: WaysIn, phones: Phones) -> dict[str, Any]:
    """The relay's devices, each with what is known of it end to end (`e2e`, or None), and phones it does not know.

    Without the relay: only those, and `relay` says why. Raises SignInRefused, RelayUnreachable when there are none.
    """
    pinned = {phone.device_id: phone for phone in phones}
    try:
        told = dict(await ways_in.devices())
    except (SignInRefused, RelayUnreachable) as error:
        if not pinned:
            raise
        told = {"devices": [], "relay": str(error)}
    listed = [{**device, "e2e": _known(pinned.pop(device["deviceId"], None))} for device in told["devices"]]
    return {**told, "devices": [*listed, *map(_unlisted, pinned.values())]}


def _known(phone: PinnedPhone | None) -> dict[str, Any] | None:
    if phone is None:
        return None
    return {
        "name": phone.name,
        "fingerprint": fingerprint(bytes.fromhex(phone.key)),
        "created": _iso_time(phone.created),
        "lastUsed": _iso_time(phone.last_used),
    }


def _unlisted(phone: PinnedPhone) -> dict[str, Any]:
    """A phone that this relay does not list, in the form of those that it lists."""
    return {
        "deviceId": phone.device_id,
        "name": phone.name,
        "type": "mobile",
        "createdAt": _iso_time(phone.created),
        "lastSeen": _iso_time(phone.last_used),
        "connected": False,
        "e2e": _known(phone),
    }


def _iso_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
