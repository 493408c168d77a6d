"""Administration of a running agent's devices: invites, lists and revokes them at the relay and in the agent."""

from collections.abc import Sequence
from typing import Any, Literal

from mobifai.access.devices import DeviceAdmin
from mobifai.access.known_phones import KnownPhones
from mobifai.access.registry import device_registry
from mobifai.protocol.codes import ClientKind
from mobifai.session.key_combinations import Combinations
from mobifai.session.registry import SessionRegistry
from mobifai.session.relay_registration import RelayRegistration
from mobifai.transport.relay_address import RelayTarget


class AgentDevices:
    """Invites, lists and revokes devices: at the relay, among the known phones, and in the open sessions.

    The agent's token and the machine's addresses may change, so they are read again for each request.
    """

    def __init__(
        self,
        relay_target: RelayTarget,
        phones: KnownPhones,
        device_id: str,
        public_key: bytes,
        e2e: Literal["allow", "require"],
        combinations: Combinations,
        registry: SessionRegistry,
        registrations: Sequence[RelayRegistration],
    ) -> None:
        self._relay_target = relay_target
        self._phones = phones
        self._device_id = device_id
        self._public_key = public_key
        self._e2e = e2e
        self._combinations = combinations
        self._registry = registry
        self._registrations = registrations

    async def invite(self, kind: ClientKind) -> dict[str, Any]:
        """Create an invitation for one phone, and return its fields (see `DeviceAdmin.invite`).

        Raises SignInRefused, RelayUnreachable.
        """
        return await self._admin().invite(kind)

    async def devices(self) -> dict[str, Any]:
        """Return all devices, as `DeviceAdmin.devices` does. Raises SignInRefused, RelayUnreachable."""
        return await self._admin().devices()

    async def revoke(self, device_id: str) -> dict[str, Any]:
        """Revoke a device in the agent and at the relay (see `DeviceAdmin.revoke`).

        Raises SignInRefused, RelayUnreachable, StateError.
        """
        return await self._admin().revoke(device_id, self._shut_out)

    def _admin(self) -> DeviceAdmin:
        registry = device_registry(self._relay_target, self._device_id, self._registrations[0].token)
        urls = self._relay_target.find_urls()
        return DeviceAdmin(registry, self._phones, urls, self._device_id, self._public_key, self._e2e)

    def _shut_out(self, device_id: str) -> None:
        self._combinations.forget(device_id)
        self._registry.revoke(device_id)
        for registration in self._registrations:
            registration.revoke(device_id)
