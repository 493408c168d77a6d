"""The request for a run of the gate, as a frozen value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from profiles.gate.accepted import AcceptedGrowth
from profiles.gate.results import SideResult
from profiles.gate.sides import GateSide
from soak.run.plan import SoakPlan


@dataclass(frozen=True)
class GateRequest:
    """The request for a run of the gate: the sides to run, and the figures to compare with.

    `sides` has the base, if it is to run, and the candidate last. `stored` has the figures of a base that does not run.
    With neither a base to run nor stored figures, the candidate is compared with itself.

    `base` and `now` describe base and candidate for the report. `accepted` has the entries of accepted growth, and
    `where` names their file. `name_culprits` says whether lines are named if memory grows. `replay` is the command that
    repeats the run.
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
