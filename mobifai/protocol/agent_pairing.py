"""The agent's side of registration and pairing (sections 2 and 3), as a state machine.

`Pairing` is told what the relay said and what became of the peer connection, and returns commands. It keeps at most one
peer. It does no I/O; whether a data channel is open is told to it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from mobifai.errors import HandshakeFailed
from mobifai.protocol import messages
from mobifai.protocol.features import FEATURES, NO_FEATURES, Features
from mobifai.protocol.handshake import Identity, Party, bound_text, sign, verifies
from mobifai.protocol.plain_text import one_line


class PairingStage(Enum):
    """Where the agent is with the relay."""

    OFFLINE = "offline"
    REGISTERING = "registering"
    SIGN_IN = "sign-in"
    WAITING = "waiting"
    HANDSHAKE = "handshake"
    PAIRED = "paired"


@dataclass(frozen=True, slots=True)
class SendToRelay:
    """Emit an event to the relay."""

    event: str
    payload: object


@dataclass(frozen=True, slots=True)
class KeepToken:
    """Store the token for the next time."""

    token: str
    email: str


@dataclass(frozen=True, slots=True)
class DropToken:
    """Forget the stored token."""


@dataclass(frozen=True, slots=True)
class ShowLogin:
    """A person has to sign this agent in, at a path on the relay."""

    login_url: str
    message: str


@dataclass(frozen=True, slots=True)
class OpenPeer:
    """Close any peer connection and begin a new one with this phone."""

    peer_id: str


@dataclass(frozen=True, slots=True)
class ClosePeer:
    """Close the peer connection; every terminal lives on."""

    reason: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Tell the person who reads the log. `warning` when something should be looked at."""

    text: str
    warning: bool = False


PairingCommand = SendToRelay | KeepToken | DropToken | ShowLogin | OpenPeer | ClosePeer | LogEntry


@dataclass(frozen=True, slots=True)
class Peer:
    """The phone of this handshake. `to_verify` is what it signs; None: the relay does not let that be verified."""

    peer_id: str
    secret: bytes
    to_verify: str | None
    our_signature: str
    features: tuple[str, ...] = ()
    verified: bool = False


RejectionReason = Callable[[str, Features], str | None]
"""Why a phone is not let in, by its device id and its features; None: it may come."""


