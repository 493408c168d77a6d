"""Writes to standard output for commands whose exit status is a result, such as 1 for a leak.

If the output can't be written, the exit status is that of a failure, so that it can't be taken for a result.
"""

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
"""The exit status of a command whose output or report can't be written.

It replaces status 0. If the output can't be written, it replaces status 1 too.
"""

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
    """Return the characters to print for `text`, an object that the library rich can render.

    They include colours only if standard output is a terminal.
    """
    from rich.console import Console  # noqa: PLC0415 - signals are handled before anything heavy is imported

    out = io.StringIO()
    Console(file=out, force_terminal=sys.stdout.isatty(), highlight=False).print(text, soft_wrap=True)
    return out.getvalue()


@contextmanager
def checked_output() -> Iterator[None]:
    """Convert an OSError in this scope, from printing a text such as `--help`, to an exception with an exit status.

    Raises Exit with status 0 if the reader has closed the pipe, and CommandError with status 3 if the disk is full or
    fails. Any other OSError is not converted.
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
