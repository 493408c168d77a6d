"""Explains for each limit what filled it in a run, or why nothing did."""

from collections.abc import Collection, Iterable

import msgspec

from mobifai.limits import LIMITS
from soak.gauges.results import BoundResult
from soak.provocations import provocations

SCENARIO = "limits"
"""The scenario that runs the provocations."""


def explained(bounds: Iterable[BoundResult], scenarios: Collection[str]) -> list[BoundResult]:
    """Return `bounds`, each with an explanation (`why`) of what filled the limit, or why nothing did.

    `scenarios` are the scenarios that have run.
    """
    by = {limit: one.name for one in provocations() for limit in one.fills} if SCENARIO in scenarios else {}
    return [msgspec.structs.replace(one, why=_why(one, by.get(one.name), scenarios)) for one in bounds]


def _why(bound: BoundResult, provocation: str | None, scenarios: Collection[str]) -> str:
    limit = LIMITS.get(bound.name)
    if bound.exercised:
        how = "use" if provocation is None else f"the provocation {provocation!r}"
        is_set = limit is not None and bound.capacity != limit.value
        return f"filled by {how}" + (", with a capacity that is not the default" if is_set else "")
    if limit is not None and limit.unfillable:
        return f"nothing can fill it: {limit.unfillable}"
    if provocation is not None:
        return f"the provocation {provocation!r} did not fill it in this run"
    return "no scenario of this run fills it" if SCENARIO in scenarios else f"the scenario {SCENARIO!r} did not run"
