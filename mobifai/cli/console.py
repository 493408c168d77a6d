"""The console of `mobifai serve`: shows where to sign the agent in, and opens that page when the user presses Enter."""

import asyncio
import logging
import os
import sys

import click

from mobifai.cli.announcing import announce
from mobifai.protocol.plain_text import one_line

_log = logging.getLogger(__name__)


class ConsolePresenter:
    """The `Presenter` that prints to standard output. Its event `is_ready` is set once phones can pair."""

    def __init__(self) -> None:
        self.is_ready = asyncio.Event()
        self._login_url: str | None = None
        self._listening = False

    def sign_in(self, url: str, message: str) -> None:
        """Show the address at which the user has to sign this agent in. Enter opens it in a browser."""
        self._login_url = url
        _log.info("the relay requires a sign-in of this agent at %s", url)
        announce(one_line(message) or "The relay requires a sign-in of this agent.")
        announce(f"Sign in at:  {one_line(url, 2048)}")
        if _in_foreground():
            announce("Press Enter to open it in your browser.")
            if not self._listening:
                self._listening = True
                asyncio.get_running_loop().add_reader(sys.stdin, self._enter)

    def _enter(self) -> None:
        line = sys.stdin.readline()
        if line and self._login_url is not None and not self.is_ready.is_set():
            click.launch(self._login_url)
        elif not line or self.is_ready.is_set():
            self.close()

    def ready(self) -> None:
        """Set `is_ready`, since phones can pair now."""
        self.is_ready.set()

    def close(self) -> None:
        """Stop waiting for Enter on standard input."""
        if self._listening:
            asyncio.get_running_loop().remove_reader(sys.stdin)
            self._listening = False


def _in_foreground() -> bool:
    """Return whether this process may read from standard input.

    The system stops a background process that reads from its terminal.
    """
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False
