"""Limits on the duration of an examination of a running agent, shared by the commands and the agent."""

from typing import Final

LONGEST_LOOK: Final = 3600.0
"""Most seconds of `mobifai profile attach`."""

SHORTEST_LOOK: Final = 1.0
"""Fewest seconds of `mobifai profile attach`: its nine windows take about as long."""

LONGEST_FLAME: Final = 600.0
"""Most seconds of `mobifai profile flame`."""
