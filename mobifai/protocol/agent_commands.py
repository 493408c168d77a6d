"""The commands that the agent's pairing (`agent_pairing`) returns, for its caller to carry out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SendToRelay:
    """Send an event to the relay."""

    event: str
    payload: object


@dataclass(frozen=True, slots=True)
class KeepToken:
    """Store the token for the next connection."""

    token: str
    email: str


@dataclass(frozen=True, slots=True)
class DropToken:
    """Delete the stored token."""


@dataclass(frozen=True, slots=True)
class ShowLogin:
    """Ask the user to sign this agent in, at a path on the relay."""

    login_url: str
    message: str


@dataclass(frozen=True, slots=True)
class OpenPeer:
    """Begin to serve this phone, which is paired now, and offer it a data channel. End any other phone's session."""

    peer_id: str


@dataclass(frozen=True, slots=True)
class ClosePeer:
    """End the service of the phone, and close its peer connection. Terminals keep running."""

    reason: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Write to the log, as a warning if the user should look at it."""

    text: str
    warning: bool = False


PairingCommand = SendToRelay | KeepToken | DropToken | ShowLogin | OpenPeer | ClosePeer | LogEntry
