"""The words and signs for the states of gauges and limits, the same in every report format."""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from soak.gauges.results import BoundResult, Report
from soak.gauges.state import BUDGET, Trend

SIGNS: Final[Mapping[Trend, str]] = {
    Trend.FLAT: "✓",
    Trend.RISING: "✗",
    Trend.SUSPECTED: "?",
    Trend.UNJUDGED: "?",
    Trend.UNMEASURED: "?",
}

WORDS: Final[Mapping[Trend, str]] = {
    Trend.FLAT: "flat",
    Trend.RISING: "rising",
    Trend.SUSPECTED: "suspected",
    Trend.UNJUDGED: "not judged",
    Trend.UNMEASURED: "not measured",
}


class HasState(Protocol):
    """A result that has a state."""

    @property
    def name(self) -> str:
        """The name of the gauge, count or scenario."""

    @property
    def state(self) -> Trend:
        """The state of the result."""

    @property
    def reason(self) -> str:
        """The reason why the result is unknown, or another explanation of its state; empty if there is none."""


def state_text(judged: HasState) -> str:
    """Return a state in words with its reason: `not judged: too few blocks (3 of 8 needed)`."""
    return f"{WORDS[judged.state]}: {judged.reason}" if judged.reason else WORDS[judged.state]


def unfilled(report: Report) -> list[BoundResult]:
    """Return the limits that were not filled."""
    return [bound for bound in report.bounds if not bound.exercised]


def unknown(report: Report) -> dict[str, list[str]]:
    """Return the names of the gauges with an unknown result, by reason: `not judged: too few blocks (3 of 8 needed)`.

    Gauges that are never judged are left out.
    """
    return by_reason(one for one in report.gauges if not one.state.is_judged and one.reason != BUDGET)


def by_reason(judged: Iterable[HasState]) -> dict[str, list[str]]:
    """Return the names of results, grouped by the text of their state. Each name is listed once."""
    found: dict[str, dict[str, None]] = {}  # bounded by what is judged
    for one in judged:
        found.setdefault(state_text(one), {})[one.name] = None
    return {words: list(names) for words, names in found.items()}
