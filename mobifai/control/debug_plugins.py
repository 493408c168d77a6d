"""Debug plug-ins, by which other packages (soak, profiles) answer requests inside the running process.

A plug-in is an entry point. It answers the requests `NAME.*`, where NAME is the name of the entry point. It is imported
when its first request arrives, so it costs nothing before. Only the user who runs the process, and root, can send
requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mobifai.bounds import Ledger
from mobifai.control.server import AnyHandler
from mobifai.errors import StateError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINTS = "mobifai.control_handlers"
"""The group of the plug-ins' entry points. An entry point is a function that takes a `PluginContext` and returns a
mapping of requests to handlers."""


@dataclass(frozen=True, slots=True)
class PluginContext:
    """The objects of the running process that a plug-in may use.

    `agent` is None in a standalone relay and in the keeper. `keeper` is set only in the keeper's process, which has no
    event loop and an empty ledger.
    """

    ledger: Ledger
    agent: Any = None
    keeper: Any = None


@dataclass
class DebugPlugins:
    """Finds the handlers of plug-ins, by the part of a request's name before the dot. Each plug-in is imported once."""

    context: PluginContext
    _loaded: dict[str, Mapping[str, AnyHandler]] = field(default_factory=dict)  # bounded by what is installed

    def find(self, request: str) -> AnyHandler | None:
        """Return the handler of a request, or None if no plug-in has one. Import the plug-in if needed.

        Raises StateError if the plug-in can't be loaded.
        """
        prefix, dot, _ = request.partition(".")
        if not dot:
            return None
        if prefix not in self._loaded:
            from importlib.metadata import entry_points  # noqa: PLC0415 - only debugging needs it

            points = entry_points(group=ENTRY_POINTS, name=prefix)
            if not points:
                return None
            self._loaded[prefix] = _load(next(iter(points)), self.context)
        return self._loaded[prefix].get(request)


def _load(point: "EntryPoint", context: PluginContext) -> Mapping[str, AnyHandler]:
    try:
        handlers: Mapping[str, AnyHandler] = point.load()(context)
    except Exception as error:
        raise StateError(
            f"the handlers of {point.name}.* requests can't be loaded: {error!r}; reinstall the package"
        ) from error
    return handlers
