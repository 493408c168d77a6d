"""The request of a run of the gate, as a frozen value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from profiles.gate.accepted import AcceptedGrowth
from profiles.gate.results import SideResult
from profiles.gate.sides import GateSide
from soak.run.plan import SoakPlan


@dataclass(frozen=True)
class GateRequest:
    """The sides to run and the figures to compare with.

    The candidate is the last of `sides`; a base that runs is the first.
    `stored` has the figures of a base that does not run. `base` and `now` describe base and candidate for the report.
    `where` names the file of accepted growth, `replay` is the command that repeats the run. With one side and no stored
    figures, the candidate is compared with itself.
    """

    plan: SoakPlan
    sides: Sequence[GateSide]
    stored: Mapping[str, float] | None
    base: SideResult
    now: SideResult
    accepted: Sequence[AcceptedGrowth] = ()
    where: str = ""
    name_culprits: bool = True
    replay: str = ""
