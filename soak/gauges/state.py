"""The states of results, and the reasons why a result is unknown. All report formats use these words."""

from enum import StrEnum
from typing import Final


class Trend(StrEnum):
    """The state of anything that is judged.

    FLAT: judged, and it does not grow. RISING: a finding. SUSPECTED: it rose in the first process, and no confirmation
    has confirmed or cleared it. UNJUDGED and UNMEASURED: the result is unknown, for the given reason. UNMEASURED means
    that the platform can't measure the value.
    """

    FLAT = "flat"
    RISING = "rising"
    SUSPECTED = "suspected"
    UNJUDGED = "unjudged"
    UNMEASURED = "unmeasured"

    @property
    def is_judged(self) -> bool:
        """Whether the judgement is final: flat or rising."""
        return self in (Trend.FLAT, Trend.RISING)


BUDGET: Final = "shown for orientation, never judged"
NOT_HERE: Final = "not measurable on this platform"
UNCONFIRMED: Final = "it rose, and no confirmation has confirmed or cleared it"
CLEARED: Final = "it rose at first; a second process did not confirm it"


def too_few(found: int, needed: int, what: str = "block") -> str:
    """Return the reason for an unknown result if there are too few blocks: `too few blocks (3 of 8 needed)`.

    `what` is the noun in the singular, if something other than blocks is counted.
    """
    return f"too few {what}s ({found:,} of {needed:,} needed)"
