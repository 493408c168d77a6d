"""The whole error tree.

Every error says what was expected, what was found and what to do. Only `CommandError` knows an exit status.
"""


class MobiFaiError(Exception):
    """The root: any failure that MobiFai itself names."""


class BadMessage(MobiFaiError):
    """A message from outside that does not have the form that the protocol gives it."""

    def __init__(self, event: str, detail: str) -> None:
        super().__init__(f"{event}: {detail}")
        self.event = event
        self.detail = detail


class LimitReached(MobiFaiError):
    """A bound is full and its policy is to refuse."""


class HandshakeFailed(MobiFaiError):
    """The peer could not prove that it holds the private key of the public key it shows."""


class EncryptionError(MobiFaiError):
    """A message can't be opened, or not be sealed: the session that it belongs to is over."""


class PairingRefused(MobiFaiError):
    """A relay does not join two devices, and says why."""


class SignInRefused(MobiFaiError):
    """A code or a token does not let a device in."""


class TooManyAttempts(SignInRefused):
    """An address failed too often to be allowed another try now."""


class AccountError(MobiFaiError):
    """An account of a relay can't be added, found or removed as asked."""


class TerminalError(MobiFaiError):
    """A request about a terminal that can't be met; the text is what the phone shows. `uuid` is empty for none."""

    def __init__(self, message: str, uuid: str = "") -> None:
        super().__init__(message)
        self.uuid = uuid


class AssistantError(MobiFaiError):
    """A conversation with the model can't begin or go on; the text is what the phone shows."""


class ConfigError(MobiFaiError):
    """A setting that can't be used."""


class StateError(MobiFaiError):
    """The state directory can't be used as it is."""


class ServiceError(MobiFaiError):
    """The system's manager of services, or a program of the system, does not do what it is asked."""


class RelayUnreachable(MobiFaiError):
    """No connection to the relay could be made."""


class CommandError(MobiFaiError):
    """The error that ends a command: a message for the user, and the exit status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status
