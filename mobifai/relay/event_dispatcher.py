"""Dispatch of device events: registration, pairing and forwarding.

The dispatcher passes events from the connections to `protocol.relay_pairing`, which decides what they cause. It carries
out each decision before it handles the next event, so that devices receive packets in the right order. It waits for
room in queues only before a decision.
"""

import hmac
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import urlencode

import msgspec

from mobifai.bounds import Ledger
from mobifai.errors import BadMessage, LimitReached, MobiFaiError, PairingRefused, SignInRefused
from mobifai.limits import RELAY_ACCOUNT_SOCKETS, RELAY_SOCKETS
from mobifai.protocol import messages
from mobifai.protocol.relay_pairing import ConnectedDevice, Disconnect, Emit, RelayCommand, RelayRegistry, is_forwarded
from mobifai.relay.close_codes import CloseCode
from mobifai.relay.outbox import Outbox
from mobifai.relay.packets import MALFORMED
from mobifai.relay.signin import SignIn

SIGN_IN_SECONDS = 600.0
"""How long a connection may stay open without a signed-in device. A pairing code is valid for the same time."""

_NAMES = {"mac": "Agent", "mobile": "Phone"}

log = logging.getLogger(__name__)


class DeviceConnection(Protocol):
    """A device's connection, on a WebSocket or inside this process.

    `key` identifies the connection in the registry. `opened_at` is in seconds of the monotonic clock. `in_process` is
    True for a device in this process, which may have one connection for each `seat`. `pending_register` is the
    registration of a device that has to sign in first, and `nonce` identifies that sign-in. `signed_in` is True while a
    device is signed in. `outbox` holds the packets that wait to be sent to the device.
    """

    key: str
    address: str
    in_process: bool
    seat: int
    opened_at: float
    pending_register: messages.Register | None
    nonce: str
    signed_in: bool

    @property
    def outbox(self) -> Outbox[Any]: ...  # noqa: D102

    @property
    def in_flight(self) -> int:
        """Number of packets to the device that the operating system, or a device in this process, has not accepted."""

    def send(self, event: str, payload: object) -> None:
        """Send the device an event now, or queue it. If the queue is full, close the connection."""

    def disconnect(self) -> None:
        """Send queued packets, tell the device not to reconnect, and close the connection."""

    def close(self, code: CloseCode) -> None:
        """Send queued packets, and close the connection. The device may reconnect."""


