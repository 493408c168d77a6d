"""Sets up logging to standard error and to a rotating file, with deduplication of repeated messages.

Owns the handler of the root logger and its outputs. It uses no thread and no timer: summaries of repeats are written
before the next record, when the log closes, or when `log_repeats` is called.
"""

import contextlib
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TextIO

from mobifai import __version__
from mobifai.bounds import Bound, Ledger
from mobifai.errors import MobiFaiError
from mobifai.limits import LOG_KINDS
from mobifai.logs.dedup import RepeatFilter, RepeatSummary
from mobifai.logs.formatting import (
    LogLine,
    format_as_json,
    format_for_file,
    format_for_terminal,
    log_line,
    message_kind,
    without_secrets,
)
from mobifai.logs.rotating_file import LogFile, log_path
from mobifai.state import StateDir
from mobifai.streams import PATIENCE_SECONDS, is_writable

OURS = "mobifai"

_OWN_HANDLERS = ("engineio.client", "engineio.server", "socketio.client", "socketio.server")
"""Loggers to which their libraries add a handler and the level `error`, unless the logger already has a level.

So this module sets their level to `error` itself. At `warning`, these loggers would log every ordinary end of a
connection, with the content of its last packet."""


class RootLogHandler(logging.Handler):
    """Writes every record, without secrets, to `stream` (unless it is None) and, within `to_file`, to the log file.

    `form` is `text` or `json`. `level` is the lowest level of MobiFai's own records. Records of libraries also need the
    level `warning` or a higher one.
    """

    def __init__(self, level: str, form: str, stream: TextIO | None, clock: Callable[[], float]) -> None:
        super().__init__()
        self._level = logging.getLevelNamesMapping()[level.upper()]
        self._for_stream = (
            format_as_json if form == "json" else partial(format_for_terminal, with_traceback=level == "debug")
        )
        self._for_file = format_as_json if form == "json" else format_for_file
        self._stream = stream
        self._clock = clock
        self._file: LogFile | None = None
        self._spare = Ledger()
        self._kinds = self._spare.open(LOG_KINDS)
        self._repeats = RepeatFilter(self._kinds, clock)
        self._speaking = False
        self._stalled = False

    # -- the scope

    def install(self) -> None:
        """Add this handler to the root logger. Close an earlier handler of this type."""
        root = logging.getLogger()
        for handler in list(root.handlers):
            if isinstance(handler, RootLogHandler):
                handler.close()
        root.addHandler(self)
        root.setLevel(max(self._level, logging.WARNING))
        logging.getLogger(OURS).setLevel(self._level)
        for name in _OWN_HANDLERS:
            logging.getLogger(name).setLevel(logging.ERROR)

    def close(self) -> None:
        """Write the summaries of all repeats so far, and remove the handler from the root logger. Idempotent."""
        root = logging.getLogger()
        if self in root.handlers:
            self._say_rest()
            root.removeHandler(self)
            root.setLevel(logging.WARNING)
            for name in (OURS, *_OWN_HANDLERS):
                logging.getLogger(name).setLevel(logging.NOTSET)
        super().close()

    @contextmanager
    def to_file(self, state: StateDir, ledger: Ledger) -> Iterator[None]:
        """Also write to the state directory's log file within this scope.

        This process must hold the lock of the directory. Meanwhile, `ledger` counts the log's files and message kinds.
        An error that ends the scope is logged in the file, because standard error may be lost.
        """
        with ledger.bound(LOG_KINDS) as kinds:
            file = LogFile(log_path(state.path), ledger, self._for_file, self._complain, self._clock)
            self._use(file, kinds)
            self._note(file, _own(logging.INFO, _greeting()))
            try:
                yield
            except Exception as error:
                self._note(file, _last_words(error))
                raise
            finally:
                self._use(None, self._spare.open(LOG_KINDS))
                file.close()

    def _use(self, file: LogFile | None, kinds: Bound) -> None:
        self._say_rest()
        with self._alone():
            self._spare.close(self._kinds)
            self._file, self._kinds = file, kinds
            self._repeats = RepeatFilter(kinds, self._clock)

    def _note(self, file: LogFile, line: LogLine) -> None:
        with self._alone():
            file.write(line)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads from writing in this scope.

        A record that the same thread logs meanwhile only goes to the stream.
        """
        self.acquire()
        self._speaking = True
        try:
            yield
        finally:
            self._speaking = False
            self.release()

    # -- records

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or count it as a repeat of an earlier one. Never raises."""
        line = log_line(record)
        if self._speaking:  # garbage collection logged something while another record was being written
            self._to_stream(line)
            return
        with self._alone():
            kind = message_kind(record, line.message)
            for repeated in self._repeats.due(kind):
                self._say_repeated(repeated)
            if self._repeats.admit(kind, line.message):
                self._say(line)

    def log_repeats(self) -> None:
        """Write the summaries of repeats that are due. The process calls this once a minute."""
        with self._alone():
            for repeated in self._repeats.due():
                self._say_repeated(repeated)

    def _say_rest(self) -> None:
        with self._alone():
            for repeated in self._repeats.drain():
                self._say_repeated(repeated)

    def _say_repeated(self, repeated: RepeatSummary) -> None:
        self._say(LogLine(time.time(), repeated.kind.level, repeated.kind.logger, str(repeated)))

    def _say(self, line: LogLine) -> None:
        self._to_stream(line)
        if self._file is not None:
            self._file.write(line)

    def _to_stream(self, line: LogLine) -> None:
        if self._stream is None:
            return
        self._stalled = not is_writable(self._stream, 0.0 if self._stalled else PATIENCE_SECONDS)
        if not self._stalled:
            with contextlib.suppress(OSError, ValueError):  # the reader is gone, or the disk is full
                self._stream.write(self._for_stream(line) + "\n")
                self._stream.flush()

    def _complain(self, text: str) -> None:
        self._to_stream(_own(logging.WARNING, text))


def set_up_logs(level: str, form: str) -> RootLogHandler:
    """Begin to log to standard error, and return the handler.

    The handler's `to_file` adds the log file, and its `close` ends logging.
    """
    logs = RootLogHandler(level, form, sys.stderr, time.monotonic)
    logs.install()
    return logs


def _own(level: int, message: str, exception: str = "") -> LogLine:
    return LogLine(time.time(), level, __name__, message, exception)


def _greeting() -> str:
    return f"MobiFai {__version__} started, process {os.getpid()}, Python {sys.version.split()[0]}, {sys.platform}"


def _last_words(error: Exception) -> LogLine:
    """Return the log line for the error that ends a process.

    It has the text of a MobiFaiError, and the traceback of any other error.
    """
    if isinstance(error, MobiFaiError):
        return _own(logging.ERROR, without_secrets(f"ended: {error}"))
    details = without_secrets("".join(traceback.format_exception(error)).rstrip())
    return _own(logging.ERROR, without_secrets(f"ended: {error!r}"), details)
