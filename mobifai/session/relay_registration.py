"""The agent's registration with its relay, and the pairing with a phone on this relay.

`protocol.agent_pairing` decides what to do. This module carries out its commands, stores the token, and delivers the
messages of a paired phone to its session. Owns the connection to the relay, the state of the pairing, and a timer.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from mobifai.bounds import Ledger
from mobifai.errors import BadMessage, StateError
from mobifai.protocol import agent_commands, agent_pairing, messages
from mobifai.protocol.features import Features
from mobifai.protocol.plain_text import one_line
from mobifai.session.inbound import SIGNALS
from mobifai.state import StateDir
from mobifai.terminals.tabs import Tabs
from mobifai.transport.relay_address import RelayTarget
from mobifai.transport.relay_transport import RelayTransport, create_relay_transport
from mobifai.transport.transport import TransportClosed

_log = logging.getLogger(__name__)

MOST_SIGN_IN_PROMPTS = 3
"""The maximum number of sign-in addresses shown for one connection to a relay. A relay sends one, or two if the agent's
token is invalid."""

FLUSH_SECONDS = 2.0
"""Time limit, in seconds, for sending the last messages to a phone before the agent disconnects from the relay."""

_POLL_SECONDS = 0.01

ECHO_SECONDS = 5.0
"""Time limit, in seconds, for the relay to return an echo."""


def _ignore(_event: str, _payload: object) -> None:
    """Ignore a message of a phone that has no session."""


class PairedPhone:
    """A phone that is paired with the agent.

    `receive` is called with each event and payload that the relay forwards from it.
    """

    def __init__(self, device_id: str, features: Features, registration: "RelayRegistration") -> None:
        self.device_id = device_id
        self.features = features
        self.relay_is_ours = registration.relay_is_ours
        self.transport = registration.transport
        self.send = registration.send
        self.end_pairing = registration.end_pairing
        self.channel_ended = registration.channel_ended
        self.receive: Callable[[str, object], None] = _ignore

    def release(self) -> None:
        """Ignore further messages of the phone, since its session is closed."""
        self.receive = _ignore

    def request_echo(self, nonce: str) -> None:
        """Ask the relay for an echo. The relay returns it after it has delivered all earlier messages of the agent."""
        self.send("relay:echo", messages.Echo(nonce=nonce))


class RegistrationListener(Protocol):
    """Receives the relay's events about the phone of one registration. No method may raise or block."""

    @property
    def has_channel(self) -> bool:
        """Whether the data channel of the phone is open."""

    def phone_paired(self, phone: PairedPhone) -> None:
        """Called when a phone has paired. It replaces the previous phone."""

    def phone_unpaired(self, reason: str) -> None:
        """Called when the pairing has ended, so that the phone's session has to end."""

    def phone_left_relay(self) -> None:
        """Called when the phone is no longer connected to the relay. An open data channel continues."""

    def relay_has_room(self) -> None:
        """Called when a message to the relay has been sent, so that there may be room for others."""

    def relay_echoed(self, nonce: str) -> None:
        """Called when the relay has returned the echo `nonce`."""


class SignInListener(Protocol):
    """Receives the progress of the registration. No method may raise or block."""

    def sign_in(self, url: str, message: str) -> None:
        """Called when the user has to open `url` to sign the agent in. `message` is the relay's text for the user."""

    def signed_in(self) -> None:
        """Called when the relay has accepted this agent, so that phones can pair."""


