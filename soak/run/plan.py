"""The plan of a run: the options of a `mobifai soak` command, as a frozen value."""

from dataclasses import dataclass, replace

QUICK_BLOCKS = 8
"""Fewest judged blocks for a verdict. A run without `--duration` and `--cycles` has this many."""

WARM_UP_BLOCKS = 5
"""Fewest blocks of a warm-up: enough to fill a cache that has 64 entries and gets one in each cycle."""

MOST_WARM_UP_BLOCKS = 10

CONFIRMATION_BLOCKS = 3
"""Length of a block of a confirmation, as a multiple of the scenario's own block."""

LONGER_WARM_UP = (9, 16)
"""The fewest and most blocks of a confirmation's warm-up."""

REST_SECONDS = 10.0
"""How long a count may take to return to its earlier value, in seconds."""


TIME_SCALE = 20.0
"""Default speed of the agent's timers, as a multiple of their usual speed."""

PHONES = 2
"""Default for the largest number of phones that are connected at the same time."""

LARGEST_SEED = 2**31 - 1

WATCH_SECONDS = 600.0
"""Default time for which an agent is watched, in seconds."""


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """The plan of a run. `duration` is in seconds. Without `duration` and `cycles`, the run has QUICK_BLOCKS blocks.

    `cycles` is the number for each scenario, without the warm-up. `time_scale` multiplies the speed of the agent's
    timers. With `confirm`, suspected growth is confirmed in fresh processes. `rest_seconds` is how long a count may
    take to return to its earlier value.
    """

    scenarios: tuple[str, ...]
    seed: int = 1
    duration: float | None = None
    cycles: int | None = None
    time_scale: float = TIME_SCALE
    phones: int = PHONES
    memray: bool = True
    plant: str | None = None
    fail_fast: bool = False
    confirm: bool = True
    rest_seconds: float = REST_SECONDS

    def later(self, number: int) -> "SoakPlan":
        """Return the same plan with a seed that is larger by `number`, within the range of `--seed`."""
        return replace(self, seed=(self.seed + number) % (LARGEST_SEED + 1))
