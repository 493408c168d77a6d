"""Each finder's answer for each plant and each clean run, and the numbers of its alarms. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.leak_finders.cells import CellResult
from benchmarks.leak_finders.limits import KINDS, AllocationFilter, kept, kind_of
from benchmarks.leak_finders.trend import RULES

SOAK, MEMRAY, FILTERED = "`mobifai soak`", "pytest-memray", "pytest-memray, filtered"
FINDERS = (SOAK, MEMRAY, FILTERED, *(f"RSS {rule}" for rule in RULES))
ROLES = ("leak", "decoy", "clean")


@dataclass(frozen=True, slots=True)
class FinderAnswer:
    """A finder's answer in one cell. `alarm` says if it reports a leak, and is None if the run has no answer."""

    finder: str
    role: str
    plant: str
    alarm: bool | None
    seconds: float


def answers_of(results: Sequence[CellResult], soak: Iterable[FinderAnswer] = ()) -> list[FinderAnswer]:
    """Return the answers of all finders: those of `mobifai soak`, which are `soak`, and then those in `results`."""
    filters = {kind: AllocationFilter.by(kind, results) for kind in KINDS}
    found = [*soak]
    for one in results:
        if one.role == "calibration":
            continue
        if one.tool == "memray":
            chosen = filters[kind_of(one.moment)]
            found.append(_answer(MEMRAY, one, lambda one: one.alarm))
            found.append(_answer(FILTERED, one, lambda one, by=chosen: kept(one, by.places) >= by.limit))  # type: ignore[misc]
        else:
            for rule, says in RULES.items():
                found.append(_answer(f"RSS {rule}", one, lambda one, says=says: says(one.course)))  # type: ignore[misc]
    return found


def by_soak(plant: str, verdict: str, decoy: bool, seconds: float) -> FinderAnswer:
    """Return the answer of `mobifai soak` for a plant, from the verdict and the duration of its run with that plant."""
    said = {"leak": True, "breach": True, "held": False}.get(verdict)
    return FinderAnswer(SOAK, "decoy" if decoy else "leak", plant, said, seconds)


def _answer(finder: str, one: CellResult, says: Callable[[CellResult], bool]) -> FinderAnswer:
    return FinderAnswer(finder, one.role, one.plant, None if one.error else says(one), one.seconds)


@dataclass(frozen=True, slots=True)
class FinderScore:
    """A finder's numbers of alarms and of answers, by role of the cells. `silent` is the number of unanswered cells.

    `seconds` is the median duration of a cell, and `total_seconds` the sum of all durations.
    """

    alarms: dict[str, int]
    answered: dict[str, int]
    silent: int
    seconds: float
    total_seconds: float


def score_of(finder: str, answers: Iterable[FinderAnswer]) -> FinderScore:
    """Return the number of a finder's alarms and answers, by role of the cells."""
    own = [one for one in answers if one.finder == finder]
    return FinderScore(
        {role: sum(one.role == role and one.alarm is True for one in own) for role in ROLES},
        {role: sum(one.role == role and one.alarm is not None for one in own) for role in ROLES},
        sum(one.alarm is None for one in own),
        median(one.seconds for one in own) if own else 0.0,
        sum(one.seconds for one in own),
    )


def at_limits(results: Iterable[CellResult], factor: float) -> dict[str, int]:
    """Return how many alarms pytest-memray would have raised with `factor` times its limits, by role of the cells."""
    alarms = dict.fromkeys(ROLES, 0)
    for one in results:
        if one.tool == "memray" and one.role in alarms and not one.error:
            alarms[one.role] += one.largest >= factor * one.limit
    return alarms