class EventDispatcher:
    """Handles the events of all connections. `connections` maps the key of each open connection to it, oldest first."""

    def __init__(
        self,
        registry: RelayRegistry,
        sign_in: SignIn,
        connections: Mapping[str, DeviceConnection],
        ledger: Ledger,
        monotonic: Callable[[], float],
    ) -> None:
        self._of_account = ledger.open(RELAY_ACCOUNT_SOCKETS)
        self._most_signed_in = ledger.capacity(RELAY_SOCKETS) * 3 // 4  # the rest is for signing in
        self._registry = registry
        self._sign_in = sign_in
        self._connections = connections
        self._monotonic = monotonic

    # -- events

    async def on_event(self, connection: DeviceConnection, event: str, arguments: tuple[object, ...]) -> None:
        """Wait until the device's outbox has room, and for a forwarded event also its peer's. Then handle the event."""
        await connection.outbox.wait_for_room()  # a device that does not read its responses is not read from
        peer = self.peer_of(connection.key) if is_forwarded(event) else None
        if peer is not None:
            await peer.outbox.wait_for_room()  # back pressure: this device waits until its peer reads or is dropped
        self.handle(connection, event, arguments)

    def peer_of(self, key: str) -> DeviceConnection | None:
        """Return the connection of the other device in the pair of connection `key`, or None.

        The pairing may still be under way.
        """
        pair = self._registry.pair_of(key)
        return self._connections.get(pair.other(key)) if pair is not None else None

    def handle(self, connection: DeviceConnection, event: str, arguments: tuple[object, ...]) -> None:
        """Handle one event of a device now. If that fails, send `error` in response."""
        try:
            self._handle(connection, event, arguments)
        except PairingRefused as refused:
            self._carry_out(self._registry.refusal(connection.key, refused))
        except MobiFaiError as error:
            _send_notice(connection, "error", str(error))
        except Exception:
            log.exception("the relay could not handle the event %r of a device", event)
            _send_notice(connection, "error", f"{event}: internal error of the relay; see its log")

    def _handle(self, connection: DeviceConnection, event: str, arguments: tuple[object, ...]) -> None:
        if connection.outbox.ended:
            return
        if event == MALFORMED:
            raise BadMessage("packet", str(*arguments))
        if len(arguments) > 1:
            raise BadMessage(event, f"expected at most one payload; found {len(arguments)}")
        payload = arguments[0] if arguments else msgspec.Raw(b"null")
        if event != "register" and connection.key not in self._registry:
            raise BadMessage(event, "expected the event register first")
        if is_forwarded(event):
            receiver = self._registry.receiver_of(connection.key)
            if receiver is not None and receiver in self._connections:
                self._connections[receiver].send(event, payload)
        else:
            self._decide(connection, messages.decode(messages.FROM_DEVICE, event, payload))

    def _decide(self, connection: DeviceConnection, message: object) -> None:
        key = connection.key
        match message:
            case messages.Register():
                self._register(connection, message)
            case messages.RequestConnection():
                self._carry_out(self._registry.request(key, message.target_device_id, self._monotonic()))
            case messages.HandshakeSignature():
                self._carry_out(self._registry.respond(key, message.signature))
            case messages.HandshakeConfirmed() | None:
                self._carry_out(self._registry.confirm(key))
            case messages.Notice():
                self._carry_out(self._registry.fail(key, message.message))
            case messages.Echo():
                connection.send("relay:echo", message)

    # -- coming and going

    def _register(self, connection: DeviceConnection, register: messages.Register) -> None:
        try:
            answer = self._sign_in.authenticate(register, connection.address, in_process=connection.in_process)
            if answer is not None:
                self._require_room(connection, register, answer.user.id)
        except SignInRefused as refused:
            self._refuse(connection, refused)
            return
        if answer is not None:
            self._join(connection, register, answer)
        else:
            self._ask_to_sign_in(connection, register)

    def _require_room(self, connection: DeviceConnection, register: messages.Register, user: str) -> None:
        """Make sure that an account of a shared relay may have one more connection. Raises LimitReached."""
        is_here = connection.key in self._registry or self._registry.sockets_of(user, register.device_id)
        if is_here or not self._sign_in.shared:
            return
        own = len(self._registry.of_user(user))
        if own >= self._of_account.capacity:
            self._of_account.refuse("one more device")
            raise LimitReached(f"this account has {own} devices connected, which is its limit; disconnect one")
        if self._registry.count() >= self._most_signed_in:
            self._make_room(own)

    def _make_room(self, own: int) -> None:
        """Disconnect the newest device of the account with the most connections, to admit another account's device.

        `own` is the number of connections that the other account has. Raises LimitReached if no account has at least
        two more.
        """
        largest = self._registry.of_largest_user()
        if len(largest) <= own + 1:
            raise LimitReached("this relay has reached its limit of connected devices; try again later")
        for device in largest[-1:]:
            self._carry_out(self._registry.leave(device.sid))
            connection = self._connections.get(device.sid)
            if connection is not None:
                connection.signed_in = False
                connection.close(CloseCode.GOING_AWAY)

    def _ask_to_sign_in(self, connection: DeviceConnection, register: messages.Register) -> None:
        """Send a device without a token the address of the login page at which a user can sign it in."""
        self._sign_out(connection)
        connection.pending_register = register
        connection.nonce = secrets.token_urlsafe(16)
        query = urlencode({"deviceId": register.device_id, "type": register.type, "nonce": connection.nonce})
        message = "Sign in with a pairing code"
        connection.send("login_required", messages.LoginRequired(message=message, login_url=f"/login?{query}"))

    def _sign_out(self, connection: DeviceConnection) -> None:
        connection.signed_in = False
        self._carry_out(self._registry.leave(connection.key))

    def _refuse(self, connection: DeviceConnection, refused: SignInRefused) -> None:
        self._sign_out(connection)
        _send_notice(connection, "auth_error", str(refused))
        try:
            self._sign_in.check(connection.address)
        except SignInRefused as too_many:
            _send_notice(connection, "error", str(too_many))
            connection.close(CloseCode.POLICY_VIOLATION)

    def _join(self, connection: DeviceConnection, register: messages.Register, answer: messages.Authenticated) -> None:
        connection.pending_register = None
        connection.nonce = ""
        connection.signed_in = True
        connection.send("authenticated", answer)
        device = ConnectedDevice(
            sid=connection.key,
            user=answer.user.id,
            device_id=register.device_id,
            type=register.type,
            name=register.device_name or _NAMES[register.type],
            public_key=register.public_key,
            tab_count=max(0, register.tab_count or 0),
            features=register.features,
            seat=connection.seat,
        )
        self._carry_out(self._registry.join(device))
        self._count()

    def _count(self) -> None:
        """Record the largest account's number of connections in the ledger. Only a shared relay limits it."""
        if self._sign_in.shared:
            self._of_account.set(len(self._registry.of_largest_user()))

    def find_pending(self, nonce: str, device_id: str, kind: str) -> DeviceConnection | None:
        """Return the connection on which a device waits for this sign-in, or None.

        The sign-in's nonce, the device's id and its type (`kind`) all have to match.
        """
        for connection in self._connections.values():
            register = connection.pending_register
            is_asked = connection.nonce and hmac.compare_digest(
                connection.nonce.encode(), nonce.encode("utf-8", "replace")
            )
            if is_asked and register is not None and (register.device_id, register.type) == (device_id, kind):
                return connection
        return None

    def sign_in(self, connection: DeviceConnection, token: str) -> None:
        """Register the device that waits on this connection, with the token from its sign-in."""
        if connection.pending_register is not None:
            self._register(connection, msgspec.structs.replace(connection.pending_register, token=token))

    def on_end(self, connection: DeviceConnection) -> None:
        """Handle the end of a connection: end the pairing of its device, and notify the other device."""
        self._note(connection.key)
        self._carry_out(self._registry.leave(connection.key))
        self._count()

    def note_connected(self) -> None:
        """Store, for every connected device, that it is connected at present."""
        for key in self._connections:
            self._note(key)

    def _note(self, key: str) -> None:
        device = self._registry.device(key)
        if device is not None:
            self._sign_in.record_connected(device.user, device.device_id)

    def expire(self, now: float) -> None:
        """End handshakes that take too long, and close connections on which no device has signed in in time.

        `now` is in seconds of the monotonic clock.
        """
        self._carry_out(self._registry.expire(now))
        for connection in list(self._connections.values()):
            if connection.key not in self._registry and now - connection.opened_at > SIGN_IN_SECONDS:
                _send_notice(connection, "error", "nobody signed in on this connection in time; connect again")
                connection.close(CloseCode.POLICY_VIOLATION)

    # -- what others do to devices

    def is_connected(self, account: str, device_id: str) -> bool:
        """Return whether a device is connected and signed in."""
        return bool(self._registry.sockets_of(account, device_id))

    def revoke(self, account: str, device_id: str) -> None:
        """Disconnect a revoked device now, and notify the account's agents."""
        self._carry_out(self._registry.revoke(account, device_id))

    def end_account(self, account: str) -> None:
        """Disconnect every device of an account that was removed."""
        self._carry_out(self._registry.remove_user(account))

    def broadcast_settings(self, account: str, settings: Mapping[str, object]) -> None:
        """Send an account's changed settings to its devices."""
        self._carry_out(self._registry.broadcast(account, "settings:updated", settings))

    def _carry_out(self, commands: list[RelayCommand]) -> None:
        for command in commands:
            connection = self._connections.get(command.sid)
            match command:
                case _ if connection is None:
                    pass
                case Emit(_, event, payload):
                    connection.send(event, payload)
                case Disconnect():
                    connection.signed_in = False
                    connection.disconnect()


def _send_notice(connection: DeviceConnection, event: str, message: str) -> None:
    connection.send(event, messages.Notice(message=message[:2000]))
