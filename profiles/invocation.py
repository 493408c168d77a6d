"""What every command of `profile` tells of itself: how it was called, when, and where it is now."""

import datetime as dt
import sys
from contextlib import suppress

import click

from soak.shell_quoting import joined


def print_progress(what: str) -> None:
    """A line of progress, beside what is printed."""
    with suppress(OSError):  # the terminal may be gone
        click.echo(what, err=True)


def command() -> str:
    """The command line."""
    return joined(["mobifai", *sys.argv[1:]])


def timestamp() -> str:
    """The moment, as in ISO 8601."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def command_with(*words: str) -> str:
    """The command line with more words, to be copied into a shell."""
    return joined(["mobifai", *sys.argv[1:], *words])
