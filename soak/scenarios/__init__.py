"""The scenarios by name, each imported when it is wanted. Owns none of them."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from soak.scenarios.scenario import Scenario

_PLACES: Mapping[str, str] = MappingProxyType(
    {
        "terminals": "soak.scenarios.terminals:TerminalChurn",
        "reconnects": "soak.scenarios.reconnects:Reconnects",
        "relay": "soak.scenarios.relay:SteadyRelay",
        "conversations": "soak.scenarios.conversations:Conversations",
        "mixed": "soak.scenarios.mixed:Mixed",
        "limits": "soak.scenarios.limits:Limits",
    }
)


def scenarios() -> tuple[str, ...]:
    """Their names, in the order in which they run by default."""
    return tuple(_PLACES)


def workloads() -> tuple[str, ...]:
    """Those that use an agent as people do: all but the one that provokes it."""
    return tuple(name for name in _PLACES if name != "limits")


def scenario(name: str) -> type[Scenario]:
    """A scenario by its name. Raises KeyError for a name that is none."""
    module, _, attribute = _PLACES[name].partition(":")
    found: type[Scenario] = getattr(import_module(module), attribute)
    return found
