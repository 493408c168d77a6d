"""The numbers of cycles, blocks and rounds that ran. Does no I/O.

The parts of a run are counted separately: cycles of the warm-up, of confirmations and of memray windows are not judged.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from math import ceil

import msgspec


class CyclePurpose(StrEnum):
    """The purpose of a cycle.

    WARM_UP cycles fill caches, and TRACED cycles run in a memray window. Gauges are judged only by JUDGED cycles.
    """

    WARM_UP = "warm-up"
    JUDGED = "judged"
    TRACED = "traced"


class CycleCounts(msgspec.Struct, frozen=True):
    """Cycles, blocks and rounds of a scenario or of a whole run.

    A round is one block of every scenario in turn. `rounds` counts completed rounds, and `blocks` completed judged
    blocks. `confirmation_cycles` includes the warm-up of the confirmations.
    """

    judged_cycles: int = 0
    warm_up_cycles: int = 0
    confirmation_cycles: int = 0
    traced_cycles: int = 0
    blocks: int = 0
    rounds: int = 0

    def __add__(self, other: "CycleCounts") -> "CycleCounts":
        """Return the sum of these counts and `other`."""
        return CycleCounts(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))

    @property
    def cycles(self) -> int:
        """The number of all cycles, for any purpose."""
        return self.judged_cycles + self.warm_up_cycles + self.confirmation_cycles + self.traced_cycles

    @property
    def as_confirmation(self) -> "CycleCounts":
        """Counts in which all these cycles are confirmation cycles.

        The numbers of blocks and rounds are 0, because a confirmation adds none to the run.
        """
        return CycleCounts(confirmation_cycles=self.cycles)


def total(parts: Iterable[CycleCounts], rounds: int = 0) -> CycleCounts:
    """Return the sum of the counts in `parts`, with `rounds` as its number of rounds."""
    added = sum(parts, CycleCounts())
    return msgspec.structs.replace(added, rounds=rounds)


def fewest(by_scenario: Mapping[str, int], planned: Iterable[str]) -> int:
    """Return the smallest number in `by_scenario` among the scenarios in `planned`; 0 if one of these is missing.

    `by_scenario` has the number of cycles, or of blocks, of each scenario that has begun.
    """
    return min((by_scenario.get(name, 0) for name in planned), default=0)


def cycles_for(blocks: int, counts: CycleCounts, usual: int = 20) -> int:
    """Return about how many cycles `blocks` blocks have, estimated from `counts`.

    If `counts` has no blocks yet, a block is assumed to have `usual` cycles.
    """
    return blocks * (ceil(counts.judged_cycles / counts.blocks) if counts.blocks else usual)


def time_left(share_done: float, seconds: float) -> float | None:
    """Return the estimated seconds until the judged part of a run is done; None while `share_done` is 0.

    `share_done` is the share of this part that is done, from 0 to 1, and `seconds` is the time that it has taken.
    """
    return seconds * (1 - share_done) / share_done if share_done > 0 else None
