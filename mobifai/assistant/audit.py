"""The record of what was asked for and what was typed: JSON lines in a file of its own, which only its owner reads.

There are two files of a bounded size, the current one and the one before it. A record is in the file before what it
tells of is done; when it can't be written, that is not done.
"""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from mobifai.assistant.redaction import Secrets
from mobifai.bounds import Ledger
from mobifai.clocks import utc_datetime
from mobifai.errors import AssistantError
from mobifai.limits import ASSISTANT_AUDIT

FIELD_CHARACTERS = 20_000
"""The most of one text that is recorded; more than a turn may type."""


class Audit:
    """Writes records; `now` is the time in seconds since the epoch. `close` twice changes nothing."""

    def __init__(self, path: Path, ledger: Ledger, now: Callable[[], float]) -> None:
        self._path = path
        self._ledger = ledger
        self._bound = ledger.open(ASSISTANT_AUDIT)
        self._now = now

    def close(self) -> None:
        """Close the account. No file is open between two records."""
        self._ledger.close(self._bound)

    def write(self, secrets: Secrets, event: str, terminal: str, conversation: int, text: str) -> None:
        """Add a record, its text without secrets. Raises AssistantError."""
        record = {
            "time": utc_datetime(self._now()).isoformat(timespec="milliseconds"),
            "event": event,
            "terminal": terminal,
            "conversation": conversation,
            "text": secrets.blank(text)[:FIELD_CHARACTERS],
        }
        line = msgspec.json.encode(record) + b"\n"
        if len(line) > self._bound.capacity:
            raise AssistantError(str(self._bound.refuse(f"nothing was done: a record of {len(line)} bytes")))
        try:
            self._append(line)
        except OSError as error:
            raise AssistantError(f"nothing was done: its record can't be written to {self._path}: {error}") from None

    def _append(self, line: bytes) -> None:
        descriptor = self._open()
        try:
            size = os.fstat(descriptor).st_size
            if size and size + len(line) > self._bound.capacity:
                os.close(descriptor)
                descriptor = -1
                self._path.replace(self._path.with_suffix(".old.log"))
                self._bound.evicted(size)
                descriptor, size = self._open(), 0
            if os.write(descriptor, line) < len(line):
                raise OSError("the disk took a part of it only")
            self._bound.set(size + len(line))
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        return os.open(self._path, flags, 0o600)


class Record:
    """One conversation's part of the record; `secrets` are blanked out of it."""

    def __init__(self, audit: Audit, secrets: Secrets, terminal: str, conversation: int) -> None:
        self._audit = audit
        self.secrets = secrets
        self._terminal = terminal
        self._conversation = conversation

    def write(self, event: str, text: str) -> None:
        """Add to it. Raises AssistantError."""
        self._audit.write(self.secrets, event, self._terminal, self._conversation, text)

    def typed(self, key: str | None, text: str | None) -> None:
        """Add what is about to be typed. Raises AssistantError."""
        self.write("typed", f"key {key}" if key is not None else f"text {text}")
