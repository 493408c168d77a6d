"""Standard output of a command that has exit statuses of its own: what can't be written never looks like a result."""

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
"""The exit status in place of 0 when output or report can't be written."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def show(text: str | bytes, status: int) -> int:
    """Print to standard output; return the exit status after that.

    A reader that went away changes nothing. Output that can't be written leaves neither 0 nor 1, the statuses that say
    what the output has.
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
    """Return styled text as it goes to standard output."""
    from rich.console import Console  # noqa: PLC0415 - signals are handled before anything heavy is imported

    out = io.StringIO()
    Console(file=out, force_terminal=sys.stdout.isatty(), highlight=False).print(text, soft_wrap=True)
    return out.getvalue()


@contextmanager
def checked_output() -> Iterator[None]:
    """Give click's own output (`--help`) the same statuses. Raises CommandError, Exit."""
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
    return f"the output can't be written: {error}; expected a file or pipe that takes it"


def _discard_output() -> None:
    """Let nothing that is still in the buffer fail once more."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
