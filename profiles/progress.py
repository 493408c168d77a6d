"""Prints lines of progress on standard error, so that they are not part of a command's output."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import click

ProgressCallback: TypeAlias = Callable[[str], None]
"""A function that is called with each line of progress."""


def print_progress(line: str) -> None:
    """Print a line on standard error. If that fails, because the terminal is gone, do nothing."""
    with suppress(OSError):  # the terminal is gone
        click.echo(line, err=True)
