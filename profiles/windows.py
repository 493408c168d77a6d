"""Limits on the duration of an examination of a running agent, for the commands and for the agent."""

from typing import Final

LONGEST_LOOK: Final = 3600.0
"""Longest duration of `mobifai profile attach`, in seconds."""

SHORTEST_LOOK: Final = 1.0
"""Shortest duration of `mobifai profile attach`, in seconds: the base and its eight windows take about that long."""

LONGEST_FLAME: Final = 600.0
"""Longest duration of `mobifai profile flame`, in seconds."""
