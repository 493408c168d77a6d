"""The processes of a scenario that `mobifai profile run` can examine. Runs nothing."""

from collections.abc import Sequence

from profiles.results import ProfileError
from soak.gauges.gauge import AGENT
from soak.scenarios import scenario as scenario_class
from soak.scenarios import scenarios, workloads

KEEPER, RELAY = "keeper", "relay"


def processes_of(scenario: str) -> tuple[str, ...]:
    """Return the names of the processes of a scenario that can be examined.

    The relay is one of them only if it is a separate process that the scenario does not restart.
    """
    return (AGENT, KEEPER, *((RELAY,) if scenario_class(scenario).relay == "separate" else ()))


def scenarios_with(process: str | None) -> tuple[str, ...]:
    """Return the scenarios in which the process `process` can be examined, if it can't be in all of them.

    An empty tuple means no restriction: all scenarios have this process, or `process` is None.
    """
    names = workloads()
    having = tuple(name for name in names if process in processes_of(name))
    return () if process is None or having == names else having


def check_process(names: Sequence[str], process: str | None) -> None:
    """Raise ProfileError if one of these scenarios does not have the named process."""
    without = [name for name in names if process is not None and process not in processes_of(name)]
    if without:
        having = " or ".join(name for name in scenarios() if process in processes_of(name))
        raise ProfileError(
            f"expected a scenario with a separate {process} process that is not restarted ({having}); "
            f"found {', '.join(without)}: name {having}, or leave out --process"
        )
