"""The devices of an account: listing and revoking them."""

from mobifai.clocks import iso_time
from mobifai.protocol import messages
from mobifai.relay.event_dispatcher import EventDispatcher
from mobifai.relay.signin import SignIn


class DeviceInfo(messages.Message, frozen=True, omit_defaults=False):
    """A device of an account, as the API describes it. Times are ISO 8601, UTC.

    `type` is `mac` or `mobile`. `kind` is the kind of the device's invitation: `agent`, `e2e` or `legacy`. It is empty
    for a phone that was paired before invitations had kinds.
    """

    device_id: str
    name: str
    type: str
    kind: str
    created_at: str
    last_seen: str
    connected: bool


class RelayDevices:
    """The paired devices of all accounts, and whether each is connected. Owns nothing."""

    def __init__(self, sign_in: SignIn, dispatcher: EventDispatcher) -> None:
        self._sign_in = sign_in
        self._dispatcher = dispatcher

    def known(self, account: str) -> list[DeviceInfo]:
        """Return descriptions of an account's paired devices, oldest first."""
        return [
            DeviceInfo(
                device_id=device.device_id,
                name=device.name,
                type=device.type,
                kind=device.kind.value,
                created_at=iso_time(device.created_at),
                last_seen=iso_time(device.last_seen),
                connected=self._dispatcher.is_connected(account, device.device_id),
            )
            for device in self._sign_in.devices(account)
        ]

    def revoke(self, account: str, device_id: str) -> None:
        """Revoke a device and disconnect it immediately. Raises SignInRefused if there is no such device."""
        self._sign_in.revoke(device_id, account)
        self._dispatcher.revoke(account, device_id)
