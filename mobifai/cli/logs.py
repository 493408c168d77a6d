"""Log lines on standard error: for people, or one JSON object a line."""

import logging
import sys
from datetime import UTC, datetime

import msgspec

_QUIET = ("aioice", "aiortc", "socketio", "engineio", "asyncio", "aiohttp.access", "PIL")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class _TextFormatter(logging.Formatter):
    def __init__(self, with_traceback: bool) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")
        self._with_traceback = with_traceback

    def formatException(self, ei: object) -> str:  # noqa: N802 - the base class's name
        return super().formatException(ei) if self._with_traceback else ""  # type: ignore[arg-type]


def set_up_logs(level: str, form: str) -> None:
    """Log to standard error from now on. Libraries speak from `warning` on, unless the level is `debug`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if form == "json" else _TextFormatter(level == "debug"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
