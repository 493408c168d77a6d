"""The measurement of one process: which gauges count as rising."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from profiles.investigate.capture import Capture
from soak.gauges.gauge import Sample
from soak.run.scenario_run import ScenarioRun

STEP = 20
"""The cycles of a block."""

ANSWERS: dict[str, Any] = {
    "profile.window": {"peak_bytes": 0},
    "profile.histories": {"sites": [], "containers": []},
    "profile.examine": {"sites": [], "containers": []},
}


@dataclass
class FakeRun:
    """A run with these values of a gauge, one for each block. Later blocks repeat the last one."""

    gauge: str
    values: list[float]
    cycles: int = 0
    warm_up_cycles: int = 0
    blocks: int = 0
    newest: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.target = self
        self.scenario = self
        self.name = "terminals"
        self.folder = self.state_dir = Path("nowhere")

    async def warm_up(self, *_: object) -> None:
        """Do nothing."""

    async def block(self, _: object) -> Sample:
        """Advance by one block."""
        self.newest = {self.gauge: self.values[min(self.blocks, len(self.values) - 1)]}
        self.blocks += 1
        self.cycles += STEP
        return Sample(float(self.blocks), self.cycles, self.newest)

    async def ask_in(self, _process: str, question: str, _arguments: object) -> Any:
        """Answer a request to the process."""
        return ANSWERS.get(question, {})


AMOUNT, COUNT = "python.blocks", "descriptors:socket"
USUAL = 13
"""The blocks of a measurement in which nothing rises."""


async def rising(gauge: str, values: list[float]) -> tuple[dict[str, float], int]:
    """Return the gauges that count as rising, and the number of blocks of the whole measurement."""
    run = FakeRun(gauge, values)
    evidence, _ = await Capture(cast("ScenarioRun", run), lambda: 0.0, lambda _: None).take()
    return dict(evidence.rising), run.blocks


@pytest.mark.parametrize("gauge", [AMOUNT, COUNT])
async def test_a_gauge_that_stays_the_same_needs_no_further_blocks(gauge: str) -> None:
    assert await rising(gauge, [1000.0]) == ({}, USUAL)


@pytest.mark.parametrize(("gauge", "per_block"), [(AMOUNT, 40), (COUNT, 1)])
async def test_a_gauge_that_goes_on_rising_counts(gauge: str, per_block: int) -> None:
    found, blocks = await rising(gauge, [1000.0 + per_block * n for n in range(99)])
    assert found == {gauge: per_block / STEP}
    assert blocks == USUAL + 4


async def test_an_amount_that_rises_by_chance_in_the_first_blocks_does_not_count() -> None:
    assert await rising(AMOUNT, [1000.0 + 40 * n for n in range(5)]) == ({}, USUAL + 4)


async def test_a_count_that_rises_in_the_windows_and_comes_back_afterwards_does_not_count() -> None:
    windows = [10.0] * 6 + [10.0, 11.0, 11.0, 12.0, 12.0, 13.0, 13.0]
    assert await rising(COUNT, [*windows, 10.0]) == ({}, USUAL + 4)
