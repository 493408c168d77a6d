"""Compares two reports of `mobifai profile run` or `attach`, for `mobifai profile compare`. No I/O.

Each cause of growth is new, gone, larger, smaller, the same, or not comparable. A culprit in one report is the same
cause as a culprit in the other if kind, file, function and growing object are equal; line numbers may differ. A gauge
that grows without a culprit is the same cause if name and scenario are equal.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import msgspec
from rich.text import Text

from profiles.report.locations import location_text, short_path
from profiles.report.summary import identity
from profiles.results import SCHEMA_VERSION, CodeLocation, Culprit, ProfileReport, Unattributed, step_of
from soak.gauges.results import Product
from soak.report.figures import rate
from soak.report.text import one_line

SAME_RATE: Final = 0.1
"""Relative difference (0.1 is 10 %) up to which two rates count as equal."""
UNATTRIBUTED: Final = "unattributed"
COMPARED_SETTINGS: Final = ("time_scale", "phones", "plant", "memray", "seconds")
"""Settings that must be equal in both reports, because rates of growth depend on them."""
PLATFORM: Final = ("python", "c_library", "architecture")
UNDECIDED: Final = ("failed", "inconclusive", "unfinished")

CauseKey: TypeAlias = tuple[str, str, str, str]
RatesByUnit: TypeAlias = dict[str, float]
GrowthChange: TypeAlias = Literal["new", "gone", "larger", "smaller", "same", "unjudged"]


class CauseRow(msgspec.Struct, frozen=True):
    """One cause of growth, with its rates in both reports.

    `name` is the file and the function, or for growth without a known line the name of the gauge. `before` and `after`
    are the rates in the earlier and the later report, per cycle (for `attach`: per window) and in `unit`. A rate is 0
    if the report does not name the cause. `was_at` and `is_at` are the lines in the earlier and the later report.
    """

    name: str
    kind: str
    what: str
    before: float
    after: float
    unit: str
    scenario: str = ""
    was_at: CodeLocation | None = None
    is_at: CodeLocation | None = None


class ReportIdentity(msgspec.Struct, frozen=True):
    """The identity of one of the compared reports: its verdict, start time, version of MobiFai and command line."""

    verdict: str = ""
    started_at: str = ""
    product: Product = Product()
    command: str = ""


ComparisonVerdict: TypeAlias = Literal["worse", "not_worse", "inconclusive"]
"""The result of a comparison.

