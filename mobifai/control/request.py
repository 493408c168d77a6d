"""Requests on the control socket, as lines of JSON.

A request `{"ask": NAME, "with": {...}}` is answered by one line: `{"answer": ...}` or `{"error": TEXT}`. If its handler
is an async generator, the answer is a line `{"event": ...}` for each item, then `{"answer": null}`. `{"event": null}`
only keeps the connection alive. Such a handler ends when its command disconnects.
"""

from typing import Any

import msgspec

ANSWER_SECONDS = 30.0
"""The time limit of an answer in seconds. Both the command and the running process apply it."""


class Request(msgspec.Struct, frozen=True, rename={"arguments": "with"}):
    """A request on the control socket. `ask` is its name, and `arguments` are passed to its handler."""

    ask: str
    arguments: dict[str, Any] = {}  # bounded by MAX_REQUEST
