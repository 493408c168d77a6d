"""What a run is to do: settings of one `mobifai soak`, as a frozen value. It decides nothing."""

import shlex
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


@dataclass(frozen=True, slots=True)
class Plan:
    """`scenarios` are names. `duration` is in seconds; None with `cycles` None: as many blocks as a judgement takes.

    `cycles` counts for each scenario, without the warm-up. `time_scale`: the agent's timers run so many times as fast.
    """

    scenarios: tuple[str, ...]
    seed: int = 1
    duration: float | None = None
    cycles: int | None = None
    time_scale: float = 1.0
    phones: int = 2
    memray: bool = True
    plant: str | None = None
    fail_fast: bool = False
    confirm: bool = True
    rest_seconds: float = REST_SECONDS

    def replay(self, scenario: str) -> str:
        """The command that shows again what was found in a scenario."""
        words = ["mobifai", "soak", scenario, "--seed", str(self.seed)]
        words += ["--cycles", str(self.cycles)] if self.cycles is not None else ["--quick"]
        words += ["--time-scale", f"{self.time_scale:g}"] if self.time_scale != 1 else []
        words += ["--plant", self.plant] if self.plant is not None else []
        return shlex.join(words)

    def with_seed(self, seed: int) -> "Plan":
        """The same with other chance."""
        return replace(self, seed=seed)
