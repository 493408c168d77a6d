"""The events of sessions, as frozen values. The session registry and the sessions publish them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A session was opened for a viewer. If the viewer encrypts, it has proven that it holds its key."""

    device_id: str


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """A session was closed, because its viewer had no transport left or because the agent ended the session."""

    device_id: str


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A message of a viewer was refused with `error`."""

    error: Exception


SessionEvent = SessionOpened | SessionClosed | RequestRefused
