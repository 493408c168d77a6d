"""The pages of docs/measurements, rendered from results alone: equal results give equal pages on any machine."""

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.evidence.pages import clean_runs, culprits, example, self_test
from benchmarks.evidence.units import KindEvidence
from soak.report.files import write_whole

EvidenceByKind = Mapping[str, KindEvidence]


def _leak_finders(evidence: EvidenceByKind) -> str:
    from benchmarks.evidence.pages import finders  # noqa: PLC0415 - brings an agent, which nothing else here needs

    return finders.page(evidence)


PAGES: dict[str, tuple[tuple[str, ...], Callable[[EvidenceByKind], str]]] = {
    "self-test.md": (("self-test",), self_test.page),
    "culprits.md": (("culprits",), culprits.page),
    "clean-runs.md": (("clean-runs", "gate-runs"), clean_runs.page),
    "example-soak/README.md": (("example",), example.page),
    "leak-finders.md": (("leak-finders",), _leak_finders),
}
"""By name below docs/measurements: the kinds of evidence on the page, and the function that renders it."""


def rendered(evidence: EvidenceByKind) -> dict[str, str]:
    """Return the pages that have results to show, by their names below docs/measurements."""
    shown = {name for name, one in evidence.items() if one.results}
    return {name: page(evidence) for name, (kinds, page) in PAGES.items() if shown & {*kinds}}


def write(docs: Path, evidence: EvidenceByKind) -> list[str]:
    """Write the pages; return the names of those that have changed. Raises ReportError."""
    changed = []
    for name, text in rendered(evidence).items():
        place = docs / name
        if not place.exists() or place.read_text() != text:
            place.parent.mkdir(parents=True, exist_ok=True)
            write_whole(place, text.encode())
            changed.append(name)
    return changed
