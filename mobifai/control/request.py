"""Requests on the control socket, as JSON lines.

A request `{"ask": NAME, "with": {...}}` is answered by one line: `{"answer": ...}` or `{"error": TEXT}`. A handler that
is an async generator is answered by a line `{"event": ...}` for each item, then `{"answer": null}`; `{"event": null}`
is a keep-alive. Such a handler ends when its command disconnects.
"""

from typing import Any

import msgspec

ANSWER_SECONDS = 30.0
"""Time limit of an answer in seconds. The command and the running process both apply it."""


class Request(msgspec.Struct, frozen=True, rename={"arguments": "with"}):
    """A request: `ask` is its name, and `arguments` are passed to its handler."""

    ask: str
    arguments: dict[str, Any] = {}  # bounded by MAX_REQUEST
