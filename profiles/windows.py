"""Limits on the duration of an examination of a running agent, shared by the commands and the agent."""

from typing import Final

LONGEST_LOOK: Final = 3600.0
"""Longest duration of `mobifai profile attach`, in seconds."""

SHORTEST_LOOK: Final = 1.0
"""Shortest duration of `mobifai profile attach`, in seconds.

The agent needs about that long to measure the base and the eight windows after it.
"""

LONGEST_FLAME: Final = 600.0
"""Longest duration of `mobifai profile flame`, in seconds."""
