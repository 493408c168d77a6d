"""Scenarios: each is one way to use an agent, repeated in cycles.

To add one, write a module with a subclass of `Scenario` (`scenario` says what its methods do) and name the class in
`_CLASSES` below. `terminals` is a good example to start from; the smallest useful scenario is

    class Resizes(Scenario):
        name = "resizes"
        summary = "a terminal is resized"
        block: ClassVar[tuple[str, ...]] = ("resize",) * 10

        async def setup(self, context: ScenarioContext) -> None:
            self.tabs = CheckedTabs(context)
            phone = await visits.new_phone(self.tabs)
            await visits.arrive(context, phone, channel=True)

        async def action(self, context: ScenarioContext, kind: str) -> None:
            await terminals.resize(self.tabs, context.phones[0])

        async def back(self, context: ScenarioContext) -> None:
            await self.tabs.kill_all(context.phones[0])
            await visits.everybody_leaves(context)

`terminal_checks` has the terminals whose output is checked, `phone_visits` connects and disconnects phones, and
`filling_limits` and `filling_conversations` drive limits to their capacity. Scenarios are imported on first use.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from soak.scenarios.scenario import Scenario

_CLASSES: Mapping[str, str] = MappingProxyType(
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
    """Return the names of all scenarios, in their default order."""
    return tuple(_CLASSES)


def workloads() -> tuple[str, ...]:
    """Return the names of the scenarios with ordinary use: all except the one that fills every limit."""
    return tuple(name for name in _CLASSES if name != "limits")


def scenario(name: str) -> type[Scenario]:
    """Return the class of a scenario. Raises KeyError for an unknown name."""
    module, _, attribute = _CLASSES[name].partition(":")
    found: type[Scenario] = getattr(import_module(module), attribute)
    return found
