"""All errors of MobiFai, as one tree of classes.

Every error says what was expected, what was found and what to do. Only `CommandError` has an exit status.
"""


class MobiFaiError(Exception):
    """The base class of all errors of MobiFai."""


class BadMessage(MobiFaiError):
    """A received message that does not have the form that the protocol requires."""

    def __init__(self, event: str, detail: str) -> None:
        super().__init__(f"{event}: {detail}")
        self.event = event
        self.detail = detail


class LimitReached(MobiFaiError):
    """A limit is reached, and nothing may be evicted to make room."""


class HandshakeFailed(MobiFaiError):
    """A device did not prove that it has the private key of the public key that it presented."""


class EncryptionError(MobiFaiError):
    """A message can't be decrypted or encrypted, so the session that it belongs to is over."""


class PairingRefused(MobiFaiError):
    """A relay does not pair two devices; the text says why."""


class SignInRefused(MobiFaiError):
    """A relay or the agent refuses a request about devices, such as a sign-in or an invitation; the text says why."""


class TooManyAttempts(SignInRefused):
    """Too many sign-ins from a network address failed at a relay. The address may not try again for up to a minute."""


class AccountError(MobiFaiError):
    """An account of a relay can't be added, found or removed."""


class TerminalError(MobiFaiError):
    """A request about a terminal failed; the phone shows the text. `uuid` is the terminal's id, empty if unknown."""

    def __init__(self, message: str, uuid: str = "") -> None:
        super().__init__(message)
        self.uuid = uuid


class AssistantError(MobiFaiError):
    """A conversation with the model can't begin or continue; the phone shows the text."""


class ConfigError(MobiFaiError):
    """A setting is invalid."""


class StateError(MobiFaiError):
    """The state directory, another file, a port, or the running process can't be used."""


class ServiceError(MobiFaiError):
    """The service manager, or another program of the system, failed."""


class RelayUnreachable(MobiFaiError):
    """No connection to the relay could be made."""


class CommandError(MobiFaiError):
    """The error that ends a command: a message for the user, and the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
