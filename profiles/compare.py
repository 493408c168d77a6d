"""Two reports side by side: what is new, gone, larger, smaller. Pure.

Culprits are the same when kind, file and function are: lines move.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import msgspec
from rich.text import Text

from mobifai.cli.plain import plain
from profiles.report.places import short
from profiles.results import Culprit, ProfileReport, Unattributed
from soak.report.figures import rate

SAME: Final = 0.1
"""Two rates that differ by no more than this part of the larger are the same."""

Key: TypeAlias = tuple[str, str, str, str]


class Row(msgspec.Struct, frozen=True):
    """One cause of growth in both reports. Rates are for each cycle, 0 where it is not there."""

    name: str
    kind: str
    before: float
    after: float
    unit: str
    scenario: str = ""


class Comparison(msgspec.Struct, frozen=True):
    """Every cause of growth, by what became of it."""

    new: list[Row]
    larger: list[Row]
    smaller: list[Row]
    same: list[Row]
    gone: list[Row]


def compare(before: ProfileReport, after: ProfileReport) -> Comparison:
    """Lay them side by side."""
    then, now = _all(before), _all(after)
    rows = [_row(then.get(key), now.get(key)) for key in {**now, **then}]
    return Comparison(
        new=[row for row in rows if not row.before],
        larger=[row for row in rows if row.before and row.after and row.after - row.before > SAME * row.after],
        smaller=[row for row in rows if row.before and row.after and row.before - row.after > SAME * row.before],
        same=[row for row in rows if row.before and row.after and _is_same(row)],
        gone=[row for row in rows if row.before and not row.after],
    )  # fmt: skip


def _is_same(row: Row) -> bool:
    return abs(row.after - row.before) <= SAME * max(row.before, row.after)


def _all(report: ProfileReport) -> dict[Key, Row]:
    """Every cause with a rate, added up where one function has several."""
    found: dict[Key, Row] = {}
    for key, row in [*map(_of_culprit, report.culprits), *map(_of_unattributed, report.unattributed)]:
        if row.after <= 0:
            continue
        known = found.get(key)
        found[key] = msgspec.structs.replace(row, after=row.after + known.after) if known else row
    return found


def _of_culprit(one: Culprit) -> tuple[Key, Row]:
    in_bytes = one.bytes_per_cycle > 0
    value = one.bytes_per_cycle if in_bytes else one.objects_per_cycle
    name = f"{short(one.file)} {one.function}".rstrip()
    unit = "bytes" if in_bytes else "things"
    return (one.kind, one.file, one.function, unit), Row(name, one.kind, 0.0, value, unit, one.scenario)


def _of_unattributed(one: Unattributed) -> tuple[Key, Row]:
    key = "unattributed", one.scenario, one.name, one.unit
    return key, Row(one.name, "unattributed", 0.0, one.per_cycle, one.unit, one.scenario)


def _row(then: Row | None, now: Row | None) -> Row:
    one = now or then
    assert one is not None  # noqa: S101 - a key comes from one of them
    return msgspec.structs.replace(one, before=then.after if then else 0.0, after=now.after if now else 0.0)


def comparison_text(found: Comparison) -> Text:
    """For people: what is worse first."""
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
            told = (
                f"{word:<9} {row.name} ({row.kind}): {rate(row.before, row.unit)} → {rate(row.after, row.unit)} a cycle"
            )
            text.append(plain(told) + "\n", style)
    if not text:
        text.append("✓ neither report names any growth")
    text.rstrip()
    return text
