"""How long an agent that is used may be looked into: limits that the commands and the agent share."""

from typing import Final

LONGEST_LOOK: Final = 3600.0
"""Seconds of `mobifai profile attach`."""

SHORTEST_LOOK: Final = 1.0
"""Seconds of `mobifai profile attach`: taking its nine counts needs about as long."""

LONGEST_FLAME: Final = 600.0
"""Seconds of `mobifai profile flame`."""
