"""The progress of the agent's sign-in to its relay, for the user at this machine."""

from typing import Protocol


class Presenter(Protocol):
    """Shows the user at this machine what to do."""

    def sign_in(self, url: str, message: str) -> None:
        """Ask the user to open this address to sign the agent in."""

    def ready(self) -> None:
        """Announce that phones can pair. Called once."""


class SignInProgress:
    """Shows the user the progress of all registrations with the relay."""

    def __init__(self, presenter: Presenter) -> None:
        self._presenter = presenter
        self._was_ready = False

    def sign_in(self, url: str, message: str) -> None:
        """Ask the user to open this address."""
        self._presenter.sign_in(url, message)

    def signed_in(self) -> None:
        """Announce once that phones can pair."""
        if not self._was_ready:
            self._was_ready = True
            self._presenter.ready()
