"""Questions that other packages (soak, profiles) answer inside a keeper under test.

They are the entry points that answer in the agent, too, found by the part of a question before its dot. Only a keeper
that a test run has marked imports this module: in others there is nothing to ask, and none of its imports.
"""

from collections.abc import Coroutine
from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any

from mobifai.bounds import Ledger

ENTRY_POINTS = "mobifai.questions"
"""The entry point group, the same as the agent's."""

PATIENCE_SECONDS = 10.0
"""How long the one who asked may take to read an answer. It is longer than what a socket takes at a time."""


class KeeperQuestions:
    """What is offered, by prefix; each prefix is imported once."""

    def __init__(self, keeper: Any) -> None:
        self._subject = SimpleNamespace(ledger=Ledger(), agent=None, keeper=keeper)
        self._loaded: dict[str, Any] = {}  # bounded by what is installed

    def answer(self, question: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The line for a question: its answer, or the error that it raised."""
        try:
            handler = self._find(question)
            if handler is None:
                return {"error": f"the keeper does not know {question!r}"}
            return {"answer": _driven(handler(arguments))}
        except Exception as error:  # whatever fails in a package that looks into the keeper, the shells are kept
            return {"error": str(error) or repr(error)}

    def _find(self, question: str) -> Any:
        prefix = question.partition(".")[0]
        if prefix not in self._loaded:
            points = entry_points(group=ENTRY_POINTS, name=prefix)
            self._loaded[prefix] = next(iter(points)).load()(self._subject) if points else {}
        return self._loaded[prefix].get(question)


def _driven(handler: Coroutine[Any, Any, object]) -> object:
    """The result of a handler, which must not wait: the keeper has no event loop. Raises RuntimeError."""
    try:
        handler.send(None)
    except StopIteration as end:
        return end.value
    handler.close()
    raise RuntimeError("this question needs an event loop; the keeper has none")
