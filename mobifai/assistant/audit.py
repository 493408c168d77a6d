"""The audit log of requests and typed input: JSON lines in files that only their owner can read.

There are two files of limited size, the current one and the previous one. A record is written before the action that it
describes. If it can't be written, the action is not performed.
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
"""The maximum length of the text in a record, in characters. The default limit on the characters that a turn types is
lower."""


class Audit:
    """Writes records to the audit log. `now` returns the time in seconds since the epoch."""

    def __init__(self, path: Path, ledger: Ledger, now: Callable[[], float]) -> None:
        self._path = path
        self._ledger = ledger
        self._bound = ledger.open(ASSISTANT_AUDIT)
        self._now = now

    def close(self) -> None:
        """Close the audit log's entry in the ledger. (No file stays open between two records.) Idempotent."""
        self._ledger.close(self._bound)

    def write(self, secrets: Secrets, event: str, terminal: str, conversation: int, text: str) -> None:
        """Write a record to the audit log, with secrets removed from its text. Raises AssistantError if that fails."""
        record = {
            "time": utc_datetime(self._now()).isoformat(timespec="milliseconds"),
            "event": event,
            "terminal": terminal,
            "conversation": conversation,
            "text": secrets.blank(text)[:FIELD_CHARACTERS],
        }
        line = msgspec.json.encode(record) + b"\n"
        if len(line) > self._bound.capacity:
            refusal = self._bound.refuse(f"a record of {len(line)} bytes in the assistant's audit log")
            raise AssistantError(f"nothing was done: {refusal}")
        try:
            self._append(line)
        except OSError as error:
            raise AssistantError(
                f"nothing was done, because the assistant's audit log {self._path} can't be written: {error}"
            ) from None

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
                raise OSError("only a part of the record was written")
            self._bound.set(size + len(line))
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        return os.open(self._path, flags, 0o600)


class Record:
    """Writes the audit records of one conversation. `secrets` are removed from their texts."""

    def __init__(self, audit: Audit, secrets: Secrets, terminal: str, conversation: int) -> None:
        self._audit = audit
        self.secrets = secrets
        self._terminal = terminal
        self._conversation = conversation

    def write(self, event: str, text: str) -> None:
        """Write an audit record of this conversation. Raises AssistantError if it can't be written."""
        self._audit.write(self.secrets, event, self._terminal, self._conversation, text)

    def typed(self, key: str | None, text: str | None) -> None:
        """Write an audit record of a key or a text that is about to be typed. Raises AssistantError if that fails."""
        self.write("typed", f"key {key}" if key is not None else f"text {text}")