class RelayRegistration:
    """The agent's registration with its relay, for one phone at a time.

    If the relay runs in this process, the agent has one registration for each `seat`. `listener` receives the events of
    the phone, and `sign_in` those of the registration. `relay_echoes` becomes true when the relay has returned an echo.
    Some relays never return any.
    """

    def __init__(
        self,
        state: StateDir,
        target: RelayTarget,
        ledger: Ledger,
        pairing: agent_pairing.Pairing,
        tabs: Tabs,
        listener: RegistrationListener,
        sign_in: SignInListener,
        time_scale: float,
        seat: int = 0,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._state = state
        self._target = target
        self._tabs = tabs
        self._listener = listener
        self._sign_in = sign_in
        self._phone: PairedPhone | None = None
        self._prompts_left = 0
        self._leave_timer: asyncio.TimerHandle | None = None
        self._leave_by = 0.0
        self._probe: tuple[str, asyncio.Future[None]] | None = None
        self._pairing = pairing
        self.relay_echoes = False
        self.token = target.token
        self.transport: RelayTransport = create_relay_transport(
            target, ledger, self, lambda: self.token, time_scale, seat
        )

    async def run(self) -> None:
        """Stay registered with the relay until cancelled."""
        await self.transport.run()

    def close(self) -> None:
        """Stop the timer of `end_pairing`. Idempotent."""
        self._cancel_leaving()

    @property
    def relay_is_ours(self) -> bool:
        """Whether the relay is MobiFai's own, which forwards every event and returns echoes."""
        return self._pairing.relay_is_ours

    # -- events of the relay (RelayListener)

    def relay_connected(self) -> None:
        """Register with the relay. Called when a connection to the relay has opened."""
        self._prompts_left = MOST_SIGN_IN_PROMPTS
        self._do(self._pairing.relay_connected(len(self._tabs)))

    def relay_lost(self) -> None:
        """Handle the loss of the connection to the relay: end the phone's session unless its data channel is open."""
        self._listener.phone_left_relay()
        self._do(self._pairing.relay_lost(self._listener.has_channel))

    def relay_has_room(self) -> None:
        """Notify the listener that the relay's transport has room for more messages."""
        self._listener.relay_has_room()

    def relay_message(self, event: str, payload: object) -> None:
        """Process a message of the relay itself, or deliver one that the relay forwards from the phone."""
        if event not in messages.FROM_RELAY or event in SIGNALS:
            if self._pairing.phone_on_relay and self._phone is not None:
                self._phone.receive(event, payload)
            else:
                _log.debug("ignored %s: no phone is paired", event)
            return
        try:
            self._receive(event, messages.decode(messages.FROM_RELAY, event, payload))
        except BadMessage as error:
            _log.warning("ignored a message of the relay that the protocol does not allow: %s", error)

    def _receive(self, event: str, message: Any) -> None:
        tabs = len(self._tabs)
        match event:
            case "authenticated":
                self._do(self._pairing.authenticated(message))
                self._sign_in.signed_in()
            case "login_required":
                self._do(self._pairing.login_required(message))
            case "auth_error":
                self._do(self._pairing.auth_error(message, tabs))
            case "handshake:initiate":
                self._do(self._pairing.initiate(message))
            case "handshake:verify":
                self._do(self._pairing.verify(message))
            case "paired":
                self._do(self._pairing.paired(message))
            case "paired_device_disconnected":
                self._listener.phone_left_relay()
                self._do(self._pairing.peer_left_relay(self._listener.has_channel, tabs))
            case "device_revoked":
                self._do(self._pairing.revoked(message))
            case "relay:echo":
                self._echoed(message.nonce)
            case "error":
                _log.warning("the relay reports an error: %s", one_line(message.message))
            case _:
                _log.debug("ignored %s of the relay, which an agent does not need", event)

    # -- commands of the pairing

    def _do(self, commands: Iterable[agent_commands.PairingCommand]) -> None:
        for command in commands:
            self._do_one(command)

    def _do_one(self, command: agent_commands.PairingCommand) -> None:
        match command:
            case agent_commands.SendToRelay(event, payload):
                self.send(event, payload)
            case agent_commands.KeepToken(token):
                self._keep_token(token)
            case agent_commands.DropToken():
                self._keep_token(None)
            case agent_commands.ShowLogin(login_url, message):
                self._show_sign_in(login_url, message)
            case agent_commands.OpenPeer(peer_id):
                self._cancel_leaving()
                self._phone = PairedPhone(peer_id, self._pairing.features, self)
                self._listener.phone_paired(self._phone)
            case agent_commands.ClosePeer(reason):
                self._listener.phone_unpaired(reason)
            case agent_commands.LogEntry(text, warning):
                _log.log(logging.WARNING if warning else logging.INFO, "%s", text)

    def _show_sign_in(self, path: str, message: str) -> None:
        if not path.startswith("/") or path.startswith("//"):  # the address would not be on this relay
            _log.warning("ignored the relay's request to sign in at %r, which is not a path of the relay", path[:100])
            return
        if self._prompts_left > 0:
            self._prompts_left -= 1
            self._sign_in.sign_in(self._target.url + path, one_line(message))

    def _keep_token(self, token: str | None) -> None:
        self.token = token
        try:
            self._state.keep_token(self._target.url, token)
        except StateError as error:
            _log.warning(
                "the agent's token for the relay can't be stored, so the next start may have to sign in again: %s",
                error,
            )

    # -- requests of sessions

    def send(self, event: str, payload: object) -> None:
        """Send an event to the relay. If there is no connection, drop it."""
        try:
            self.transport.send(event, payload)
        except TransportClosed as error:
            level = logging.WARNING if self.transport.open else logging.DEBUG
            _log.log(level, "the event %s could not be sent to the relay: %s", event, error)

    def channel_ended(self) -> None:
        """Handle the end of the phone's data channel: end the phone's session if the relay has lost the phone too."""
        self._do(self._pairing.channel_lost(len(self._tabs)))

    def revoke(self, device_id: str) -> None:
        """End the pairing with a phone that was revoked on this machine, without waiting for the relay."""
        was_involved = self._pairing.involves(device_id)
        self._do(self._pairing.revoked(messages.DeviceRevoked(device_id=device_id)))
        if was_involved and self._target.relay is None:
            self.end_pairing()

    def end_pairing(self) -> None:
        """End any pairing: disconnect from the relay once the last messages are sent. The agent then connects again."""
        if self._leave_timer is None:
            self._leave_by = self._loop.time() + FLUSH_SECONDS
            self._leave_timer = self._loop.call_later(0, self._leave_when_flushed)

    def _cancel_leaving(self) -> None:
        if self._leave_timer is not None:
            self._leave_timer.cancel()
            self._leave_timer = None

    def _leave_when_flushed(self) -> None:
        self._leave_timer = None
        if self.transport.open and self.transport.in_flight and self._loop.time() < self._leave_by:
            self._leave_timer = self._loop.call_later(_POLL_SECONDS, self._leave_when_flushed)
        elif self.transport.open:
            self.transport.drop()

    # -- the round trip to the relay

    async def round_trip(self) -> float:
        """Request an echo from the relay, and return how many seconds it took.

        The echo uses the connection that carries phones' messages. Raises TimeoutError after ECHO_SECONDS.
        """
        began = self._loop.time()
        nonce = f"probe:{began:.6f}"
        self._probe = nonce, self._loop.create_future()
        try:
            self.send("relay:echo", messages.Echo(nonce=nonce))
            async with asyncio.timeout(ECHO_SECONDS):
                await self._probe[1]
        finally:
            self._probe = None
        return self._loop.time() - began

    def _echoed(self, nonce: str) -> None:
        self.relay_echoes = True
        if self._probe is not None and self._probe[0] == nonce:
            if not self._probe[1].done():
                self._probe[1].set_result(None)
        else:
            self._listener.relay_echoed(nonce)
