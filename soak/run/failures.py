"""Turns an exception that ended a scenario into a finding."""

from soak.gauges.quiescence import NotAtRest
from soak.gauges.results import FindingResult
from soak.phone.traffic import IntegrityError


def failure(error: BaseException, scenario: str, replay: str) -> FindingResult:
    """Return the finding for an error: lost bytes, phones that did not leave, or a run that could not continue."""
    kinds = {IntegrityError: "integrity", NotAtRest: "rest"}
    kind = next((kind for known, kind in kinds.items() if isinstance(error, known)), "failure")
    detail = str(error) or type(error).__name__
    return FindingResult(kind, type(error).__name__, detail, 0, "", 0, scenario, replay)
