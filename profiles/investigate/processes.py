"""The processes of a scenario that `mobifai profile run` can examine. Runs nothing."""

from collections.abc import Sequence

from profiles.results import ProfileError
from soak.gauges.gauge import AGENT
from soak.scenarios import scenario as scenario_class
from soak.scenarios import scenarios, workloads

KEEPER, RELAY = "keeper", "relay"


def processes_of(scenario: str) -> tuple[str, ...]:
    """Return the names of the processes that can be examined in a scenario.

    `relay` is among them only if the scenario has a separate relay process that it does not restart.
    """
    return (AGENT, KEEPER, *((RELAY,) if scenario_class(scenario).relay == "separate" else ()))


def scenarios_with(process: str | None) -> tuple[str, ...]:
    """Return the scenarios in which a process can be examined, or an empty tuple if there is no restriction.

    There is no restriction if the process can be examined in all scenarios, or if `process` is None.
    """
    names = workloads()
    having = tuple(name for name in names if process in processes_of(name))
    return () if process is None or having == names else having


def check_process(names: Sequence[str], process: str | None) -> None:
    """Raise ProfileError if the process can't be examined in one of the scenarios `names`.

    If `process` is None, do nothing.
    """
    without = [name for name in names if process is not None and process not in processes_of(name)]
    if without:
        having = " or ".join(name for name in scenarios() if process in processes_of(name))
        raise ProfileError(
            f"expected a scenario with a separate {process} process that is not restarted ({having}); "
            f"found {', '.join(without)}: name {having}, or leave out --process"
        )
