"""The command line and the current time, in the form in which reports state them."""

import datetime as dt
import sys

from soak.shell_quoting import joined


def command() -> str:
    """Return the command line of this process, quoted for a shell."""
    return joined(["mobifai", *sys.argv[1:]])


def timestamp() -> str:
    """Return the current time in UTC, in ISO 8601 format with seconds."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def command_with(*words: str) -> str:
    """Return the command line of this process with `words` added, quoted for a shell."""
    return joined(["mobifai", *sys.argv[1:], *words])