class Pairing:
    """One agent's pairing. `device_id` and `name` are what phones see."""

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

    # -- the connection to the relay

    def relay_connected(self, tab_count: int) -> list[PairingCommand]:
        """A fresh connection to the relay: register on it."""
        self.stage = PairingStage.REGISTERING
        return [self._register(tab_count)]

    def relay_lost(self, channel_open: bool) -> list[PairingCommand]:
        """The relay is gone. An open data channel serves on."""
        self.stage = PairingStage.OFFLINE
        return [] if channel_open else self._close_peer("the relay is gone and no data channel is open")

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
        """The relay knows us."""
        if self.stage in (PairingStage.REGISTERING, PairingStage.SIGN_IN):
            self.stage = PairingStage.WAITING
        renewed = message.token != self._token
        self._token = message.token
        return [KeepToken(message.token, message.user.email)] if renewed else []

    def login_required(self, message: messages.LoginRequired) -> list[PairingCommand]:
        """A person has to sign us in first."""
        self.stage = PairingStage.SIGN_IN
        return [ShowLogin(message.login_url, message.message)]

    def auth_error(self, message: messages.Notice, tab_count: int) -> list[PairingCommand]:
        """The token is no good: register again without one, once."""
        if self._token is None:
            return [LogEntry(f"the relay refuses this agent: {one_line(message.message)}", warning=True)]
        self._token = None
        reason = one_line(message.message)
        said = LogEntry(f"the relay did not take the stored token ({reason}); signing in anew", warning=True)
        return [DropToken(), said, self._register(tab_count)]

    # -- the handshake

    def initiate(self, message: messages.HandshakeInitiate) -> list[PairingCommand]:
        """A phone wants in: sign our challenge, and be ready to check its signature."""
        rejection_reason = self._rejection_reason(message.peer_id, Features.common(message.peer_features))
        if rejection_reason is not None:
            return self._refuse(rejection_reason)
        if self._is_reflected(message):
            return self._refuse("the relay gives both sides of the handshake the same id, key or challenge")
        try:
            secret = self._identity.shared_secret(message.peer_public_key)
        except HandshakeFailed as error:
            return self._refuse(str(error))
        to_sign, to_verify = self._texts(message)
        signature = sign(secret, to_sign)
        self.stage = PairingStage.HANDSHAKE
        self.peer = Peer(message.peer_id, secret, to_verify, signature, message.peer_features)
        return [
            SendToRelay(
                "handshake:response", messages.HandshakeSignature(peer_id=message.peer_id, signature=signature)
            ),
            *self._warn_unverified(),
        ]

    def _is_reflected(self, message: messages.HandshakeInitiate) -> bool:
        """Whether what this agent signs would do as the signature of the other side."""
        return (
            message.peer_id == self._device_id
            or message.peer_public_key.lower() == self._identity.public_hex.lower()
            or message.challenge.lower() == (message.peer_challenge or "").lower()
        )

    def _texts(self, message: messages.HandshakeInitiate) -> tuple[str, str | None]:
        """What this agent signs, and what the phone does."""
        theirs = message.peer_challenge
        if theirs is None or not Features.common(message.peer_features).binds:
            return message.challenge, theirs
        agent = Party("mac", self._device_id, self._identity.public_hex, message.challenge)
        phone = Party("mobile", message.peer_id, message.peer_public_key, theirs)
        return bound_text(agent, phone), bound_text(phone, agent)

    def _warn_unverified(self) -> list[PairingCommand]:
        if self._warned_unverified or (self.peer is not None and self.peer.to_verify is not None):
            return []
        self._warned_unverified = True
        return [
            LogEntry(
                "this relay gives no way to verify a phone's key; pairing rests on the relay alone",
                warning=True,
            )
        ]

    def verify(self, message: messages.HandshakeSignature) -> list[PairingCommand]:
        """The phone's signature: confirm it, or drop the pairing."""
        peer = self.peer
        if peer is None or self.stage not in (PairingStage.HANDSHAKE, PairingStage.PAIRED):
            return []
        if peer.to_verify is not None and not self._is_theirs(peer, message.signature):
            # Once paired, a signature proves nothing further: a wrong one must not half undo a pairing.
            return (
                []
                if self.stage is PairingStage.PAIRED
                else self._refuse("the phone's signature does not match its key")
            )
        self.peer = replace(peer, verified=True)
        return [SendToRelay("handshake:confirmed", messages.HandshakeConfirmed(peer_id=peer.peer_id))]

    @staticmethod
    def _is_theirs(peer: Peer, signature: str) -> bool:
        assert peer.to_verify is not None  # noqa: S101 - as `verify` has seen
        return signature.lower() != peer.our_signature and verifies(peer.secret, peer.to_verify, signature)

    def _refuse(self, reason: str) -> list[PairingCommand]:
        self.stage = PairingStage.WAITING
        self.peer = None
        return [
            SendToRelay("error", messages.Notice(message=reason)),
            LogEntry(f"refused a pairing: {reason}", warning=True),
        ]

    def paired(self, message: messages.Paired) -> list[PairingCommand]:
        """Both sides confirmed. Said twice for one handshake, the second time changes nothing."""
        if self.stage is PairingStage.PAIRED:
            return []
        if self.stage is not PairingStage.HANDSHAKE or self.peer is None:
            return [LogEntry("the relay announced a pairing without a handshake; ignored", warning=True)]
        if self.peer.to_verify is not None and not self.peer.verified:
            return self._refuse("the relay announced a pairing that this agent had not confirmed")
        self.stage = PairingStage.PAIRED
        self._channel_peer = self.peer.peer_id
        return [OpenPeer(self.peer.peer_id), LogEntry(one_line(message.message) or "paired with a phone")]

    # -- parting

    def peer_left_relay(self, channel_open: bool, tab_count: int) -> list[PairingCommand]:
        """The phone left the relay. With an open data channel it is served on."""
        if self.stage in (PairingStage.PAIRED, PairingStage.HANDSHAKE):
            self.stage = PairingStage.WAITING
        if channel_open:
            return [LogEntry("the phone left the relay; its data channel is open and goes on")]
        return [*self._close_peer("the phone left"), self._register(tab_count)]

    def channel_lost(self, tab_count: int) -> list[PairingCommand]:
        """The data channel ended. On the relay the phone is served on, and the channel is tried again."""
        if self.stage is PairingStage.PAIRED:
            return []
        commands = self._close_peer("the data channel ended")
        return [*commands, self._register(tab_count)] if self.stage is PairingStage.WAITING else commands

    def revoked(self, message: messages.DeviceRevoked) -> list[PairingCommand]:
        """The account shut a device out: if it is our phone, it goes now."""
        if message.device_id != self._channel_peer:
            return []
        if self.stage is PairingStage.PAIRED:
            self.stage = PairingStage.WAITING
        return self._close_peer("the phone was revoked")

    def _close_peer(self, reason: str) -> list[PairingCommand]:
        if self.stage is not PairingStage.HANDSHAKE:
            self.peer = None
        self._channel_peer = None
        return [ClosePeer(reason)]

    @property
    def phone_on_relay(self) -> bool:
        """Whether the relay forwards to a phone now."""
        return self.stage is PairingStage.PAIRED

    @property
    def relay_is_ours(self) -> bool:
        """Whether the relay is one of this project, which forwards every application event (section 7)."""
        return self.peer is not None and self.peer.to_verify is not None

    @property
    def features(self) -> Features:
        """The features used with the phone: what both support beyond the legacy protocol (section 7)."""
        return Features.common(self.peer.features) if self.peer is not None else NO_FEATURES

    @property
    def phone_id(self) -> str | None:
        """The phone that is served, by relay or by channel."""
        return self._channel_peer
