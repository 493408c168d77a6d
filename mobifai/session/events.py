"""The events of sessions, as frozen values that the registry and the sessions publish."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A viewer is connected. If it encrypts, it has proven its key."""

    device_id: str


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """A viewer has no transport left, or its session was ended."""

    device_id: str


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A message of a viewer could not be handled."""

    error: Exception


SessionEvent = SessionOpened | SessionClosed | RequestRefused
