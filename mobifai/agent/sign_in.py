"""Shows the user at this machine the progress of the agent's sign-in to its relay."""

from typing import Protocol


class Presenter(Protocol):
    """Asks the user at this machine to sign the agent in to its relay, and announces that phones can pair."""

    def sign_in(self, url: str, message: str) -> None:
        """Ask the user to open `url` to sign the agent in. `message` is the relay's text for the user."""

    def ready(self) -> None:
        """Announce that phones can pair. Called once."""


class SignInProgress:
    """Passes the sign-ins of all registrations with the relay to one presenter.

    Calls the presenter's `ready` only once.
    """

    def __init__(self, presenter: Presenter) -> None:
        self._presenter = presenter
        self._was_ready = False

    def sign_in(self, url: str, message: str) -> None:
        """Ask the user to open `url` to sign a registration in. `message` is the relay's text for the user."""
        self._presenter.sign_in(url, message)

    def signed_in(self) -> None:
        """Announce that phones can pair, if this is the first registration that the relay has accepted."""
        if not self._was_ready:
            self._was_ready = True
            self._presenter.ready()
