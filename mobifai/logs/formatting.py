"""Converts log records to lines without secrets, in one of three formats.

Secrets are recognized by their form: tokens, keys, pairing codes and passwords in addresses. In messages of asyncio,
quoted texts are masked too, since they may contain terminal output. This is the second safeguard. The first one is that
MobiFai never logs secrets.
"""

import logging
import re
import traceback
from dataclasses import dataclass

import msgspec

from mobifai.clocks import local_datetime, utc_datetime
from mobifai.protocol.codes import ALPHABET, SECRET_LENGTH
from mobifai.protocol.plain_text import escaped

HIDDEN = "<hidden>"

MOST_MESSAGE = 8000
"""The maximum length of a message in characters. The rest is cut off, because a message may quote a long text of a
phone or relay."""

_CODE_HALF = f"[{ALPHABET}]{{4}}"
_SECRET = re.compile(
    r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*"  # a JWT
    rf"|(?<![\w-]){_CODE_HALF}-{_CODE_HALF}(?![\w-])"  # a pairing code
    rf"|(?<![\w-])[{ALPHABET}]{{{SECRET_LENGTH}}}(?![\w-])"  # the code of a link
    r"|#1\.[\w-]+\.[\w.-]+"  # the fragment of a link
    r"|(?<![0-9A-Za-z])[0-9A-Fa-f]{64,}(?![0-9A-Za-z])"  # a private key, a signature
    r"|\bsk-[\w-]{16,}"  # a model's API key
)
_NAMED_SECRET = re.compile(
    r"(\bbearer\s+|(?:token|password|secret|api[_-]?key|private[_-]?key)(?:[\"']\s*:|\s*=)\s*[\"']?)[^\s\"'&,;<}]+",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"(://)[^/\s@]+@")
_QUOTED = re.compile(r"b?'(?:[^'\\]|\\.)*'|b?\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_CONVERSION = re.compile(r"%(?:\(\w+\))?[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]")


@dataclass(frozen=True, slots=True)
class LogLine:
    """The fields of a log line. `time` is in seconds since the epoch. `exception` is a traceback, or empty."""

    time: float
    level: int
    logger: str
    message: str
    exception: str = ""


@dataclass(frozen=True, slots=True)
class MessageKind:
    """The identity of a message for deduplication: its logger, its level, and its text before values are inserted."""

    logger: str
    level: int
    template: str


def log_line(record: logging.LogRecord) -> LogLine:
    """Convert a `logging` record to the fields of a log line, without secrets."""
    message = _message(record)
    if record.name == "asyncio":
        message = _QUOTED.sub("'...'", message)
    return LogLine(record.created, record.levelno, record.name, without_secrets(message), _exception(record))


def _message(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except Exception as error:  # formatting the values may raise anything
        message = f"{record.msg} (its values can't be shown: {type(error).__name__})"
    return message if len(message) <= MOST_MESSAGE else f"{message[:MOST_MESSAGE]}..."


def _exception(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[0] is None:
        return ""
    return without_secrets("".join(traceback.format_exception(*record.exc_info)).rstrip())


def without_secrets(text: str) -> str:
    """Return the text with secrets of known formats masked, and with lone surrogates escaped."""
    text = _NAMED_SECRET.sub(rf"\1{HIDDEN}", _SECRET.sub(HIDDEN, text))
    return _PASSWORD.sub(rf"\1{HIDDEN}@", text).encode(errors="backslashreplace").decode()


def message_kind(record: logging.LogRecord, message: str) -> MessageKind:
    """Return the kind of a record, whose formatted text is `message`.

    A template that contains no words, such as `%s`, is replaced by the formatted text.
    """
    template = str(record.msg) if record.args else _ADDRESS.sub("0x", message)
    if not re.search(r"\w", _CONVERSION.sub("", template)):
        template = message
    return MessageKind(record.name, record.levelno, template[:200])


def format_for_terminal(line: LogLine, with_traceback: bool) -> str:
    """Format a log line for a terminal: with the time of day, and with its traceback if `with_traceback`."""
    time = f"{local_datetime(line.time):%H:%M:%S}"  # local time, for the reader
    return _text(f"{time} {_level(line):<7} {line.message}", line.exception if with_traceback else "")


def format_for_file(line: LogLine) -> str:
    """Format a log line for a file: with date and time, logger and traceback."""
    time = local_datetime(line.time).isoformat(timespec="milliseconds")
    return _text(f"{time} {_level(line):<7} {line.logger}: {line.message}", line.exception)


def format_as_json(line: LogLine) -> str:
    """Format a log line as a JSON object, with the traceback."""
    time = utc_datetime(line.time).isoformat(timespec="milliseconds")
    parts = {"time": time, "level": _level(line).lower(), "logger": line.logger, "message": line.message}
    return msgspec.json.encode(parts | ({"exception": line.exception} if line.exception else {})).decode()


def _level(line: LogLine) -> str:
    return logging.getLevelName(line.level)


def _text(head: str, exception: str) -> str:
    """Join a message and a traceback. Escape control characters, and indent all lines but the first.

    So no part of a message can look like the beginning of another message.
    """
    text = f"{head}\n{exception}" if exception else head
    shown = "\n".join(escaped(line.expandtabs()) for line in text.split("\n"))
    return re.sub(r"\n(?! )", "\n  ", shown)
