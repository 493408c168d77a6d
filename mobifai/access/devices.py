"""Device administration for commands: invite new phones, list all devices, and revoke one.

The relay lists the devices of the agent's account. The agent knows phones by their end-to-end keys. A device may be in
either list or in both. This module holds no state.
"""

import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any, Literal

from mobifai.access.known_phones import KnownPhones, PinnedPhone
from mobifai.access.registry import DeviceRegistry
from mobifai.clocks import iso_time
from mobifai.errors import RelayUnreachable, SignInRefused, StateError
from mobifai.protocol.codes import ClientKind
from mobifai.protocol.e2e import fingerprint
from mobifai.relay.addresses import invitation_urls

FORM = "1"
"""The version of the format of the fragment of an invitation link (the part after `#`). A change of the format changes
this number."""


_REQUIRES_E2E = (
    "this agent accepts only clients that encrypt (--e2e require, the default with --relay); to invite a legacy app, "
    "start it with `mobifai serve --e2e allow`"
)


def invitation_link(page: str, code: str, secret: bytes, key: bytes, device_id: str) -> str:
    """Return an invitation link with all that a new phone needs: `PAGE#1.CODE.SECRET.KEY.ID`.

    `page` is the URL of the phone page. `code` and `secret` belong to the invitation. `key` is the agent's public key,
    and `device_id` the agent's id. SECRET, KEY and ID are in Base64. Browsers do not send the part after `#` to any
    server.
    """
    parts = (secret, key, uuid.UUID(device_id).bytes)
    return f"{page}#{'.'.join((FORM, code.replace('-', ''), *map(_base64, parts)))}"


def _base64(data: bytes) -> str:
    """Encode bytes as text in the URL-safe base64 alphabet, without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class DeviceAdmin:
    """Administers the devices of the relay and the phones that the agent knows by their keys.

    `urls` are the relay's addresses, the one that phones most likely reach first. `device_id` and `public_key` are the
    agent's own. If `e2e` is "require", legacy apps can't be invited.
    """

    def __init__(
        self,
        device_registry: DeviceRegistry,
        phones: KnownPhones,
        urls: list[str],
        device_id: str,
        public_key: bytes,
        e2e: Literal["allow", "require"],
    ) -> None:
        self._e2e = e2e
        self._registry = device_registry
        self._phones = phones
        self._urls = urls
        self._device_id = device_id
        self._public_key = public_key

    async def invite(self, kind: ClientKind) -> dict[str, Any]:
        """Create an invitation for one phone of this kind.

        Return a dict with `link` (None for a legacy app), `code`, `token`, `expires_at` (ISO 8601), the fields of
        `invitation_urls`, and the agent's `device_id`. Raises SignInRefused, RelayUnreachable.
        """
        if kind is ClientKind.LEGACY and self._e2e == "require":
            raise SignInRefused(_REQUIRES_E2E)
        invitation = await self._registry.invite(kind)
        where = {**invitation_urls(self._urls), "device_id": self._device_id}
        if kind is ClientKind.LEGACY:
            return {**where, "link": None, **invitation}
        secret = self._phones.new_secret()
        shown = invitation_link(where["page_url"], str(invitation["code"]), secret, self._public_key, self._device_id)
        return {**where, "link": shown, **invitation}

    async def devices(self) -> dict[str, Any]:
        """Return `{devices: [...]}`: the devices that the relay lists, then the phones that only the agent knows.

        `e2e` of each entry describes the end-to-end key of that device, or is None. If the relay can't be asked, the
        list has only the phones that the agent knows, and the reason is added as `relay`. Raises SignInRefused or
        RelayUnreachable if the agent knows no phone either.
        """
        pinned = {phone.device_id: phone for phone in self._phones}
        try:
            answer = dict(await self._registry.devices())
        except (SignInRefused, RelayUnreachable) as error:
            if not pinned:
                raise
            answer = {"devices": [], "relay": str(error)}
        listed = [{**device, "e2e": _known(pinned.pop(device["deviceId"], None))} for device in answer["devices"]]
        return {**answer, "devices": [*listed, *map(_unlisted, pinned.values())]}

    async def revoke(self, device_id: str, end: Callable[[str], None]) -> dict[str, Any]:
        """Revoke a device: first in this agent (`end` ends its session), then at the relay.

        Return `{deviceId}`. If the agent knew the device but the relay can't revoke it, the reason is added as `relay`.
        Raises SignInRefused or RelayUnreachable if the agent did not know the device and the relay can't revoke it.
        Raises StateError if the revocation can't be stored.
        """
        not_kept: StateError | None = None
        try:
            was_ours = self._phones.revoke(device_id)
        except StateError as error:
            was_ours, not_kept = True, error
        end(device_id)
        try:
            answer = await self._registry.revoke(device_id)
        except (SignInRefused, RelayUnreachable) as error:
            if not was_ours:
                raise
            answer = {"deviceId": device_id, "relay": str(error)}
        if not_kept is not None:
            raise StateError(
                f"the device {device_id} is revoked now, but only until the agent restarts, because this could not be "
                f"stored: {not_kept}; correct the cause, and revoke the device again"
            )
        return answer


def _known(phone: PinnedPhone | None) -> dict[str, Any] | None:
    if phone is None:
        return None
    return {
        "name": phone.name,
        "fingerprint": fingerprint(bytes.fromhex(phone.key)),
        "created": iso_time(phone.created),
        "lastUsed": iso_time(phone.last_used),
    }


def _unlisted(phone: PinnedPhone) -> dict[str, Any]:
    """Describe a phone that only the agent knows, in the same fields as a device in the relay's list."""
    return {
        "deviceId": phone.device_id,
        "name": phone.name,
        "type": "mobile",
        "createdAt": iso_time(phone.created),
        "lastSeen": iso_time(phone.last_used),
        "connected": False,
        "e2e": _known(phone),
    }
