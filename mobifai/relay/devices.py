"""The devices of the account: which there are, and that one is shut out."""

from mobifai.protocol import messages as wire
from mobifai.relay.signin import SignIn, iso_time
from mobifai.relay.sockets import Sockets


class KnownDevice(wire.Message, frozen=True, omit_defaults=False):
    """A device of the account, as the API tells of it. Times are ISO 8601, UTC."""

    device_id: str
    name: str
    type: str
    created_at: str
    last_seen: str
    connected: bool


class Devices:
    """Those that were let in, and whether each is connected. Owns nothing."""

    def __init__(self, sign_in: SignIn, sockets: Sockets) -> None:
        self._sign_in = sign_in
        self._sockets = sockets

    def known(self) -> list[KnownDevice]:
        """The account's devices, oldest first."""
        return [
            KnownDevice(
                device_id=device.device_id,
                name=device.name,
                type=device.type,
                created_at=iso_time(device.created_at),
                last_seen=iso_time(device.last_seen),
                connected=self._sockets.is_connected(device.device_id),
            )
            for device in self._sign_in.devices()
        ]

    def revoke(self, device_id: str) -> None:
        """Shut a device out, at once. Raises SignInRefused for one that is not let in."""
        self._sign_in.shut_out(device_id)
        self._sockets.revoke(device_id)