`worse`: a cause of growth is new or larger. `inconclusive`: none is, but not everything can be compared. `not_worse`:
none is, and everything was compared.
"""

EXIT_STATUS: Final[Mapping[ComparisonVerdict, int]] = {"not_worse": 0, "worse": 1, "inconclusive": 4}


class ProfileComparison(msgspec.Struct, frozen=True):
    """The causes of growth in two reports, grouped by how they changed. Each group begins with the largest cause.

    `unjudged` has the causes that can't be compared, because the two reports did not examine the same scenarios in the
    same way. Such a cause is neither new nor gone, even if only one report names it. `why_not` has the reasons, and is
    empty if everything was compared. `before` and `after` identify the two reports.
    """

    verdict: ComparisonVerdict
    new: list[CauseRow]
    larger: list[CauseRow]
    smaller: list[CauseRow]
    same: list[CauseRow]
    gone: list[CauseRow]
    unjudged: list[CauseRow] = []
    why_not: list[str] = []
    before: ReportIdentity = ReportIdentity()
    after: ReportIdentity = ReportIdentity()
    product: Product = Product()
    schema_version: int = SCHEMA_VERSION


@dataclass
class _CauseRates:
    """The rates of one cause in one report, by scenario and unit."""

    place: CodeLocation | None
    rates: dict[str, RatesByUnit] = field(default_factory=dict)

    def add(self, scenario: str, rates: Mapping[str, float]) -> None:
        known = self.rates.setdefault(scenario, {})
        for unit, value in rates.items():
            known[unit] = known.get(unit, 0.0) + (value if math.isfinite(value) else 0.0)

    def rate(self, unit: str) -> float:
        """Return the rate of this cause in `unit`, or 0.

        If the cause grows in several scenarios, return the largest rate, because their rates can't be added.
        """
        return max((rates.get(unit, 0.0) for rates in self.rates.values()), default=0.0)


def compare(before: ProfileReport, after: ProfileReport, by: Product = Product()) -> ProfileComparison:  # noqa: B008 - frozen
    """Compare an earlier report (`before`) with a later one. `by` identifies the MobiFai that compares them."""
    why_not, seen = differences(before, after), _JudgedScenarios(before, after)
    then, now = _causes(before), _causes(after)
    rows: dict[GrowthChange, list[CauseRow]] = {
        name: [] for name in ("new", "larger", "smaller", "same", "gone", "unjudged")
    }
    for key in {**then, **now}:
        row = _row(key, then.get(key), now.get(key))
        comparable = not why_not and seen.by_both(then.get(key), now.get(key))
        rows[_change(row, key in then, key in now) if comparable else "unjudged"].append(row)
    ordered = {fate: sorted(some, key=_largest_first) for fate, some in rows.items()}
    why_not += seen.why_not()
    return ProfileComparison(
        verdict="worse" if rows["new"] or rows["larger"] else "inconclusive" if why_not else "not_worse",
        new=ordered["new"],
        larger=ordered["larger"],
        smaller=ordered["smaller"],
        same=ordered["same"],
        gone=ordered["gone"],
        unjudged=ordered["unjudged"],
        why_not=why_not,
        before=_side(before),
        after=_side(after),
        product=by,
    )


def _side(report: ProfileReport) -> ReportIdentity:
    return ReportIdentity(report.verdict, report.started_at, report.product, report.command)


def differences(before: ProfileReport, after: ProfileReport) -> list[str]:
    """Return the reasons why two reports can't be compared at all, as sentences. The list is empty if they can be."""
    found = [
        f"the {name} report is {report.verdict}: a cause that it does not name may still exist"
        for name, report in (("earlier", before), ("later", after)) if report.verdict in UNDECIDED
    ]  # fmt: skip
    if (before.mode == "attach") != (after.mode == "attach"):
        return [*found, "one report is of `mobifai profile attach`, whose rates are per window of time, not per cycle"]
    for name, one, other in _conditions(before, after):
        if one != other:
            found.append(f"{name} differs: {_shown(one)} in the earlier report, {_shown(other)} in the later one")
    return found


def _conditions(before: ProfileReport, after: ProfileReport) -> Iterator[tuple[str, object, object]]:
    """Yield the conditions that must be equal in both reports, as (name, earlier value, later value)."""
    yield "seed", before.seed, after.seed
    for name in COMPARED_SETTINGS:
        yield name.replace("_", " "), getattr(before.settings, name), getattr(after.settings, name)
    for name in PLATFORM:
        yield name.replace("_", " "), before.environment.get(name), after.environment.get(name)


def _shown(value: object) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


class _JudgedScenarios:
    """The scenarios that each of the two reports judged. Causes are compared only in scenarios that both judged."""

    def __init__(self, before: ProfileReport, after: ProfileReport) -> None:
        self._before, self._after = _judged(before), _judged(after)
        self._both = self._before & self._after

    def by_both(self, *causes: _CauseRates | None) -> bool:
        """Return whether both reports judged every scenario in which a cause of growth occurs.

        `causes` are the rates of this one cause in the earlier and in the later report, None where it is not named. The
        result is also true if neither report judged any scenario.
        """
        names = {name for cause in causes if cause is not None for name in cause.rates}
        return names <= self._both or not (self._before or self._after)

    def why_not(self) -> list[str]:
        """Return a sentence for each report that judged scenarios which the other report did not judge."""
        parts = (("earlier", self._before - self._after), ("later", self._after - self._before))
        return [f"only the {name} report judged {', '.join(sorted(only))}" for name, only in parts if only]


def _judged(report: ProfileReport) -> set[str]:
    return {one.scenario for one in report.scenarios if one.state == "judged"}


