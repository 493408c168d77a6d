"""The request of an investigation, as a frozen value."""

from collections.abc import Sequence
from dataclasses import dataclass

from profiles.investigate.outcome import settings_of
from profiles.results import ProfileSettings
from soak.gauges.results import FindingResult
from soak.harness.installation import HERE, Installation
from soak.run.plan import SoakPlan


@dataclass(frozen=True)
class InvestigationRequest:
    """The scenarios with their seed and plant (`plan`), and the examinations to make.

    `memray`: examine the C heap always (True), never (False), or if it rises and nothing else explains the rise (None).
    `findings` are those of a soak report that are to be explained. `process` is the process to examine. If it is None,
    the examination begins where a leak was planted or found, or else with the agent, and continues wherever a gauge
    rises.
    """

    plan: SoakPlan
    dose: bool = True
    memray: bool | None = None
    findings: Sequence[FindingResult] = ()
    mode: str = "run"
    process: str | None = None
    installation: Installation = HERE

    @property
    def settings(self) -> ProfileSettings:
        """The settings of the request, as a report states them."""
        return settings_of(self.plan, dose=self.dose, memray=self.memray, process=self.process)
