"""The agent's links: the relay, the peer connection and the outbound queue that uses either, for one phone at a time.

`Pairing` decides what to do about the relay, `EncryptedSession` whether an encrypting phone is who it claims to be, and
`OutboundQueue` which path a message takes. This module connects them. Messages of the phone go to the dispatcher.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Protocol

import msgspec

from mobifai.access.known_phones import KnownPhones
from mobifai.access.policy import AccessPolicy
from mobifai.bounds import Ledger
from mobifai.config import Config
from mobifai.errors import BadMessage, StateError
from mobifai.protocol import agent_pairing as pairing
from mobifai.protocol import messages
from mobifai.protocol.e2e import Reason
from mobifai.protocol.features import NO_FEATURES, Features
from mobifai.protocol.plain_text import one_line
from mobifai.session.encryption import EncryptedSession
from mobifai.session.handover import ChannelHandover
from mobifai.session.inbound import SIGNALS, RelayInbox
from mobifai.session.inbox import Inbox
from mobifai.session.ordering import Ordering
from mobifai.session.outbound import OutboundQueue
from mobifai.state import AgentIdentity, StateDir
from mobifai.terminals.tabs import Tabs
from mobifai.transport.peer_connector import PeerConnector
from mobifai.transport.relay_address import RelayTarget
from mobifai.transport.relay_transport import create_relay_transport
from mobifai.transport.transport import TransportClosed

_log = logging.getLogger(__name__)

SIGN_IN_PROMPTS = 3
"""Addresses for signing in that are shown for one connection to a relay; a relay sends one, or two with a bad token."""


class LinkListener(Protocol):
    """Who is told. No call may wait."""

    def phone_said(self, event: str, payload: object) -> None:
        """A message of the phone; a code action is `code:ACTION`."""

    def phone_sent(self, text: str) -> None:
        """A frame of the phone, on the data channel."""

    def phone_came(self, features: Features) -> None:
        """A phone is there, or on another path."""

    def phone_left(self) -> None:
        """No phone is there any more."""

    def relay_echoed(self) -> None:
        """What was sent to be sent back came back."""

    def sign_in(self, url: str, message: str) -> None:
        """Somebody has to open this address to sign the agent in."""

    def signed_in(self) -> None:
        """The relay knows this agent."""


class Links:
    """The ways to one phone. `tabs` is set before anything runs."""

    def __init__(
        self,
        config: Config,
        state: StateDir,
        device: AgentIdentity,
        relay_target: RelayTarget,
        ledger: Ledger,
        phones: KnownPhones,
        listener: LinkListener,
    ) -> None:
        self._state = state
        self._relay_target = relay_target
        self._listener = listener
        self._phone_here = False
        self._features = NO_FEATURES
        self._prompts_left = 0
        self.token = relay_target.token
        own = relay_target.relay
        admission = AccessPolicy(phones, config.e2e, own.sign_in.allows_unencrypted if own is not None else None)
        self.pairing = pairing.Pairing(
            device.device_id, config.device_name, device.identity, relay_target.token, admission.rejection_reason
        )
        self.relay = create_relay_transport(relay_target, ledger, self, lambda: self.token, config.time_scale)
        self._inbox = Inbox(ledger, self._phone_sends_too_much)
        self.order: Ordering[tuple[str, object]] = Ordering(
            ledger, lambda message: self._said(*message), self._channel_lost_messages, self._order_broken
        )
        numbering = self.order.numbering
        self.encryption = EncryptedSession(
            self.relay, phones, state.e2e_key, device.device_id, config.device_name, numbering, self
        )
        self.connector = PeerConnector(ledger, config.ice_servers, self, numbering)
        self.relay_inbox = RelayInbox(
            self.encryption,
            self.connector,
            self._said,
            self._sent,
            self.order,
            self._relay_hid_something,
        )
        self.outbound = OutboundQueue(ledger, self.relay, self._phone_does_not_read)
        self._handover = ChannelHandover(lambda: self.relay.open and self.relay.in_flight > 0, self._use_channel)
        self.tabs: Tabs | None = None

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.relay.run(), name="relay")
            tasks.create_task(self.connector.run(), name="caller")

    def close(self) -> None:
        """Say and send nothing any more."""
        self._handover.stop()
        self.encryption.close()
        self.outbound.close()
        self.order.close()
        self._inbox.close()

    @property
    def _tabs(self) -> Tabs:
        assert self.tabs is not None  # noqa: S101 - set before anything runs
        return self.tabs

    # -- what the relay says (RelayListener)

    def relay_connected(self) -> None:
        """Register."""
        self._prompts_left = SIGN_IN_PROMPTS
        self._do(self.pairing.relay_connected(len(self._tabs)))

    def relay_lost(self) -> None:
        """Serve on over an open channel, or let go of the phone."""
        self._relay_serves_nobody()
        self._do(self.pairing.relay_lost(self.channel_open))
        self._let_go_without_path()

    def relay_has_room(self) -> None:
        """Send on."""
        self.outbound.flush()

    def relay_message(self, event: str, payload: object) -> None:
        """Pass on what the relay says itself, and what it forwards from the phone."""
        if event not in messages.FROM_RELAY or event in SIGNALS:
            if self.pairing.phone_on_relay:
                self.relay_inbox.forwarded(event, payload)
            else:
                _log.debug("ignored %s: no phone is paired", event)
            return
        try:
            self._relay_means(event, messages.decode(messages.FROM_RELAY, event, payload))
        except BadMessage as error:
            _log.warning("the relay sent what the protocol does not allow: %s", error)

    def _relay_hid_something(self) -> None:
        """A phone encrypts, and is served as one that can't: the relay has left that out of what the phone lists."""
        message = "the relay hides that this phone has end-to-end encryption"
        self.send_to_relay("e2e:refused", messages.E2eRefused(reason=Reason.BROKEN.value, message=message))
        _log.warning("%s; the pairing is ended", message)
        self._let_go("hung up on a phone whose relay changes what it says")
        self.encryption.reconnect_relay()

    def _relay_means(self, event: str, message: Any) -> None:
        tabs = len(self._tabs)
        match event:
            case "authenticated":
                self._do(self.pairing.authenticated(message))
                self._listener.signed_in()
            case "login_required":
                self._do(self.pairing.login_required(message))
            case "auth_error":
                self._do(self.pairing.auth_error(message, tabs))
            case "handshake:initiate":
                self._do(self.pairing.initiate(message))
            case "handshake:verify":
                self._do(self.pairing.verify(message))
            case "paired":
                self._do(self.pairing.paired(message))
            case "paired_device_disconnected":
                self._relay_serves_nobody()
                self._do(self.pairing.peer_left_relay(self.channel_open, tabs))
                self._let_go_without_path()
            case "device_revoked":
                self._inbox.clear()
                self._do(self.pairing.revoked(message))
            case "relay:echo":
                self._echoed(message.nonce)
            case "error":
                _log.warning("the relay says: %s", one_line(message.message))
            case _:
                _log.debug("the relay says %s", event)

    def _relay_serves_nobody(self) -> None:
        self.outbound.relay_serves = self.relay_inbox.believes_relay = False
        self.encryption.end()

    # -- what the pairing wants

    def _do(self, commands: Iterable[pairing.PairingCommand]) -> None:
        for command in commands:
            self._do_one(command)

    def _do_one(self, command: pairing.PairingCommand) -> None:
        match command:
            case pairing.SendToRelay(event, payload):
                self.send_to_relay(event, payload)
            case pairing.KeepToken(token):
                self._keep_token(token)
            case pairing.DropToken():
                self._keep_token(None)
            case pairing.ShowLogin(login_url, message):
                self._ask_to_sign_in(login_url, message)
            case pairing.OpenPeer(peer_id):
                self._begin_with(peer_id)
            case pairing.ClosePeer(reason):
                self._relay_serves_nobody()
                self._let_go(reason)
            case pairing.LogEntry(text, warning):
                _log.log(logging.WARNING if warning else logging.INFO, "%s", text)

    def _ask_to_sign_in(self, path: str, message: str) -> None:
        if not path.startswith("/") or path.startswith("//"):  # it would lead elsewhere than to this relay
            _log.warning("the relay wants a sign-in at %r, which is no path on it", path[:100])
            return
        if self._prompts_left > 0:
            self._prompts_left -= 1
            self._listener.sign_in(self._relay_target.url + path, one_line(message))

    def send_to_relay(self, event: str, payload: object) -> None:
        """Tell the relay something; without a connection it is lost."""
        try:
            self.relay.send(event, payload)
        except TransportClosed as error:
            _log.log(logging.WARNING if self.relay.open else logging.DEBUG, "%s could not be sent: %s", event, error)

    def _keep_token(self, token: str | None) -> None:
        self.token = token
        try:
            self._state.keep_token(self._relay_target.url, token)
        except StateError as error:
            _log.warning("the relay's token can't be kept for the next start: %s", error)

    # -- a phone comes and goes

    def _begin_with(self, peer_id: str) -> None:
        self._handover.stop()
        self._inbox.clear()
        self.encryption.cancel_reconnect()
        self.encryption.end()
        self._drop_channel()
        self.outbound.set_channel(None)
        e2e = self.pairing.features.e2e
        self.relay_inbox.believes_relay = not e2e
        self.outbound.set_relay_transport(self.encryption.transport if e2e else self.relay)
        if e2e:
            self._await_proof(peer_id)
        else:
            self._serve(peer_id, self.pairing.features)

    def _await_proof(self, peer_id: str) -> None:
        """Nobody is served before this phone has shown who it is."""
        self.connector.disconnect()
        self._tabs.phone_left()
        try:
            self.encryption.begin(peer_id)
        except StateError as error:
            self._let_go(f"no end-to-end encryption: {error}")
            self.encryption.reconnect_relay()

    def _serve(self, peer_id: str, features: Features) -> None:
        """A phone is there, by relay, and is called."""
        self._phone_here = True
        self.outbound.relay_serves = True
        self.outbound.relay_knows_screens = self.pairing.relay_is_ours
        self._features = features
        self.order.begin(ordered=features.e2e and features.ordered)
        self.outbound.keeps_order = self.order.is_on
        self.outbound.tells_positions = self._features.offsets
        self._tabs.phone_left()  # what was meant for the phone before is not for this one
        self._sync(comes=True)
        if len(self._tabs):
            self.outbound.send("system:message", messages.SystemMessage(type="terminal_ready"))
        self._tabs.phone_came(self._features)
        self._listener.phone_came(self._features)
        self.connector.connect(peer_id)

    # -- what the sealed session says (EncryptedSessionListener)

    def phone_proven(self, features: tuple[str, ...]) -> None:
        """Serve it, unless the relay has hidden that it signs with both names in the handshake."""
        phone_id, common = self.pairing.phone_id, Features.common(features)
        if common.binds and not self.pairing.features.binds:
            self.encryption.refuse(Reason.BROKEN, "the relay hides what this phone can do")
            return
        if phone_id is not None and self.pairing.phone_on_relay:
            _log.info("the phone %s is there, end to end", phone_id)
            self._serve(phone_id, replace(common, e2e=True))

    def frame_opened(self, frame: bytes) -> None:
        """Do what it says, or take the signal that it is."""
        self.relay_inbox.opened(frame)

    def encryption_failed(self, reason: str) -> None:
        """An open channel goes on: it has keys of its own. The pairing ends, so that the phone can come again."""
        self.outbound.relay_serves = False
        if not self.channel_open:
            self._let_go(f"the phone has to come again: {reason}")
        self.encryption.reconnect_relay()

    # -- the order of a session's messages

    def _channel_lost_messages(self) -> None:
        _log.info("messages on the data channel are missing, and the phone uses the relay")
        self._drop_channel()

    def _drop_channel(self) -> None:
        """Hear and send nothing by this channel any more."""
        if self.connector.peer is not None:
            self.connector.peer.drop()

    def _order_broken(self, reason: str) -> None:
        """What came late is not done, and what came before it was not all: the phone has to come again, and is told."""
        message = f"{reason}; what was typed may be lost"
        refused = messages.E2eRefused(reason=Reason.BROKEN.value, message=message)
        if self.connector.peer is not None and self.connector.peer.open:
            with contextlib.suppress(TransportClosed):
                self.connector.peer.send("e2e:refused", refused)
        _log.warning("the session is over: %s", message)
        self._inbox.clear()
        self.encryption.refuse(Reason.BROKEN, message)
        self._let_go("hung up on a phone whose messages did not come in their order")
        self.encryption.reconnect_relay()

    def revoke(self, device_id: str) -> None:
        """A phone was shut out by the person at this machine: if it is here, it goes now, whatever the relay does."""
        if device_id != self.pairing.phone_id:
            return
        self._inbox.clear()
        if self.encryption.session is not None:
            self.encryption.refuse(Reason.REVOKED, "this phone was revoked")
        self._do(self.pairing.revoked(messages.DeviceRevoked(device_id=device_id)))
        if self._relay_target.relay is None:
            self.encryption.reconnect_relay()

    def _sync(self, *, comes: bool) -> None:
        self.outbound.send("processes:sync", self._tabs.sync(self._features, comes=comes))

    def _comes_again(self, *, says_sync: bool) -> None:
        """The same phone on another path, while some was under way: no output goes on before it has said what it has,
        or gets the screens.
        """
        self._tabs.phone_left()
        if says_sync:
            self._sync(comes=True)
        self._tabs.phone_came(self._features)
        self._listener.phone_came(self._features)

    def _let_go(self, reason: str) -> None:
        _log.info("%s", reason)
        self._handover.stop()
        self.connector.disconnect()
        self.outbound.set_channel(None)
        self._let_go_without_path()

    def _let_go_without_path(self) -> None:
        self.outbound.relay_serves = self.pairing.phone_on_relay
        if self._phone_here and self.outbound.path is None and not self._handover.pending:
            self._phone_here = False
            self._tabs.phone_left()
            self._listener.phone_left()

    # -- what the phone says, in its turn

    def _said(self, event: str, payload: object) -> None:
        size = len(payload) if isinstance(payload, msgspec.Raw) else 0
        self._inbox.put(lambda: self._listener.phone_said(event, payload), size)

    def _sent(self, text: str) -> None:
        self._inbox.put(lambda: self._listener.phone_sent(text), len(text))

    def _phone_sends_too_much(self) -> None:
        self._let_go("hung up on a phone that sends more than can be done")
        self.encryption.reconnect_relay()

    def _phone_does_not_read(self) -> None:
        self._let_go("hung up on a phone that does not read what it asked for")

    @property
    def is_encrypted(self) -> bool:
        """Whether the phone that is here is one that encrypts end to end, and has shown who it is."""
        return self._phone_here and self._features.e2e

    @property
    def key_sharer(self) -> str | None:
        """The phone that is here, if it encrypts and shares its key combinations."""
        return self.pairing.phone_id if self.is_encrypted and self._features.shares_keys else None

    @property
    def channel_open(self) -> bool:
        """Whether a phone has the data channel."""
        return self.connector.peer is not None and self.connector.peer.open

    # -- what the call says (PeerConnectorListener)

    def offer_created(self, offer: messages.Offer) -> None:
        """Send the offer to the phone; its fingerprint is as authentic as the path is."""
        way = self.encryption.transport if self._features.e2e else self.relay
        try:
            way.send("webrtc:offer", offer)
        except TransportClosed as error:
            _log.debug("an offer could not be sent: %s", error)

    def channel_opened(self) -> None:
        """Change over to the channel, once what the relay carries has had time to arrive."""
        _log.info("the data channel is open")
        self.outbound.pause()
        asks = self.relay.open and self.outbound.relay_serves and self.pairing.relay_is_ours
        self._handover.begin(self._ask_echo if asks else None, listens=self._features.offsets)

    def _ask_echo(self, nonce: str) -> None:
        self.send_to_relay("relay:echo", messages.Echo(nonce=nonce))

    def _echoed(self, nonce: str) -> None:
        if not self._handover.echoed(nonce):
            self._listener.relay_echoed()

    def _use_channel(self, flushed: bool) -> None:
        came_by_relay = flushed and self.outbound.relay_serves and self.outbound.relay_knows_screens
        self.outbound.set_channel(self.connector.peer)
        if came_by_relay:
            self._sync(comes=False)
        else:
            self._comes_again(says_sync=True)

    def channel_message(self, text: str) -> None:
        """A phone's message over the channel. One that was let go is not heard any more."""
        if self._phone_here:
            self.relay_inbox.channel_message(text)

    def channel_has_room(self) -> None:
        """Send on."""
        self.outbound.flush()

    def connection_ended(self, was_open: bool) -> None:
        """Go on by relay: what the channel had not delivered comes again, at least with the screens."""
        if was_open:
            _log.info("the data channel ended")
        self._handover.stop()
        self.order.channel_ended()
        self.outbound.set_channel(None)
        self._do(self.pairing.channel_lost(len(self._tabs)))
        self._let_go_without_path()
        if was_open and self.outbound.path is not None:
            self._comes_again(says_sync=self._features.resumes)
        self.outbound.flush()
