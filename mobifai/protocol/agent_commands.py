"""The commands that the methods of `agent_pairing.Pairing` return, for their caller to carry out."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SendToRelay:
    """Send an event to the relay."""

    event: str
    payload: object


@dataclass(frozen=True, slots=True)
class KeepToken:
    """Store the token, with which the agent registers at its next connection to the relay."""

    token: str
    email: str


@dataclass(frozen=True, slots=True)
class DropToken:
    """Delete the stored token, because the relay has rejected it."""


@dataclass(frozen=True, slots=True)
class ShowLogin:
    """Ask the user to sign this agent in at `login_url`, a path on the relay.

    `message` is the relay's text for the user.
    """

    login_url: str
    message: str


@dataclass(frozen=True, slots=True)
class OpenPeer:
    """Begin to serve the phone `peer_id`, which is paired now, and offer it a data channel.

    End any other phone's session.
    """

    peer_id: str


@dataclass(frozen=True, slots=True)
class ClosePeer:
    """End the phone's session, and close its peer connection. Terminals keep running."""

    reason: str


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Log `text`, at the level warning if the user should notice it, otherwise at the level info."""

    text: str
    warning: bool = False


PairingCommand = SendToRelay | KeepToken | DropToken | ShowLogin | OpenPeer | ClosePeer | LogEntry
