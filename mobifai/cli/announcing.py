"""What a process that serves tells the person at the machine, who may not be there."""

import contextlib
import sys

import click

from mobifai.protocol.plain_text import plain
from mobifai.streams import is_writable


def announce(text: str) -> None:
    """Print for the person. A reader that went away or does not read and a full disk cost the text, nothing else."""
    with contextlib.suppress(OSError, ValueError):
        if is_writable(sys.stdout):
            click.echo(plain(text))
