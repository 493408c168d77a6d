"""The agent's side of registration and pairing, as a state machine without I/O.

docs/reference/protocol.md describes registration in section 2 and pairing in section 3.

A new connection to the relay begins with registration (REGISTERING). Either the relay knows the agent's token
(WAITING), or the user has to sign the agent in first (SIGN_IN). The relay may then introduce a phone: both devices sign
challenges that the relay made (HANDSHAKE). Each confirms the signature of the other, and the relay announces the
pairing (PAIRED). From then on the relay forwards the phone's messages. When the phone leaves, the agent waits for the
next one. When the connection to the relay is lost, the stage becomes OFFLINE.

The stage describes only the agent's state at the relay. A phone whose data channel is open is still served without the
relay: it stays `phone_id` until the channel ends too. `peer` is the phone of the latest handshake, which may be another
phone.

`TRANSITIONS` is the whole machine: for each stage, the events that are accepted in it, and the stage that follows. The
methods of `Pairing` convert a message to one of these events (for example, whether a signature is valid), look the
event up in `TRANSITIONS`, and return the commands to carry out. An event without an entry is ignored. Only a pairing
that the relay announces without a handshake is logged.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum, auto

from mobifai.errors import HandshakeFailed
from mobifai.protocol import messages
from mobifai.protocol.agent_commands import (
    ClosePeer,
    DropToken,
    KeepToken,
    LogEntry,
    OpenPeer,
    PairingCommand,
    SendToRelay,
    ShowLogin,
)
from mobifai.protocol.features import FEATURES, NO_FEATURES, Features
from mobifai.protocol.handshake import Identity, sign
from mobifai.protocol.phone_verification import Peer, is_reflected, signed_texts
from mobifai.protocol.plain_text import one_line


class PairingStage(Enum):
    """The stage of the agent's registration and pairing at the relay."""

    OFFLINE = "offline"
    REGISTERING = "registering"
    SIGN_IN = "sign-in"
    WAITING = "waiting"
    HANDSHAKE = "handshake"
    PAIRED = "paired"


class PairingEvent(Enum):
    """An event that may change the stage of a `Pairing`."""

    RELAY_CONNECTED = auto()
    RELAY_LOST = auto()
    AUTHENTICATED = auto()
    LOGIN_REQUIRED = auto()
    PHONE_ACCEPTED = auto()
    """The relay introduced a phone that the agent may pair with."""
    PHONE_REJECTED = auto()
    SIGNATURE_VALID = auto()
    SIGNATURE_INVALID = auto()
    PAIRING_ANNOUNCED = auto()
    """The relay announced a pairing with a phone whose signature the agent has verified, or has no way to verify."""
    PAIRING_UNCONFIRMED = auto()
    """The relay announced a pairing before the agent had verified the phone's signature."""
    PHONE_LEFT = auto()
    PHONE_REVOKED = auto()


_IN_ANY_STAGE: Mapping[PairingEvent, PairingStage] = {
    PairingEvent.RELAY_CONNECTED: PairingStage.REGISTERING,
    PairingEvent.RELAY_LOST: PairingStage.OFFLINE,
    PairingEvent.LOGIN_REQUIRED: PairingStage.SIGN_IN,
    PairingEvent.PHONE_ACCEPTED: PairingStage.HANDSHAKE,
    PairingEvent.PHONE_REJECTED: PairingStage.WAITING,
}

TRANSITIONS: Mapping[PairingStage, Mapping[PairingEvent, PairingStage]] = {
    PairingStage.OFFLINE: _IN_ANY_STAGE,
    PairingStage.REGISTERING: {
        **_IN_ANY_STAGE,
        PairingEvent.AUTHENTICATED: PairingStage.WAITING,
    },
    PairingStage.SIGN_IN: {
        **_IN_ANY_STAGE,
        PairingEvent.AUTHENTICATED: PairingStage.WAITING,
    },
    PairingStage.WAITING: _IN_ANY_STAGE,
    PairingStage.HANDSHAKE: {
        **_IN_ANY_STAGE,
        PairingEvent.SIGNATURE_VALID: PairingStage.HANDSHAKE,
        PairingEvent.SIGNATURE_INVALID: PairingStage.WAITING,
        PairingEvent.PAIRING_ANNOUNCED: PairingStage.PAIRED,
        PairingEvent.PAIRING_UNCONFIRMED: PairingStage.WAITING,
        PairingEvent.PHONE_LEFT: PairingStage.WAITING,
    },
    PairingStage.PAIRED: {
        **_IN_ANY_STAGE,
        PairingEvent.SIGNATURE_VALID: PairingStage.PAIRED,
        PairingEvent.PHONE_LEFT: PairingStage.WAITING,
        PairingEvent.PHONE_REVOKED: PairingStage.WAITING,
    },
}
"""The stage that follows each event. An invalid signature has no entry in PAIRED, since it proves nothing about the
phone."""


