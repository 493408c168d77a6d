"""Describes the sides of a comparison in text, which is the same in the terminal, in Markdown and in XML. Pure."""

from collections.abc import Iterator
from typing import Final

from profiles.gate.results import GateReport, SideResult
from profiles.report.summary import identity
from soak.gauges.results import Product
from soak.report.figures import count

SAME_SIDES: Final = "base and candidate are the same MobiFai"

MOST_EDITS: Final = 8
"""Maximum number of edited files that are named. report.json has all."""
PLATFORM: Final = ("python", "c_library", "architecture")


def edits_in_words(commit: str, kinds: list[str]) -> str:
    """Return a commit with the number of edits by kind: `0123456789ab, 2 files edited, 1 untracked`."""
    numbers = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    parts = [f"{number} {kind}" for kind, number in numbers.items()]
    if parts:
        first = next(iter(numbers))
        parts[0] = f"{count(numbers[first], 'file')} {first}"
    return ", ".join([commit[:12], *(parts or ["no edits"])])


def short_side_text(side: SideResult) -> str:
    """Return a side in a few words: `main (0123456789ab)`, `the checkout (0123456789ab, 2 files edited)`."""
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
    """Yield a line for each side, and a line for each difference between their environments."""
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
    """Yield a line about libraries that differ, which may cause growth, and one if both sides are the same commit."""
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
    """Return whether stored figures were measured at the candidate's commit, perhaps with edits."""
    return bool(base.commit) and base.dirty is None and base.commit == now.commit and not now.edits


def same_commit(base: SideResult, now: SideResult) -> bool:
    """Return whether both sides are of one commit and without edits."""
    return bool(base.commit) and base.dirty is False and base.commit == now.commit and not now.edits
