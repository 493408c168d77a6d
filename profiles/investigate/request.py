"""The request for an investigation, as a frozen value."""

from collections.abc import Sequence
from dataclasses import dataclass

from profiles.investigate.outcome import settings_of
from profiles.results import ProfileSettings
from soak.gauges.results import FindingResult
from soak.harness.installation import HERE, Installation
from soak.run.plan import SoakPlan


@dataclass(frozen=True)
class InvestigationRequest:
    """The request for an investigation: what to run (`plan`), and which examinations to make.

    `dose` requests the dose test. `memray` says when memray examines the C heap: always (True), never (False), or if
    the heap rises and nothing else explains the rise (None). `findings` are the findings of a soak report that are to
    be explained. `mode` is `run` or `from`, as in `ProfileReport`.

    `process` is the only process to examine. If it is None, the examination begins in the process in which a leak was
    planted or found, or else in the agent. It continues in each process in which a gauge rises without a culprit.
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
        """The settings of this request in the form in which the report has them."""
        return settings_of(self.plan, dose=self.dose, memray=self.memray, process=self.process)
