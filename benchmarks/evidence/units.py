"""The types of the evidence: kinds of units, and the results of runs. No I/O."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

MOST_ATTEMPTS = 2
"""The most runs of a unit.

A unit that failed because of the machine is run once more. A unit with a wrong result is never repeated.
"""


PACKAGES = ("mobifai", "soak", "profiles")
"""The packages in the wheel."""


class UnitOutcome(StrEnum):
    """The outcome of a unit's run: its result is right or wrong, or the run failed and has none."""

    RIGHT = "right"
    WRONG = "wrong"
    """The run finished, and its result is wrong or shows a fault of the product."""
    FAILED = "failed"
    """The run has no result, because of the machine: it was too slow, was killed, or reached no verdict."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a unit's run. `summary` is a short text, and `detail` has the data that the kind's page needs.

    `command` is the command line that was run. `files` maps names of files, below the folder of the pages, to their
    content.
    """

    outcome: UnitOutcome
    summary: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)


class UnitPlan(msgspec.Struct, frozen=True, tag="plan"):
    """The units to run of one kind of evidence on one revision, in the order of the page."""

    kind: str
    revision: str
    units: tuple[str, ...]


class UnitResult(msgspec.Struct, frozen=True, tag="result"):
    """The stored result of one run. `revision` is a digest of the sources, and `finished` is a time in ISO 8601.

    `commit` and `machine` are only information for readers of the page.
    """

    kind: str
    unit: str
    revision: str
    attempt: int
    outcome: UnitOutcome
    summary: str
    seconds: float
    finished: str
    commit: str
    machine: str
    command: str = ""
    detail: dict[str, Any] = {}

    @property
    def final(self) -> bool:
        """Whether the unit is done after this run: the run has a right or wrong result, or was the last attempt."""
        return self.outcome is not UnitOutcome.FAILED or self.attempt >= MOST_ATTEMPTS


ResultsByUnit = Mapping[str, UnitResult]
"""The last result of each unit of one kind."""


@dataclass(frozen=True, slots=True)
class EvidenceKind:
    """Units that are run in the same way.

    `units` returns their names. `run` gets a unit, an empty folder that is removed afterwards, and the known results of
    the kind. It may raise OSError, ValueError and LookupError. `seconds` returns the first estimate of a unit's
    duration. `sources` are files that can change the results, in addition to those of the `packages` that its units
    run. `ready` returns whether a unit can run yet, given the results of other units of its kind.
    """

    name: str
    units: Callable[[], Sequence[str]]
    run: Callable[[str, Path, ResultsByUnit], Awaitable[RunResult]]
    seconds: Callable[[str], float]
    sources: tuple[str, ...] = ()
    ready: Callable[[str, ResultsByUnit], bool] = lambda _unit, _known: True
    packages: tuple[str, ...] = PACKAGES


@dataclass(frozen=True, slots=True)
class KindEvidence:
    """The planned units of one kind on one revision, and the results of their runs so far."""

    plan: UnitPlan
    results: tuple[UnitResult, ...]

    @property
    def last(self) -> dict[str, UnitResult]:
        """The last result of each unit that has one, in the order of the plan."""
        found = {one.unit: one for one in sorted(self.results, key=lambda one: one.attempt)}
        return {unit: found[unit] for unit in self.plan.units if unit in found}

    @property
    def missing(self) -> list[str]:
        """The units that still have to run, in the order of the plan."""
        last = self.last
        return [unit for unit in self.plan.units if unit not in last or not last[unit].final]

    @property
    def repeated(self) -> list[UnitResult]:
        """The results of failed runs that were repeated, in the order of the plan."""
        last = self.last
        again = [one for one in self.results if one.attempt < last[one.unit].attempt]
        return sorted(again, key=lambda one: (self.plan.units.index(one.unit), one.attempt))

    def of(self, outcome: UnitOutcome) -> list[UnitResult]:
        """Return the last results of those units whose last result has this outcome."""
        return [one for one in self.last.values() if one.outcome is outcome]

    @classmethod
    def by(cls, plan: UnitPlan, results: Iterable[UnitResult]) -> "KindEvidence":
        """Return the evidence for a plan: those of `results` that have its kind, its revision and one of its units."""
        own = (one for one in results if (one.kind, one.revision) == (plan.kind, plan.revision))
        return cls(plan, tuple(one for one in own if one.unit in plan.units))
