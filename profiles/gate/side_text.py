"""Describes the sides of a comparison as text, for the terminal, Markdown and JUnit XML alike. Pure."""

from collections.abc import Iterator
from typing import Final

from profiles.gate.results import GateReport, SideResult
from profiles.report.summary import identity
from soak.gauges.results import Product
from soak.report.figures import count

SAME_SIDES: Final = "base and candidate are the same MobiFai"

MOST_EDITS: Final = 8
"""Maximum number of edited files that the text names. report.json has all."""
PLATFORM: Final = ("python", "c_library", "architecture")


def edits_in_words(commit: str, kinds: list[str]) -> str:
    """Return a commit and the numbers of its edits as text: `0123456789ab, 2 files edited, 1 untracked`.

    `kinds` has the kind of each edit.
    """
    numbers = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    parts = [f"{number} {kind}" for kind, number in numbers.items()]
    if parts:
        first = next(iter(numbers))
        parts[0] = f"{count(numbers[first], 'file')} {first}"
    return ", ".join([commit[:12], *(parts or ["no edits"])])


def short_side_text(side: SideResult) -> str:
    """Return a short description of a side, such as `main (0123456789ab)`, for the headline of a report."""
    at = f" ({edits_in_words(side.commit, side.kinds)})" if side.commit else ""
    match side.kind:
        case "revision":
            return f"{side.name} ({side.commit[:12]})"
        case "checkout":
            return f"the checkout{at}"
        case "installed":
            same = f", the files of the checkout{at}" if side.same_as else at
            return f"mobifai {side.version} as installed{same}".replace("  ", " ")
        case "stored":
            return f"the figures stored in {side.name}"
    return "nothing (its figures are to be stored)"


def describe_sides(report: GateReport) -> Iterator[str]:
    """Yield lines that describe both sides in full, their differences, and the MobiFai that measured them."""
    yield f"base: {_whole(report.base)}"
    yield f"now: {_whole(report.now)}"
    if report.base.kind != "itself":
        yield from _around(report.base, report.now)
    if report.product != Product():
        yield f"run and measured by: {identity(report.product)}"


def _whole(side: SideResult) -> str:
    """Return a text with everything that is known about a side."""
    parts = [_what(side)]
    if side.commit:
        parts.append(f"commit {side.commit}")
    if side.edits:
        parts.append(f"with its edits, which were tested: {_edits(side)}")
    elif side.commit and side.dirty is False:
        parts.append("without edits")
    if side.other_edits:
        parts.append(f"{count(side.other_edits, 'edit')} outside of the package, without effect")
    if side.measured:
        parts.append(f"measured {side.measured}")
    parts += [getattr(side, name) for name in PLATFORM if getattr(side, name)]
    return "; ".join(parts)


def _what(side: SideResult) -> str:
    of = f" mobifai {side.version}" if side.version else ""
    match side.kind:
        case "revision":
            return f"revision {side.name}, built:{of}".rstrip(":")
        case "checkout":
            return f"checkout {side.name}:{of}".rstrip(":")
        case "installed":
            same = f", with the same files as the checkout {side.same_as}" if side.same_as else ""
            return f"the installed{of or ' mobifai'}{f' ({side.how})' if side.how else ''} in {side.name}{same}"
        case "stored":
            return f"stored figures: {side.name}"
    return "nothing: its figures are to be stored"


def _edits(side: SideResult) -> str:
    more = f" and {len(side.edits) - MOST_EDITS:,} more" if len(side.edits) > MOST_EDITS else ""
    return ", ".join(side.edits[:MOST_EDITS]) + more


def _around(base: SideResult, now: SideResult) -> Iterator[str]:
    """Yield a line if the libraries of the sides differ, and a line if both sides are the same commit.

    Other libraries may be the cause of growth.
    """
    names = sorted({*base.libraries, *now.libraries}) if base.libraries and now.libraries else []
    differ = [
        f"{name} {base.libraries.get(name, 'not installed')} -> {now.libraries.get(name, 'not installed')}"
        for name in names if base.libraries.get(name) != now.libraries.get(name)
    ]  # fmt: skip
    if differ:
        yield f"libraries differ: {', '.join(differ)}"
    if same_commit(base, now) or _may_be_same(base, now):
        yield "base and candidate are the same commit, so this run says nothing about a change"


def _may_be_same(base: SideResult, now: SideResult) -> bool:
    """Return whether base and candidate are the same commit, but it is unknown whether the base had edits.

    That is so for some stored figures.
    """
    return bool(base.commit) and base.dirty is None and base.commit == now.commit and not now.edits


def same_commit(base: SideResult, now: SideResult) -> bool:
    """Return whether base and candidate (`now`) are the same commit, both without edits."""
    return bool(base.commit) and base.dirty is False and base.commit == now.commit and not now.edits
