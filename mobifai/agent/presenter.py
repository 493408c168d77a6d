"""Whom the agent speaks with, beside phones: the person at the machine, and the keeper."""

from typing import Protocol


class Presenter(Protocol):
    """Speaks with the person at the machine."""

    def sign_in(self, url: str, message: str) -> None:
        """Somebody has to open this address to sign the agent in."""

    def ready(self) -> None:
        """Phones can pair now. Called once."""


class KeeperLink(Protocol):
    """Who keeps the shells when the agent starts anew."""

    @property
    def pid(self) -> int | None:
        """The keeper's process; None when there is none."""

    def restart(self) -> bool:
        """Start the agent anew for the same terminals; False when that is not possible."""
