"""How much ran: the one source of every number of cycles, blocks and rounds. Pure.

A run's parts count apart. Cycles of the warm-up, of confirmations and of memray's windows are no judged cycles.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from math import ceil

import msgspec


class CyclePurpose(StrEnum):
    """The purpose of a cycle."""

    WARM_UP = "warm-up"
    JUDGED = "judged"
    TRACED = "traced"


class CycleCounts(msgspec.Struct, frozen=True):
    """How much ran, of a scenario or of a whole run.

    A round is a block of every scenario, one after the other. `rounds` and `blocks` count completed ones; `blocks`
    counts only those that are judged. `confirmation_cycles` includes the warm-up of the second processes.
    """

    judged_cycles: int = 0
    warm_up_cycles: int = 0
    confirmation_cycles: int = 0
    traced_cycles: int = 0
    blocks: int = 0
    rounds: int = 0

    def __add__(self, other: "CycleCounts") -> "CycleCounts":
        """Both together."""
        return CycleCounts(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))

    @property
    def cycles(self) -> int:
        """Every cycle, whatever it was driven for."""
        return self.judged_cycles + self.warm_up_cycles + self.confirmation_cycles + self.traced_cycles

    @property
    def as_confirmation(self) -> "CycleCounts":
        """The same as part of a confirmation: no cycle of it is a judged one of the run."""
        return CycleCounts(confirmation_cycles=self.cycles)


def total(parts: Iterable[CycleCounts], rounds: int = 0) -> CycleCounts:
    """Several together, and the rounds in which they ran."""
    added = sum(parts, CycleCounts())
    return msgspec.structs.replace(added, rounds=rounds)


def fewest(by_scenario: Mapping[str, int], planned: Iterable[str]) -> int:
    """The cycles or blocks of the scenario that has fewest; one of `planned` that never began has none."""
    return min((by_scenario.get(name, 0) for name in planned), default=0)


def cycles_for(blocks: int, counts: CycleCounts, usual: int = 20) -> int:
    """About how many cycles so many blocks take, by those that ran."""
    return blocks * (ceil(counts.judged_cycles / counts.blocks) if counts.blocks else usual)


def time_left(share_done: float, seconds: float) -> float | None:
    """Return the remaining time of the judged part, by its time so far; None while nothing of it is done."""
    return seconds * (1 - share_done) / share_done if share_done > 0 else None