RejectionReason = Callable[[str, Features], str | None]
"""A function that returns why a phone is rejected, from its device id and features, or None to accept the phone."""


class Pairing:
    """The registration and pairing of one agent.

    `device_id` and `name` are the agent's own, as the relay and phones see them. `token` is the stored token, if there
    is one. Each method returns the commands that its caller has to carry out.
    """

    def __init__(
        self,
        device_id: str,
        name: str,
        identity: Identity,
        token: str | None,
        rejection_reason: RejectionReason = lambda _device_id, _features: None,
    ) -> None:
        self.stage = PairingStage.OFFLINE
        self.peer: Peer | None = None
        self._device_id = device_id
        self._name = name
        self._identity = identity
        self._token = token
        self._rejection_reason = rejection_reason
        self._channel_peer: str | None = None
        self._warned_unverified = False

    def _follow(self, event: PairingEvent) -> bool:
        """Change to the stage that follows an event. Return whether the event is accepted in the present stage."""
        following = TRANSITIONS[self.stage].get(event)
        if following is not None:
            self.stage = following
        return following is not None

    # -- the connection to the relay

    def relay_connected(self, tab_count: int) -> list[PairingCommand]:
        """Register on a new connection to the relay. `tab_count` is the agent's number of tabs."""
        self._follow(PairingEvent.RELAY_CONNECTED)
        return [self._register(tab_count)]

    def relay_lost(self, channel_open: bool) -> list[PairingCommand]:
        """Record that the relay is lost. Close the peer connection to the phone, unless its data channel is open."""
        self._follow(PairingEvent.RELAY_LOST)
        return [] if channel_open else self._close_peer("the relay connection is lost and no data channel is open")

    def _register(self, tab_count: int) -> SendToRelay:
        return SendToRelay(
            "register",
            messages.Register(
                type="mac",
                device_id=self._device_id,
                public_key=self._identity.public_hex,
                token=self._token,
                device_name=self._name,
                tab_count=tab_count,
                features=FEATURES,
            ),
        )

    def authenticated(self, message: messages.Authenticated) -> list[PairingCommand]:
        """Record that the relay has accepted the agent, so that phones can pair. Store the token if it is new."""
        self._follow(PairingEvent.AUTHENTICATED)
        renewed = message.token != self._token
        self._token = message.token
        return [KeepToken(message.token, message.user.email)] if renewed else []

    def login_required(self, message: messages.LoginRequired) -> list[PairingCommand]:
        """Ask the user to sign the agent in."""
        self._follow(PairingEvent.LOGIN_REQUIRED)
        return [ShowLogin(message.login_url, message.message)]

    def auth_error(self, message: messages.Notice, tab_count: int) -> list[PairingCommand]:
        """Delete a token that the relay has rejected, and register without one.

        If there is no token, only log the error.
        """
        if self._token is None:
            return [LogEntry(f"the relay refuses this agent: {one_line(message.message)}", warning=True)]
        self._token = None
        reason = one_line(message.message)
        entry = LogEntry(f"the relay rejected the stored token ({reason}); signing in again", warning=True)
        return [DropToken(), entry, self._register(tab_count)]

    # -- the handshake

    def initiate(self, message: messages.HandshakeInitiate) -> list[PairingCommand]:
        """Begin a handshake with a phone by signing the agent's challenge, unless the phone is rejected."""
        reason = self._rejection_reason(message.peer_id, Features.common(message.peer_features))
        if reason is None and is_reflected(message, self._device_id, self._identity):
            reason = "the relay gives both devices of the handshake the same id, key or challenge"
        if reason is not None:
            return self._reject(PairingEvent.PHONE_REJECTED, reason)
        try:
            secret = self._identity.shared_secret(message.peer_public_key)
        except HandshakeFailed as error:
            return self._reject(PairingEvent.PHONE_REJECTED, str(error))
        to_sign, to_verify = signed_texts(message, self._device_id, self._identity)
        signature = sign(secret, to_sign)
        self._follow(PairingEvent.PHONE_ACCEPTED)
        self.peer = Peer(message.peer_id, secret, to_verify, signature, message.peer_features)
        response = messages.HandshakeSignature(peer_id=message.peer_id, signature=signature)
        return [SendToRelay("handshake:response", response), *self._warn_unverified()]

    def _warn_unverified(self) -> list[PairingCommand]:
        if self._warned_unverified or (self.peer is not None and self.peer.to_verify is not None):
            return []
        self._warned_unverified = True
        text = "the relay does not let the agent verify the key of a phone, so pairing relies on the relay alone"
        return [LogEntry(text, warning=True)]

    def verify(self, message: messages.HandshakeSignature) -> list[PairingCommand]:
        """Check the phone's signature. If it is valid, confirm the phone to the relay; otherwise end the handshake."""
        peer = self.peer
        if peer is None:
            return []
        if not peer.accepts(message.signature):
            return self._reject(PairingEvent.SIGNATURE_INVALID, "the phone's signature does not match its key")
        if not self._follow(PairingEvent.SIGNATURE_VALID):
            return []
        self.peer = replace(peer, verified=True)
        return [SendToRelay("handshake:confirmed", messages.HandshakeConfirmed(peer_id=peer.peer_id))]

    def _reject(self, event: PairingEvent, reason: str) -> list[PairingCommand]:
        """End the handshake, and report the reason to the relay and the log. Do nothing if `event` is ignored."""
        if not self._follow(event):
            return []
        self.peer = None
        entry = LogEntry(f"refused a pairing: {reason}", warning=True)
        return [SendToRelay("error", messages.Notice(message=reason)), entry]

    def paired(self, message: messages.Paired) -> list[PairingCommand]:
        """Handle the relay's announcement of a pairing: serve the phone, unless its signature is not verified yet.

        A repeated announcement changes nothing.
        """
        peer = self.peer
        if self.stage is PairingStage.PAIRED:
            return []
        reason = "the relay announced a pairing that this agent had not confirmed"
        unverified = peer is not None and peer.to_verify is not None and not peer.verified
        if unverified and (rejected := self._reject(PairingEvent.PAIRING_UNCONFIRMED, reason)):
            return rejected
        if peer is None or not self._follow(PairingEvent.PAIRING_ANNOUNCED):
            return [LogEntry("ignored a pairing that the relay announced without a handshake", warning=True)]
        self._channel_peer = peer.peer_id
        return [OpenPeer(peer.peer_id), LogEntry(one_line(message.message) or "paired with a phone")]

    # -- parting

    def peer_left_relay(self, channel_open: bool, tab_count: int) -> list[PairingCommand]:
        """Handle a phone that has left the relay: close its peer connection, unless its data channel is open."""
        self._follow(PairingEvent.PHONE_LEFT)
        if channel_open:
            return [LogEntry("the phone left the relay; its data channel stays open")]
        return [*self._close_peer("the phone left"), self._register(tab_count)]

    def channel_lost(self, tab_count: int) -> list[PairingCommand]:
        """Handle the end of the phone's data channel.

        Close the phone's peer connection, unless the phone is paired on the relay.
        """
        if self.stage is PairingStage.PAIRED:
            return []
        commands = self._close_peer("the data channel ended")
        return [*commands, self._register(tab_count)] if self.stage is PairingStage.WAITING else commands

    def involves(self, device_id: str) -> bool:
        """Return whether a device is paired with the agent, has a data channel to it, or is in a handshake."""
        return device_id == self.phone_id or (self.peer is not None and device_id == self.peer.peer_id)

    def revoked(self, message: messages.DeviceRevoked) -> list[PairingCommand]:
        """Close the peer connection if its phone is the device that the account has revoked."""
        if message.device_id != self._channel_peer:
            return []
        self._follow(PairingEvent.PHONE_REVOKED)
        return self._close_peer("the phone was revoked")

    def _close_peer(self, reason: str) -> list[PairingCommand]:
        if self.stage is not PairingStage.HANDSHAKE:
            self.peer = None
        self._channel_peer = None
        return [ClosePeer(reason)]

    @property
    def phone_on_relay(self) -> bool:
        """Whether the relay forwards messages to a phone now."""
        return self.stage is PairingStage.PAIRED

    @property
    def relay_is_ours(self) -> bool:
        """Whether the relay is MobiFai's own, which forwards every application event."""
        return self.peer is not None and self.peer.to_verify is not None

    @property
    def features(self) -> Features:
        """The features that both the agent and the phone of the latest handshake support."""
        return Features.common(self.peer.features) if self.peer is not None else NO_FEATURES

    @property
    def phone_id(self) -> str | None:
        """The id of the phone that is served now, through the relay or on a data channel, or None."""
        return self._channel_peer
