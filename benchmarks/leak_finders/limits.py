"""Calibrates pytest-memray with clean runs: finds the limits to use, and the locations that a filter ignores."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import msgspec

from benchmarks.leak_finders.cells import CellResult
from soak.plants import LifecycleEvent, Plant, plants
from tests.soak.plant_host import CAUSES

KINDS = (LifecycleEvent.CONNECT, LifecycleEvent.TERMINAL, LifecycleEvent.PROMPT, LifecycleEvent.REFUSAL)
"""One moment for each kind of event: a connection of a phone, a terminal, a conversation, a refused request."""
HOOKS = "soak/plants/hooks.py:"
"""The file with the harness's hooks, which call plants (leaks and decoys) at events. Clean runs do not execute it."""
CALIBRATION_RUNS, FILTER_RUNS = 5, 3
"""Number of clean runs for each kind of event, and how many of them determine the locations that the filter ignores."""


def hosted() -> tuple[Plant, ...]:
    """Return the plants that a `HostedAgent` can have: their moments need no network, and they are in no library."""
    return tuple(one for one in plants() if one.family != "libraries" and one.on in CAUSES)


def kind_of(moment: str) -> LifecycleEvent:
    """Return which of KINDS is caused in the same way as `moment`."""
    return next(kind for kind in KINDS if CAUSES[kind] is CAUSES[LifecycleEvent(moment)])


def limits_of(results: Iterable[CellResult]) -> dict[LifecycleEvent, int]:
    """Return, for each kind of event, the smallest limit in bytes at which no calibration run fails."""
    limits = dict.fromkeys(KINDS, 1)
    for one in results:
        if one.role == "calibration" and not one.error:
            limits[kind_of(one.moment)] = max(limits[kind_of(one.moment)], one.largest + 1)
    return limits


@dataclass(frozen=True, slots=True)
class AllocationFilter:
    """The locations that a `filter_fn` for one kind of event ignores, and the smallest limit in bytes for that filter.

    The locations are those of three calibration runs. The limit is the smallest at which the other two do not fail.
    """

    places: frozenset[str]
    limit: int

    @classmethod
    def by(cls, kind: LifecycleEvent, results: Iterable[CellResult]) -> Self:
        """Return the filter for a kind of event, from the calibration runs in `results`."""
        own = [one for one in results if one.role == "calibration" and kind_of(one.moment) is kind and not one.error]
        number = {one.key: int(one.key.rpartition(" ")[2]) for one in own}
        places = frozenset(at for one in own if number[one.key] < FILTER_RUNS for at, _ in one.places)
        rest = [kept(one, places) for one in own if number[one.key] >= FILTER_RUNS]
        return cls(places, max(rest, default=0) + 1)


def kept(one: CellResult, places: frozenset[str]) -> int:
    """Return the most bytes that a location keeps in a run. Those in `places` and in plants' hooks do not count."""
    return max((size for at, size in one.places if at not in places and not at.startswith(HOOKS)), default=0)


def slim(one: CellResult, places: frozenset[str]) -> CellResult:
    """Return a copy of a result that has only the worst location which is neither in `places` nor a hook of plants."""
    asked = [(at, size) for at, size in one.places if at not in places and not at.startswith(HOOKS)]
    return msgspec.structs.replace(one, places=sorted(asked, key=lambda place: -place[1])[:1])


def distinct(one: CellResult) -> CellResult:
    """Return a copy of a result with each location only once, with the most bytes that a stack kept there."""
    most: dict[str, int] = {}
    for at, size in one.places:
        most[at] = max(size, most.get(at, 0))
    return msgspec.structs.replace(one, places=list(most.items()))
