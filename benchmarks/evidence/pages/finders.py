"""leak-finders.md: which plants other leak finders find, beside soak's own self-test of that revision. Pure."""

from collections.abc import Mapping

from benchmarks.evidence.finders import measured
from benchmarks.evidence.pages.parts import origin
from benchmarks.evidence.units import KindEvidence
from benchmarks.leak_finders.page import MeasuredPlant, page_of
from benchmarks.leak_finders.score import FinderAnswer, by_soak


def page(evidence: Mapping[str, KindEvidence]) -> str:
    """Return the page leak-finders.md, given the results by kind."""
    own = evidence["leak-finders"]
    cells = measured(own.last)
    known = [one for one in own.last.values() if one.detail and one.detail["family"]]
    plants = {one.detail["cell"]["plant"]: MeasuredPlant(one.detail["cell"]["plant"], one.detail["family"],
                                                  one.detail["cell"]["role"] == "decoy") for one in known}  # fmt: skip
    versions: dict[str, str] = next((one.detail["versions"] for one in own.last.values() if one.detail), {})
    soak = _soak(evidence.get("self-test"), plants)
    return page_of(cells, soak, list(plants.values()), versions, origin(own))


def _soak(own: KindEvidence | None, plants: Mapping[str, MeasuredPlant]) -> list[FinderAnswer]:
    results = own.last.values() if own else ()
    return [
        by_soak(one.unit, str(one.detail.get("verdict", "failed")), one.detail.get("decoy", False), one.seconds)
        for one in results
        if one.unit in plants
    ]
