"""Renders leak-finders.md, the page that compares soak with other leak finders."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from benchmarks.leak_finders.cells import MEMRAY_OPTIONS, REST_SECONDS, CellResult
from benchmarks.leak_finders.host import EVENTS_A_SAMPLE, SHORT_REST_SECONDS
from benchmarks.leak_finders.limits import CALIBRATION_RUNS, FILTER_RUNS, KINDS, AllocationFilter, limits_of
from benchmarks.leak_finders.page_text import HEAD, HOW, LIMITS, PLANT_BY_PLANT
from benchmarks.leak_finders.score import (
    FINDERS,
    MEMRAY,
    ROLES,
    FinderAnswer,
    FinderScore,
    answers_of,
    at_limits,
    score_of,
)

ELSEWHERE = ", elsewhere"
FACTORS = (0.25, 0.5, 1, 2, 4)
SHORT = {
    finder: finder.removeprefix("RSS ").replace("Mann-Kendall", "M-K").replace(" blocks", "") for finder in FINDERS
}
SAID = {
    ("leak", True): "found",
    ("leak", False): "**missed**",
    ("decoy", True): "**alarm**",
    ("decoy", False): "silent",
}


class MeasuredPlant(NamedTuple):
    """A plant (a leak or a decoy) that cells of the table were measured with."""

    name: str
    family: str
    decoy: bool


def page_of(
    results: Sequence[CellResult],
    soak: Sequence[FinderAnswer],
    plants: Sequence[MeasuredPlant],
    versions: Mapping[str, str],
    made: str,
) -> str:
    """Return the page, given the results of all cells.

    `soak` has the answers of soak's self-test, and `made` is the paragraph that says where the results come from.
    """
    answers = answers_of(results, soak)
    scores = {finder: score_of(finder, answers) for finder in FINDERS}
    words = _figures(results, scores, plants)
    tools = ", ".join(f"{name} {number}" for name, number in versions.items())
    parts = [
        HEAD.format(**words),
        made,
        f"{tools}. {_soak_source(soak)}\n",
        _totals(scores),
        _families(answers, plants),
        HOW.format(**words),
        _other_limits(results),
        LIMITS.format(**words),
        _plants(answers, results, plants),
    ]
    return "\n".join(parts)


def _figures(
    results: Sequence[CellResult], scores: Mapping[str, FinderScore], plants: Sequence[MeasuredPlant]
) -> dict[str, Any]:
    limits, filters = limits_of(results), {kind: AllocationFilter.by(kind, results) for kind in KINDS}
    own = [one for one in results if one.tool == "memray" and one.role == "leak" and one.alarm]
    return {
        "leaks": sum(not one.decoy for one in plants),
        "decoys": sum(one.decoy for one in plants),
        "events": max((one.events for one in results), default=0),
        "every": EVENTS_A_SAMPLE,
        "rest": REST_SECONDS,
        "short": SHORT_REST_SECONDS,
        "options": " ".join(MEMRAY_OPTIONS),
        "calibrations": CALIBRATION_RUNS,
        "filter_runs": FILTER_RUNS,
        "limit_runs": CALIBRATION_RUNS - FILTER_RUNS,
        "limits": _in_bytes(limits),
        "filter_limits": _in_bytes({kind: by.limit for kind, by in filters.items()}),
        "memray_seconds": scores[MEMRAY].seconds,
        "rss_seconds": scores[FINDERS[-1]].seconds,
        "alarmed": len(own),
        "named": sum(one.names_plant for one in own),
    }


def _in_bytes(limits: Mapping[Any, int]) -> str:
    names = dict(zip(KINDS, ("phones", "terminals", "conversations", "refusals"), strict=True))
    return ", ".join(f"{limit:,} bytes for {names[kind]}" for kind, limit in limits.items())


def _soak_source(soak: Sequence[FinderAnswer]) -> str:
    if not soak:
        return "The column of `mobifai soak` is empty: its self-test was not run."
    return f"`mobifai soak`: its self-test ([self-test.md](self-test.md)), {len(soak)} of these plants."


def _totals(scores: Mapping[str, FinderScore]) -> str:
    head = ["finder", "leaks found", "decoys alarmed", "clean runs alarmed", "no answer", "seconds a run", "all"]
    return _table(head, (_total(finder, score) for finder, score in scores.items()))


def _total(finder: str, score: FinderScore) -> list[str]:
    shares = [_share(score.alarms[role], score.answered[role]) for role in ROLES]
    if not any(score.answered.values()):
        return [finder, *shares, "–", "–", "–"]
    return [finder, *shares, str(score.silent), f"{score.seconds:.0f}", f"{score.total_seconds / 60:.0f} min"]


def _share(some: int, of: int) -> str:
    return f"{some} of {of}" if of else "–"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _families(answers: Iterable[FinderAnswer], plants: Sequence[MeasuredPlant]) -> str:
    family = {one.name: one.family.replace("_", " ") for one in plants if not one.decoy}
    usable = [one for one in answers if one.plant in family and one.alarm is not None]

    def cell(name: str, finder: str) -> str:
        own = [one for one in usable if family[one.plant] == name and one.finder == finder]
        return _share(sum(one.alarm is True for one in own), len(own))

    rows = ([name, *(cell(name, finder) for finder in FINDERS)] for name in dict.fromkeys(family.values()))
    return "Leaks found, by what they are made of:\n\n" + _table(["", *SHORT.values()], rows)


def _other_limits(results: Sequence[CellResult]) -> str:
    own = [one for one in results if one.tool == "memray" and not one.error]
    rows = []
    for factor in FACTORS:
        alarms = at_limits(own, factor)
        shares = (_share(alarms[role], sum(one.role == role for one in own)) for role in ROLES)
        rows.append(["as above" if factor == 1 else f"{factor:g} times that", *shares])
    head = ["limit, no filter", "leaks found", "decoys alarmed", "clean runs alarmed"]
    return "With other limits pytest-memray would have said, by the same records:\n\n" + _table(head, rows)


def _plants(answers: Iterable[FinderAnswer], results: Iterable[CellResult], plants: Sequence[MeasuredPlant]) -> str:
    said = {(one.plant, one.finder): one for one in answers if one.role != "clean"}
    records = {(one.plant, one.tool): one for one in results if one.role in ("leak", "decoy") and not one.error}
    rows = []
    for plant in plants:
        memray, rss = records.get((plant.name, "memray")), records.get((plant.name, "rss"))
        words = [_word(plant, said.get((plant.name, finder))) for finder in FINDERS]
        if memray and memray.role == "leak" and memray.alarm and not memray.names_plant:
            words[FINDERS.index(MEMRAY)] += ELSEWHERE
        rose = f"{(rss.course[-1] - rss.course[0]) // 1024:,} KiB" if rss else ""
        worst = f"{memray.largest:,} of {memray.limit:,}" if memray else ""
        rows.append([f"{plant.name}{' (decoy)' if plant.decoy else ''}", *words, worst, rose])
    head = ["plant", *SHORT.values(), "worst place, bytes of limit", "RSS rose by"]
    return PLANT_BY_PLANT + _table(head, rows)


def _word(plant: MeasuredPlant, answer: FinderAnswer | None) -> str:
    if answer is None:
        return ""
    return "no answer" if answer.alarm is None else SAID["decoy" if plant.decoy else "leak", answer.alarm]
