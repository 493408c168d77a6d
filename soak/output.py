"""Standard output of a command that has its own exit statuses. A failed write must not look like a result."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import click

from mobifai.errors import CommandError
from soak.gauges.results import EXIT_STATUS

NOT_WRITTEN: Final = EXIT_STATUS["failed"]
"""The exit status that replaces 0 if the output or the report can't be written."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def show(text: str | bytes, status: int) -> int:
    """Print `text` to standard output. Return the exit status of the command: `status`, unless printing failed.

    A closed pipe does not change `status`. After any other write error, the status is 3 instead of 0 or 1, because
    these two describe the printed content.
    """
    try:
        click.echo(text, nl=False)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
    except OSError as error:
        _discard_output()
        with suppress(OSError):
            click.echo(f"mobifai: {_not_written(error)}", err=True)
        return NOT_WRITTEN if status in (0, 1) else status
    return status


def rendered(text: Any) -> str:
    """Return the characters to print for a text of the library rich. Colours are included only if standard output is a
    terminal.
    """
    from rich.console import Console  # noqa: PLC0415 - signals are handled before anything heavy is imported

    out = io.StringIO()
    Console(file=out, force_terminal=sys.stdout.isatty(), highlight=False).print(text, soft_wrap=True)
    return out.getvalue()


@contextmanager
def checked_output() -> Iterator[None]:
    """Replace the OSError that click raises in this scope if it can't print a text such as `--help`.

    Raises Exit with status 0 if the reader has closed the pipe, and CommandError with status 3 if the disk is full or
    fails.
    """
    try:
        yield
    except BrokenPipeError:
        _discard_output()
        raise click.exceptions.Exit(0) from None
    except OSError as error:
        if error.filename is not None or error.errno not in _FULL:
            raise
        _discard_output()
        raise CommandError(_not_written(error), NOT_WRITTEN) from None


def _not_written(error: OSError) -> str:
    return f"the output can't be written: {error}; expected a writable file or pipe"


def _discard_output() -> None:
    """Redirect standard output to the null device, so that flushing buffered data at exit does not fail again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
