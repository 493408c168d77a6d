"""Lines of progress on standard error, beside the output of a command."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import click

ProgressCallback: TypeAlias = Callable[[str], None]
"""Called with a line of progress."""


def print_progress(line: str) -> None:
    """Print a line on standard error."""
    with suppress(OSError):  # the terminal is gone
        click.echo(line, err=True)
