"""What a hunt makes of it all: what became of each finding of soak's, what was not judged, and the verdict. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from profiles.results import (
    Culprit,
    FindingOutcome,
    ProfileSettings,
    ProfileVerdict,
    ScenarioCoverage,
    Unattributed,
    Unjudged,
)
from soak.gauges.results import FindingResult
from soak.run.plan import SoakPlan

BY_OTHER_MEANS: Final = {
    "bound": "a limit that was passed is no growth; the command that shows it again shows where",
    "integrity": "a lost byte is no growth",
    "failure": "a run that failed shows no growth",
    "harness": "it is of the harness, which is not looked into",
}
"""Kinds of findings that no line can be named for, and why."""


OBJECTS: Final = "python.blocks"
KEEP_OBJECTS: Final = ("container", "allocation")
"""Culprits of these kinds are Python objects, also where the count of all objects wavered by more than they rise."""


def settings_of(plan: SoakPlan, *, dose: bool, memray: bool | None, process: str | None = None) -> ProfileSettings:
    """What a hunt was asked for."""
    asked = ProfileSettings(list(plan.scenarios), plan.time_scale, plan.phones, plan.plant, dose, memray)
    return msgspec.structs.replace(asked, process=process)


def finding_outcomes(
    findings: Iterable[FindingResult],
    culprits: Iterable[Culprit],
    open_: Iterable[Unattributed],
    looked: Sequence[ScenarioCoverage],
    unmeasured: Iterable[tuple[str, str]],
) -> list[FindingOutcome]:
    """What became of each finding. `unmeasured` are (scenario, gauge) that could not be measured."""
    culprits = list(culprits)
    explained = {(one.scenario, name) for one in culprits for name in one.explains}
    explained |= {(one.scenario, OBJECTS) for one in culprits if one.kind in KEEP_OBJECTS and one.objects_per_cycle > 0}
    rose = {(one.scenario, one.name) for one in open_}
    known, missing = {one.scenario: one for one in looked}, set(unmeasured)

    def fate(one: FindingResult) -> FindingOutcome:
        where, seen = (one.scenario, one.name), known.get(one.scenario)
        told = FindingOutcome(one.kind, one.name, one.scenario, "explained", one.detail, replay=one.replay)
        if where in explained:
            return told
        if where in rose:
            return _with(told, "unattributed", "")
        if one.kind in BY_OTHER_MEANS:
            return _with(told, "unjudged", BY_OTHER_MEANS[one.kind])
        if seen is None or seen.state != "judged":
            return _with(told, "unjudged", seen.why if seen is not None else "its scenario was not looked into")
        if where in missing:
            return _with(told, "unjudged", "it can't be measured on this system")
        return _with(told, "not_reproduced", f"over {seen.cycles:,} cycles in {seen.windows} windows")

    return [fate(one) for one in findings]


def _with(told: FindingOutcome, state: str, why: str) -> FindingOutcome:
    return FindingOutcome(told.kind, told.name, told.scenario, state, told.detail, why, told.replay)  # type: ignore[arg-type]


def unjudged(looked: Iterable[ScenarioCoverage], unmeasured: Iterable[tuple[str, str]]) -> list[Unjudged]:
    """Everything that a hunt was to judge and did not."""
    parts = [Unjudged(f"scenario {one.scenario}", one.why, one.scenario) for one in looked if one.state == "unjudged"]
    here = "it can't be measured on this system"
    return [*parts, *(Unjudged(f"{name} in {scenario}", here, scenario) for scenario, name in unmeasured)]


def conclude(
    culprits: Sequence[Culprit],
    open_: Sequence[Unattributed],
    left: Sequence[Unjudged],
    findings: Sequence[FindingOutcome],
) -> ProfileVerdict:
    """The verdict of a hunt that came to its end. What soak found and what did not rise here is not gone."""
    if culprits or open_:
        return "found"
    return "inconclusive" if left or findings else "clean"
