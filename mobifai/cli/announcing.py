"""Messages of `mobifai serve` and `mobifai relay` to the user at this machine."""

import contextlib
import sys

import click

from mobifai.protocol.plain_text import plain
from mobifai.streams import is_writable


def announce(text: str) -> None:
    """Print a message. Drop it if standard output is closed, blocked, or on a full disk."""
    with contextlib.suppress(OSError, ValueError):
        if is_writable(sys.stdout):
            click.echo(plain(text))
