"""The pages of docs/measurements, rendered from results alone: equal results give equal pages on any machine."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.evidence.pages import clean_runs, culprits, example, self_test
from benchmarks.evidence.units import KindEvidence
from soak.report.files import write_whole

EvidenceByKind = Mapping[str, KindEvidence]


def _leak_finders(evidence: EvidenceByKind) -> str:
    from benchmarks.evidence.pages import finders  # noqa: PLC0415 - brings an agent, which nothing else here needs

    return finders.page(evidence)


class EvidencePage(NamedTuple):
    """A page: the kinds of evidence on it, its title, and the function that renders it from results."""

    kinds: tuple[str, ...]
    title: str
    render: Callable[[EvidenceByKind], str]


PAGES: dict[str, EvidencePage] = {
    "self-test.md": EvidencePage(("self-test",), "Soak's self-test", self_test.page),
    "culprits.md": EvidencePage(("culprits",), "Culprits of every plant", culprits.page),
    "clean-runs.md": EvidencePage(("clean-runs", "gate-runs"), "Clean runs", clean_runs.page),
    "example-soak/README.md": EvidencePage(("example",), "A soak of 75 minutes", example.page),
    "leak-finders.md": EvidencePage(("leak-finders",), "Other leak finders", _leak_finders),
}
"""The pages by their names below docs/measurements."""


def rendered(evidence: EvidenceByKind) -> dict[str, str]:
    """Return all pages by their names below docs/measurements. A page without results says how to make them."""
    shown = {name for name, one in evidence.items() if one.results}
    return {
        name: page.render(evidence) if shown & {*page.kinds} else _without_results(page) for name, page in PAGES.items()
    }


def _without_results(page: EvidencePage) -> str:
    options = " ".join(f"--only {kind}" for kind in page.kinds)
    return (
        f"# {page.title}\n\nThere are no results yet. `nox -s evidence -- {options}` makes them and writes this page.\n"
    )


def write(docs: Path, evidence: EvidenceByKind) -> list[str]:
    """Write the pages below `docs`, and return the names of those that have changed. Raises ReportError."""
    changed = []
    for name, text in rendered(evidence).items():
        place = docs / name
        if not place.exists() or place.read_text() != text:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_whole(place, text.encode())
            changed.append(name)
    return changed
