"""The person at the machine, while an agent serves: where to sign it in, and that phones can pair."""

import asyncio
import logging
import os
import sys

import click

from mobifai.cli.announcing import announce
from mobifai.protocol.plain_text import one_line

_log = logging.getLogger(__name__)


class ConsolePresenter:
    """Speaks with the person at the machine (see `Presenter`)."""

    def __init__(self) -> None:
        self.is_ready = asyncio.Event()
        self._login_url: str | None = None
        self._listening = False

    def sign_in(self, url: str, message: str) -> None:
        """Show where to sign this agent in; Enter opens it."""
        self._login_url = url
        _log.info("the relay wants this agent to be signed in at %s", url)
        announce(one_line(message) or "The relay wants to know whose agent this is.")
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
        """Phones can pair."""
        self.is_ready.set()

    def close(self) -> None:
        """Listen to nobody."""
        if self._listening:
            asyncio.get_running_loop().remove_reader(sys.stdin)
            self._listening = False


def _in_foreground() -> bool:
    """Whether somebody may type to us: reading in the background would stop the process."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False
