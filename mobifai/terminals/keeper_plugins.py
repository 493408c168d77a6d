"""Debug plug-ins (of soak and profiles) whose control handlers run inside a keeper under test.

They are the same entry points as the agent's. The part of a request before its dot is the plug-in's name. Only a keeper
that a test run has marked imports this module, so that no other keeper uses memory for it.
"""

from collections.abc import Coroutine
from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any

from mobifai.bounds import Ledger

ENTRY_POINTS = "mobifai.control_handlers"
"""The entry point group, the same as the agent's."""

PATIENCE_SECONDS = 10.0
"""How long a command may take to read an answer. The answer can be longer than a socket buffers."""


class KeeperPlugins:
    """The debug plug-ins, by name. Each is imported when its first request arrives."""

    def __init__(self, keeper: Any) -> None:
        self._subject = SimpleNamespace(ledger=Ledger(), agent=None, keeper=keeper)
        self._loaded: dict[str, Any] = {}  # bounded by what is installed

    def answer(self, request: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return `{"answer": ...}` with the result of the request's handler, or `{"error": TEXT}` if that fails."""
        try:
            handler = self._find(request)
            if handler is None:
                return {"error": f"the keeper has no handler for {request!r}"}
            return {"answer": _run(handler(arguments))}
        except Exception as error:  # a plug-in that fails must not end the shells
            return {"error": str(error) or repr(error)}

    def _find(self, request: str) -> Any:
        prefix = request.partition(".")[0]
        if prefix not in self._loaded:
            points = entry_points(group=ENTRY_POINTS, name=prefix)
            self._loaded[prefix] = next(iter(points)).load()(self._subject) if points else {}
        return self._loaded[prefix].get(request)


def _run(handler: Coroutine[Any, Any, object]) -> object:
    """Run a handler to its result. Raises RuntimeError if it waits: the keeper has no event loop."""
    try:
        handler.send(None)
    except StopIteration as end:
        return end.value
    handler.close()
    raise RuntimeError("this handler needs an event loop; the keeper has none")
