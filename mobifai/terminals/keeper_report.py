"""Writes the keeper's reports, mostly about an agent that does not run, to its terminal and to the agent's log file.

Standard library only. Reporting never raises and never blocks. If the terminal is stopped (Ctrl-S), nobody reads a
pipe, or the disk is full, only the message is lost.
"""

import json
import os
import select
import stat
import time

REPEAT_SECONDS = 3600.0
"""The interval at which a problem that persists is reported again."""

_ALWAYS = 3
"""How many failures in a row are all reported, even if they have the same reason."""

MOST_LOG_BYTES = 16 << 20
"""The keeper appends to the log file up to this size; only the agent rotates it."""

_STDERR = 2


class Reports:
    """Reports problems. `log` is the log file (empty: none); with `as_json` its lines are JSON."""

    def __init__(self, log: str, *, as_json: bool) -> None:
        self._log = log
        self._as_json = as_json
        self._last = ""
        self._last_at = float("-inf")

    def problem(self, reason: str, outlook: str, failures: int, now: float) -> None:
        """Report a problem's `reason` and `outlook` (what follows), unless the same reason was reported recently.

        `failures` is the number of failures in a row. `now` is in seconds of the monotonic clock.
        """
        if failures > _ALWAYS and reason == self._last and now - self._last_at < REPEAT_SECONDS:
            return
        self._last, self._last_at = reason, now
        self.write(f"{reason}; {outlook}")

    def write(self, text: str) -> None:
        """Write to the terminal and to the log file, where that does not block."""
        text = "".join(character if character.isprintable() else " " for character in text)
        _write_now(_STDERR, f"mobifai keeper: {text}\n".encode(errors="backslashreplace"))
        if self._log:
            self._append(text)

    def _append(self, text: str) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(self._log, flags, 0o600)
        except (OSError, ValueError):
            return
        try:
            found = os.fstat(descriptor)
            if stat.S_ISREG(found.st_mode) and found.st_size < MOST_LOG_BYTES:
                os.write(descriptor, self._line(text).encode(errors="backslashreplace"))
        except OSError:
            pass
        finally:
            os.close(descriptor)

    def _line(self, text: str) -> str:
        try:
            written = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime())
        except (OSError, OverflowError, ValueError):  # the clock has an impossible time
            written = "-"
        if self._as_json:
            line = {"time": written, "level": "warning", "logger": "mobifai.keeper", "message": text}
            return json.dumps(line) + "\n"
        return f"{written} WARNING mobifai.keeper: {text}\n"


def _write_now(descriptor: int, data: bytes) -> None:
    """Write to a descriptor if that does not block."""
    try:
        if select.select([], [descriptor], [], 0)[1]:
            os.write(descriptor, data[: select.PIPE_BUF])
    except (OSError, ValueError):
        pass
