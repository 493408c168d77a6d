"""The relay's device registry: invitations for phones, and the devices of the account.

A relay in this process is called directly (`LocalDeviceRegistry`), any other by HTTP (`relay_http.RelayApi`). Both
return their results in the same form.
"""

from typing import Any, Protocol

import msgspec

from mobifai.errors import SignInRefused
from mobifai.protocol.codes import ClientKind
from mobifai.relay.server import Relay
from mobifai.transport.relay_address import RelayTarget


class DeviceRegistry(Protocol):
    """Invites, lists and revokes devices. Every method may raise SignInRefused or, over HTTP, RelayUnreachable."""

    async def invite(self, kind: ClientKind) -> dict[str, Any]:
        """Create an invitation for one phone of this kind. Return `{token, code, expires_at}`.

        `expires_at` is ISO 8601 text. Raises SignInRefused, RelayUnreachable.
        """

    async def devices(self) -> dict[str, Any]:
        """Return the devices of the agent's account: `{devices: [...]}`, with the fields of `messages.ListedDevice`."""

    async def revoke(self, device_id: str) -> dict[str, Any]:
        """Revoke a device of the agent's account immediately. Return `{deviceId}`."""


class LocalDeviceRegistry:
    """The registry of a relay in this process. `own_id` is the id of the agent's own device, which can't be revoked."""

    def __init__(self, relay: Relay, own_id: str) -> None:
        self._relay = relay
        self._own_id = own_id

    async def invite(self, kind: ClientKind) -> dict[str, Any]:
        """Create an invitation for one phone of this kind (see `DeviceRegistry`)."""
        made = self._relay.sign_in.invite(kind)
        return {"token": made.token, "code": made.code, "expires_at": made.expires_at}

    async def devices(self) -> dict[str, Any]:
        """Return the devices of the agent's account (see `DeviceRegistry`)."""
        return {"devices": msgspec.to_builtins(self._relay.devices())}

    async def revoke(self, device_id: str) -> dict[str, Any]:
        """Revoke a device of the agent's account immediately (see `DeviceRegistry`)."""
        if device_id == self._own_id:
            raise SignInRefused(
                f"expected the id of another device; found {device_id}, the agent's own, which it can't revoke"
            )
        await self._relay.revoke(device_id)
        return {"deviceId": device_id}


def device_registry(relay_target: RelayTarget, own_id: str, token: str | None) -> DeviceRegistry:
    """Return the device registry of the agent's relay.

    `own_id` is the id of the agent's own device. `token` is the agent's token, which is sent with HTTP requests.
    """
    if relay_target.relay is not None:
        return LocalDeviceRegistry(relay_target.relay, own_id)
    from mobifai.access.relay_http import RelayApi  # noqa: PLC0415 - it brings a client for HTTP

    return RelayApi(relay_target.url, token)
