"""Draws the conclusions of an investigation: outcomes of soak's findings, unjudged parts, and the verdict. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

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
    "bound": "an exceeded limit is not growth; to see where it is exceeded, run the command that reproduces it",
    "integrity": "a lost byte is not growth",
    "failure": "a failed run shows no growth",
    "harness": "the harness is not examined",
}
"""The reasons why no line can be named for some kinds of soak findings, by kind."""

OBJECTS: Final = "python.blocks"
KEEP_OBJECTS: Final = ("container", "allocation")
"""Kinds of culprits that keep Python objects. Such a culprit explains any rise of the gauge `OBJECTS`."""


def settings_of(plan: SoakPlan, *, dose: bool, memray: bool | None, process: str | None = None) -> ProfileSettings:
    """Return the settings of an investigation in the form in which its report has them."""
    asked = ProfileSettings(list(plan.scenarios), plan.time_scale, plan.phones, plan.plant, dose, memray)
    return replace(asked, process=process)


def finding_outcomes(
    findings: Iterable[FindingResult],
    culprits: Iterable[Culprit],
    open_: Iterable[Unattributed],
    coverage: Sequence[ScenarioCoverage],
    unmeasured: Iterable[tuple[str, str]],
) -> list[FindingOutcome]:
    """Return the outcome of each soak finding in `findings`: explained, unattributed, not reproduced, or unjudged.

    `open_` has the gauges that rose without a culprit, and `unmeasured` the (scenario, gauge) pairs that could not be
    measured.
    """
    culprits = list(culprits)
    explained = {(one.scenario, name) for one in culprits for name in one.explains}
    explained |= {(one.scenario, OBJECTS) for one in culprits if one.kind in KEEP_OBJECTS and one.objects_per_cycle > 0}
    rose = {(one.scenario, one.name) for one in open_}
    known, missing = {one.scenario: one for one in coverage}, set(unmeasured)

    def outcome(one: FindingResult) -> FindingOutcome:
        where, seen = (one.scenario, one.name), known.get(one.scenario)
        result = FindingOutcome(one.kind, one.name, one.scenario, "explained", one.detail, replay=one.replay)
        if where in explained:
            return result
        if where in rose:
            return replace(result, state="unattributed")
        if one.kind in BY_OTHER_MEANS:
            return replace(result, state="unjudged", why=BY_OTHER_MEANS[one.kind])
        if seen is None or seen.state != "judged":
            why = seen.why if seen is not None else "its scenario was not examined"
            return replace(result, state="unjudged", why=why)
        if where in missing:
            return replace(result, state="unjudged", why="it can't be measured on this system")
        return replace(result, state="not_reproduced", why=f"over {seen.cycles:,} cycles in {seen.windows} windows")

    return [outcome(one) for one in findings]


def unjudged(coverage: Iterable[ScenarioCoverage], unmeasured: Iterable[tuple[str, str]]) -> list[Unjudged]:
    """Return an entry for each scenario that was not judged, and for each gauge that could not be measured.

    `unmeasured` has these gauges as pairs (scenario, gauge).
    """
    parts = [Unjudged(f"scenario {one.scenario}", one.why, one.scenario) for one in coverage if one.state == "unjudged"]
    here = "it can't be measured on this system"
    return [*parts, *(Unjudged(f"{name} in {scenario}", here, scenario) for scenario, name in unmeasured)]


def conclude(
    culprits: Sequence[Culprit],
    open_: Sequence[Unattributed],
    left: Sequence[Unjudged],
    findings: Sequence[FindingOutcome],
) -> ProfileVerdict:
    """Return the verdict of an investigation that was not interrupted.

    `open_` has the gauges that rose without a culprit, and `left` what was not judged. If nothing grew, the verdict is
    `clean`, unless something was not judged or soak had findings to explain. Then it is `inconclusive`, because growth
    may still exist.
    """
    if culprits or open_:
        return "found"
    return "inconclusive" if left or findings else "clean"
