"""Invitations for phones, and which devices there are: asked of the relay in this process, or of one elsewhere.

Owns nothing. What a relay answers has the same form either way (see `link.relay_api.RelayApi`).
"""

from typing import Any, Protocol

import msgspec

from mobifai.errors import SignInRefused
from mobifai.protocol.codes import ClientKind
from mobifai.relay.server import Relay
from mobifai.transport.relay_address import RelayTarget


class DeviceRegistry(Protocol):
    """Who is let in. Every question may raise SignInRefused, of a relay elsewhere also RelayUnreachable."""

    async def invite(self, kind: ClientKind) -> dict[str, Any]:
        """An invitation for a phone of a kind: `{token, code, expires_at}`."""

    async def devices(self) -> dict[str, Any]:
        """The account's devices."""

    async def revoke(self, device_id: str) -> dict[str, Any]:
        """Shut a device out, at once."""


class LocalDeviceRegistry:
    """Those of a relay in this process. `own_id` is the agent's device, which can't shut itself out."""

    def __init__(self, relay: Relay, own_id: str) -> None:
        self._relay = relay
        self._own_id = own_id

    async def invite(self, kind: ClientKind) -> dict[str, Any]:
        """See `DeviceRegistry`."""
        made = self._relay.sign_in.invite(kind)
        return {"token": made.token, "code": made.code, "expires_at": made.expires_at}

    async def devices(self) -> dict[str, Any]:
        """See `DeviceRegistry`."""
        return {"devices": msgspec.to_builtins(self._relay.devices())}

    async def revoke(self, device_id: str) -> dict[str, Any]:
        """See `DeviceRegistry`."""
        if device_id == self._own_id:
            raise SignInRefused("this is the device that asks; it can't revoke itself")
        await self._relay.revoke(device_id)
        return {"deviceId": device_id}


def device_registry(relay_target: RelayTarget, own_id: str, token: str | None) -> DeviceRegistry:
    """Those of the relay in use, asked with the agent's token."""
    if relay_target.relay is not None:
        return LocalDeviceRegistry(relay_target.relay, own_id)
    from mobifai.access.relay_http import RelayApi  # noqa: PLC0415 - it brings a client for HTTP

    return RelayApi(relay_target.url, token)
