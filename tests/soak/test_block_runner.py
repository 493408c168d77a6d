"""A block runner and its scenario runs: starts, warm-ups, blocks, pauses and confirmations."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from soak.gauges.gauge import Sample
from soak.harness.installation import HERE, Installation
from soak.harness.pauses import CHECK_SECONDS, LEAST_SECONDS, Paused, PauseDetector, repeat_if_paused
from soak.phone.traffic import IntegrityError
from soak.run.block_runner import BlockPlan, BlockRunner, WarmUp, ignore_progress
from soak.run.plan import CONFIRMATION_BLOCKS, QUICK_BLOCKS, SoakPlan

PLAN = BlockPlan("terminals", SoakPlan(("terminals",), seed=7), Path("runs", "0"), warm_up=WarmUp((2, 3), (4, 5)))


class FakeRun:
    """A scenario run that only records its calls. Warm-ups and blocks call `steps`."""

    def __init__(self, stage: "Stage", name: str) -> None:
        self.blocks = 0
        self._stage = stage
        self._name = name

    async def warm_up(self, on_progress: Callable[[str], None], blocks: tuple[int, int]) -> None:
        self._stage.transcript.append(f"{self._name}: warm up {blocks}")
        self._stage.step()
        on_progress("warm")

    async def block(self, on_progress: Callable[[str], None]) -> Sample:
        self._stage.transcript.append(f"{self._name}: block")
        self._stage.step()
        self.blocks += 1
        return Sample(0.0, self.blocks, {})

    def check_traffic(self) -> None:
        if self._stage.lost:
            raise IntegrityError("expected every byte once and in order", self._stage.lost)


class Stage:
    """Opens fake runs, on a clock that the test sets."""

    def __init__(self) -> None:
        self.transcript: list[str] = []
        self.failures: list[tuple[float, Exception] | None] = []
        """For each warm-up and block, the length of its pause and its error. None stands for success."""
        self.lost = 0
        self.now = 0.0
        self.pauses = PauseDetector(lambda: self.now)
        self.reported: list[float] = []

    def step(self) -> None:
        """Raise the next failure, if there is one."""
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            self.now += failure[0]
            raise failure[1]

    @asynccontextmanager
    async def open(
        self,
        name: str,
        plan: SoakPlan,
        folder: Path,
        clock: Callable[[], float],
        factor: int = 1,
        installation: Installation = HERE,
    ) -> AsyncIterator[Any]:
        label = folder.name
        self.transcript.append(f"{label}: open {name}, seed {plan.seed}, factor {factor}")
        try:
            yield FakeRun(self, label)
        finally:
            self.transcript.append(f"{label}: close")

    def runner(self, plan: BlockPlan = PLAN) -> BlockRunner:
        """Return a block runner on this stage."""
        return BlockRunner(plan, self.pauses, self.reported.append, self.open)


PAUSE = LEAST_SECONDS + CHECK_SECONDS
SLEPT = (PAUSE, TimeoutError("the phone timed out"))
BROKEN = (0.0, TimeoutError("the phone timed out"))


@pytest.fixture
def stage() -> Stage:
    """A stage without failures."""
    return Stage()


async def test_it_warms_up_and_runs_blocks_in_one_process_that_ends_with_the_scope(stage: Stage) -> None:
    progress: list[str] = []
    async with stage.runner() as runner:
        await runner.start(progress.append)
        assert (await runner.block(progress.append)).cycle == 1
        await runner.blocks(3, progress.append)
    assert stage.transcript == [
        "0: open terminals, seed 7, factor 1",
        "0: warm up (2, 3)",
        "0: block",
        "0: block",
        "0: block",
        "0: close",
    ]
    assert progress == ["warm"]


async def test_a_failure_without_a_pause_is_raised_as_it_is(stage: Stage) -> None:
    stage.failures = [None, BROKEN]
    async with stage.runner() as runner:
        await runner.start(ignore_progress)
        with pytest.raises(TimeoutError, match="the phone timed out"):
            await runner.block(ignore_progress)
    assert stage.reported == []


async def test_a_failure_with_a_pause_says_nothing_and_the_next_start_has_fresh_processes(stage: Stage) -> None:
    stage.failures = [None, None, SLEPT]
    async with stage.runner() as runner:
        await runner.start(ignore_progress)
        await runner.block(ignore_progress)
        with pytest.raises(Paused):
            await runner.block(ignore_progress)
        assert stage.reported == [LEAST_SECONDS]
        await runner.start(ignore_progress)
        assert runner.run.blocks == 0
        await runner.block(ignore_progress)
    assert stage.transcript[3:] == [
        "0: block",
        "0: close",
        "0p1: open terminals, seed 7, factor 1",
        "0p1: warm up (2, 3)",
        "0p1: block",
        "0p1: close",
    ]


async def test_a_pause_during_the_warm_up_is_noticed_too(stage: Stage) -> None:
    stage.failures = [SLEPT, SLEPT]
    started: list[object] = []
    async with stage.runner() as runner:
        await repeat_if_paused(lambda: runner.start(ignore_progress, started.append))
        assert started == [*started[:2], runner.run]
    opened = [line for line in stage.transcript if "open" in line]
    assert [line.partition(":")[0] for line in opened] == ["0", "0p1", "0p2"]


async def test_a_confirmation_has_another_seed_longer_blocks_and_a_longer_warm_up(stage: Stage) -> None:
    async with stage.runner(PLAN.confirmation(2, Path("runs", "0.1"))) as runner:
        await runner.start(ignore_progress)
        await runner.blocks(QUICK_BLOCKS, ignore_progress)
    assert stage.transcript[:2] == [
        f"0.1: open terminals, seed 9, factor {CONFIRMATION_BLOCKS}",
        "0.1: warm up (4, 5)",
    ]
    assert stage.transcript.count("0.1: block") == QUICK_BLOCKS


async def test_blocks_end_early_when_more_would_change_nothing(stage: Stage) -> None:
    async with stage.runner() as runner:
        await runner.start(ignore_progress)
        await runner.blocks(QUICK_BLOCKS, ignore_progress, lambda run: run.blocks == 2)
        assert runner.run.blocks == 2


async def test_lost_bytes_end_the_blocks_unless_a_pause_explains_them(stage: Stage) -> None:
    async with stage.runner() as runner:
        await runner.start(ignore_progress)
        stage.lost = 3
        with pytest.raises(IntegrityError):
            await runner.blocks(1, ignore_progress)
        stage.now += PAUSE
        with pytest.raises(Paused):
            await runner.blocks(2, ignore_progress)


def test_there_is_no_run_before_the_start(stage: Stage) -> None:
    with pytest.raises(RuntimeError, match=r"call start\(\) first"):
        _ = stage.runner().run


async def test_an_operation_is_repeated_in_another_folder_after_a_pause(stage: Stage) -> None:
    folders: list[str] = []

    async def operation(folder: Path) -> str:
        folders.append(folder.name)
        if len(folders) < 3:
            stage.now += PAUSE
            raise TimeoutError
        return "done"

    assert await stage.pauses.repeat(Path("rest"), operation, stage.reported.append) == "done"
    assert folders == ["rest", "restp1", "restp2"]
    assert stage.reported == [LEAST_SECONDS, LEAST_SECONDS]
