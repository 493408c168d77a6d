"""What a run is to do: settings of one `mobifai soak`, as a frozen value. It decides nothing."""

from dataclasses import dataclass, replace

QUICK_BLOCKS = 8
"""Blocks that are judged, in a run without `--duration` and `--cycles` too: fewer say nothing."""

WARM_UP_BLOCKS = 5
"""At least so many: a cache of 64 entries, with one entry a cycle, is full by then."""

MOST_WARM_UP_BLOCKS = 10

CONFIRMATION_BLOCKS = 3
"""In a confirmation every block has so many blocks' cycles."""

LONGER_WARM_UP = (9, 16)
"""The least and the most blocks of its warm-up."""

REST_SECONDS = 10.0
"""How long a count may take to be again what it was."""


TIME_SCALE = 20.0
"""How many times as fast the agent's timers run, by default."""

PHONES = 2
"""The most phones at the same time, by default."""

LARGEST_SEED = 2**31 - 1

WATCH_SECONDS = 600.0
"""How long an agent is watched, by default."""


@dataclass(frozen=True, slots=True)
class SoakPlan:
    """`scenarios` are names. `duration` is in seconds; None with `cycles` None: as many blocks as a judgement takes.

    `cycles` counts for each scenario, without the warm-up. `time_scale`: the agent's timers run so many times as fast.
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
        """Return the same plan with another seed, `number` later; `--seed` takes it too."""
        return replace(self, seed=(self.seed + number) % (LARGEST_SEED + 1))
