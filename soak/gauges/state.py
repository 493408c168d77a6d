"""The state of anything that is judged, and the reasons for an unknown one. The same in every format."""

from enum import StrEnum
from typing import Final


class Trend(StrEnum):
    """One state for everything that is judged.

    FLAT: judged, and it does not grow. RISING: a finding. SUSPECTED: it rose in the first process, and no second one
    has confirmed or cleared it. UNJUDGED and UNMEASURED: nothing is known, for the given reason; UNMEASURED if the
    platform can't measure it.
    """

    FLAT = "flat"
    RISING = "rising"
    SUSPECTED = "suspected"
    UNJUDGED = "unjudged"
    UNMEASURED = "unmeasured"

    @property
    def is_judged(self) -> bool:
        """Whether this is a result."""
        return self in (Trend.FLAT, Trend.RISING)


BUDGET: Final = "shown for orientation, never judged"
NOT_HERE: Final = "not measurable on this platform"
UNCONFIRMED: Final = "it rose, and no second process has confirmed or cleared it"
CLEARED: Final = "it rose at first; a second process did not confirm it"


def too_few(found: int, needed: int, what: str = "block") -> str:
    """Return how many are needed: `too few blocks (3 of 8 needed)`."""
    return f"too few {what}s ({found:,} of {needed:,} needed)"