def comparison_text(found: ProfileComparison) -> Text:
    """Return the comparison for a terminal: the verdict, new and larger causes, and then all others.

    Lines are not wrapped.
    """
    text = Text(no_wrap=True, overflow="ignore")
    sign, style = {"worse": ("✗", "bold red"), "not_worse": ("✓", "bold green"), "inconclusive": ("?", "bold yellow")}[
        found.verdict
    ]
    text.append(f"{sign} {headline(found)}\n", style)
    parts: Sequence[tuple[str, Iterable[CauseRow], str]] = (
        ("✗ new", found.new, "red"),
        ("✗ larger", found.larger, "red"),
        ("✓ smaller", found.smaller, "green"),
        ("✓ gone", found.gone, "green"),
        ("  same", found.same, ""),
        ("? unknown", found.unjudged, "yellow"),
    )
    for word, rows, colour in parts:
        for row in rows:
            line = _unjudged_text(row) if rows is found.unjudged else _row_text(row)
            text.append(one_line(f"{word:<9} {line}") + "\n", colour)
    for why in found.why_not:
        text.append(one_line(f"? not compared: {why}") + "\n", "yellow")
    for name, side in (("before", found.before), ("after", found.after)):
        text.append(one_line(f"· {name}: {identity(side.product)}; {side.command}".rstrip("; ")) + "\n", "dim")
    text.rstrip()
    return text


def headline(found: ProfileComparison) -> str:
    """Return the verdict of the comparison in one line."""
    if found.verdict == "inconclusive":
        return "No verdict: no comparable growth is new or larger, but not everything can be compared"
    if found.verdict == "worse":
        return f"Worse: {len(found.new)} new, {len(found.larger)} larger"
    if not (found.smaller or found.same or found.gone):
        return "Neither report names any growth"
    return f"No worse: {len(found.gone)} gone, {len(found.smaller)} smaller, {len(found.same)} the same"


def _causes(report: ProfileReport) -> dict[CauseKey, _CauseRates]:
    found: dict[CauseKey, _CauseRates] = {}
    for one in report.culprits:
        key = one.kind, short_path(one.file), one.function, one.what
        found.setdefault(key, _CauseRates(one.place)).add(one.scenario, _rates(one))
    for gauge in report.unattributed:
        found.setdefault(_key(gauge), _CauseRates(None)).add(gauge.scenario, {gauge.unit: gauge.per_cycle})
    return found


def _rates(one: Culprit) -> RatesByUnit:
    return {"bytes": one.bytes_per_cycle, "things": one.objects_per_cycle}


def _key(gauge: Unattributed) -> CauseKey:
    return UNATTRIBUTED, gauge.name, gauge.scenario, ""


def _row(key: CauseKey, then: _CauseRates | None, now: _CauseRates | None) -> CauseRow:
    kind, file, function, what = key
    unit = _unit(then, now)
    scenarios = {name for cause in (then, now) if cause is not None for name in cause.rates if name}
    return CauseRow(
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


def _unit(then: _CauseRates | None, now: _CauseRates | None) -> str:
    """Return the unit in which to compare the rates of one cause in the earlier (`then`) and the later report (`now`).

    A unit in which both reports have a rate is preferred. Among equals, bytes are preferred.
    """
    causes = [cause for cause in (then, now) if cause is not None]
    units = sorted({unit for cause in causes for rates in cause.rates.values() for unit in rates})
    return max(units, key=lambda unit: sum(bool(cause.rate(unit)) for cause in causes))  # the first of equals: bytes


def _change(row: CauseRow, was: bool, is_: bool) -> GrowthChange:
    if not was:
        return "new"
    if not is_:
        return "gone"
    if abs(row.after - row.before) <= SAME_RATE * max(abs(row.before), abs(row.after)):
        return "same"
    return "larger" if row.after > row.before else "smaller"


def _largest_first(row: CauseRow) -> tuple[bool, float, str, str, str, str]:
    size = max(abs(row.before), abs(row.after))
    return row.unit != "bytes", -size, row.kind, row.name, row.what, row.scenario


def _row_text(row: CauseRow) -> str:
    where = row.is_at or row.was_at
    name = location_text(where) if where else row.name
    what = f"{row.kind}{f', {row.what}' if row.what else ''}{f', in {row.scenario}' if row.scenario else ''}"
    before, after = rate(row.before, row.unit), rate(row.after, row.unit)
    return f"{name} ({what}): {before} → {after} a {step_of(row.scenario)}"


def _unjudged_text(row: CauseRow) -> str:
    """Return the line of output for a cause that can't be compared.

    It has both rates, or if only one report names the cause, the rate in that report.
    """
    named = msgspec.structs.replace(row, before=row.before or row.after, after=row.after or row.before)
    in_both = bool(row.before and row.after)
    only = "" if in_both else " (named in the earlier report only)" if row.before else " (named in the later one only)"
    return _row_text(row) if in_both else f"{_row_text(named).rpartition(' → ')[0]} a {step_of(row.scenario)}{only}"
