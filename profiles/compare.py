"""Two reports side by side: what is new, gone, larger, smaller, the same. It reads no file and runs nothing.

Culprits are the same when kind, file, function and what grows are: lines move. Gauges without a culprit are the same
when name and scenario are.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import msgspec
from rich.text import Text

from profiles.report.places import short, told
from profiles.results import Culprit, Place, ProfileReport, Unattributed
from soak.report.figures import rate
from soak.report.text import one_line

SAME: Final = 0.1
"""Two rates that differ by no more than this part of the larger are the same."""
UNATTRIBUTED: Final = "unattributed"
UNDECIDED: Final = ("failed", "inconclusive", "unfinished")

Key: TypeAlias = tuple[str, str, str, str]
Rates: TypeAlias = dict[str, float]
Fate: TypeAlias = Literal["new", "gone", "larger", "smaller", "same"]


class Row(msgspec.Struct, frozen=True):
    """One cause of growth in both reports. Rates are for each cycle, 0 where it is not there.

    `name` is the function and its file, or the gauge; `was_at` and `is_at` are its line in the earlier report and in
    the later one.
    """

    name: str
    kind: str
    what: str
    before: float
    after: float
    unit: str
    scenario: str = ""
    was_at: Place | None = None
    is_at: Place | None = None


class Comparison(msgspec.Struct, frozen=True):
    """Every cause of growth, by what became of it, the largest first. `notes` say what the comparison can't tell."""

    new: list[Row]
    larger: list[Row]
    smaller: list[Row]
    same: list[Row]
    gone: list[Row]
    notes: list[str] = []


@dataclass
class _Cause:
    """All entries of one report that have one key: rates by unit, for each scenario."""

    place: Place | None
    rates: dict[str, Rates] = field(default_factory=dict)

    def add(self, scenario: str, rates: Mapping[str, float]) -> None:
        known = self.rates.setdefault(scenario, {})
        for unit, value in rates.items():
            known[unit] = known.get(unit, 0.0) + (value if math.isfinite(value) else 0.0)

    def rate(self, unit: str) -> float:
        """In the scenario that has most: cycles of different scenarios can't be added up."""
        return max((rates.get(unit, 0.0) for rates in self.rates.values()), default=0.0)


def compare(before: ProfileReport, after: ProfileReport) -> Comparison:
    """Lay them side by side."""
    then, now = _causes(before), _causes(after)
    rows: dict[Fate, list[Row]] = {"new": [], "larger": [], "smaller": [], "same": [], "gone": []}
    for key in {**then, **now}:
        row = _row(key, then.get(key), now.get(key))
        rows[_fate(row, key in then, key in now)].append(row)
    ordered = {fate: sorted(some, key=_largest_first) for fate, some in rows.items()}
    return Comparison(**ordered, notes=_notes(before, after))


def comparison_text(found: Comparison) -> Text:
    """For people: what is worse first. No line is wrapped."""
    text = Text(no_wrap=True, overflow="ignore")
    parts: Sequence[tuple[str, Iterable[Row], str]] = (
        ("✗ new", found.new, "red"),
        ("✗ larger", found.larger, "red"),
        ("✓ smaller", found.smaller, "green"),
        ("✓ gone", found.gone, "green"),
        ("  same", found.same, ""),
    )
    for word, rows, style in parts:
        for row in rows:
            text.append(one_line(f"{word:<9} {_told(row)}") + "\n", style)
    if not text:
        text.append("✓ neither report names any growth\n", "green")
    for note in found.notes:
        text.append(one_line(f"? {note}") + "\n", "yellow")
    text.rstrip()
    return text


def _causes(report: ProfileReport) -> dict[Key, _Cause]:
    found: dict[Key, _Cause] = {}
    for one in report.culprits:
        key = one.kind, short(one.file), one.function, one.what
        found.setdefault(key, _Cause(one.place)).add(one.scenario, _rates(one))
    for gauge in report.unattributed:
        found.setdefault(_key(gauge), _Cause(None)).add(gauge.scenario, {gauge.unit: gauge.per_cycle})
    return found


def _rates(one: Culprit) -> Rates:
    return {"bytes": one.bytes_per_cycle, "things": one.objects_per_cycle}


def _key(gauge: Unattributed) -> Key:
    return UNATTRIBUTED, gauge.name, gauge.scenario, ""


def _row(key: Key, then: _Cause | None, now: _Cause | None) -> Row:
    kind, file, function, what = key
    unit = _unit(then, now)
    scenarios = {name for cause in (then, now) if cause is not None for name in cause.rates if name}
    return Row(
        name=file if kind == UNATTRIBUTED else f"{file} {function}".rstrip(),
        kind=kind,
        what=what,
        before=then.rate(unit) if then else 0.0,
        after=now.rate(unit) if now else 0.0,
        unit=unit,
        scenario=", ".join(sorted(scenarios)),
        was_at=then.place if then else None,
        is_at=now.place if now else None,
    )


def _unit(then: _Cause | None, now: _Cause | None) -> str:
    """What to compare by: a unit in which both have a rate, bytes before others; else one in which either has."""
    causes = [cause for cause in (then, now) if cause is not None]
    units = sorted({unit for cause in causes for rates in cause.rates.values() for unit in rates})
    return max(units, key=lambda unit: sum(bool(cause.rate(unit)) for cause in causes))  # the first of equals


def _fate(row: Row, was: bool, is_: bool) -> Fate:
    if not was:
        return "new"
    if not is_:
        return "gone"
    if abs(row.after - row.before) <= SAME * max(abs(row.before), abs(row.after)):
        return "same"
    return "larger" if row.after > row.before else "smaller"


def _largest_first(row: Row) -> tuple[bool, float, str, str, str, str]:
    size = max(abs(row.before), abs(row.after))
    return row.unit != "bytes", -size, row.kind, row.name, row.what, row.scenario


def _notes(before: ProfileReport, after: ProfileReport) -> list[str]:
    notes = []
    if before.verdict in UNDECIDED:
        notes.append(f"the earlier report is {before.verdict}: what is new may only not have been looked at then")
    if after.verdict in UNDECIDED:
        notes.append(f"the later report is {after.verdict}: what is gone may only not have been looked at now")
    if (before.mode == "attach") != (after.mode == "attach"):
        notes.append("one of them is of an attached agent, whose cycles are windows of time: rates can't be compared")
    return notes


def _told(row: Row) -> str:
    where = row.is_at or row.was_at
    name = told(where) if where else row.name
    what = f"{row.kind}{f', {row.what}' if row.what else ''}{f', in {row.scenario}' if row.scenario else ''}"
    return f"{name} ({what}): {rate(row.before, row.unit)} → {rate(row.after, row.unit)} a cycle"
