"""The course of a run: rounds, suspicion, confirmation, failures, and a report after any end.

The runner, its series and all judgements are the real ones. The agent is replaced by a table of numbers.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from mobifai.errors import StateError
from soak.gauges.results import Report
from soak.gauges.state import Trend
from soak.harness.agent_process import TargetFailed
from soak.harness.installation import HERE, Installation
from soak.harness.pauses import PauseDetector
from soak.phone.traffic import IntegrityError
from soak.report.directory import ReportDirectory
from soak.run import block_runner, runner
from soak.run.plan import QUICK_BLOCKS, SoakPlan
from soak.run.report_builder import RunInfo
from soak.run.runner import SoakRunner
from soak.run.scenario_run import ScenarioRun
from soak.scenarios.context import ScenarioContext
from soak.scenarios.scenario import Scenario
from soak.view.lines import Progress, progress_line

KINDS = ("a", "b", "c", "d")


class Shown:
    """The progress view of a run."""

    def __init__(self) -> None:
        self.progress: list[Progress] = []
        self.lines: list[str] = []

    def update(self, progress: Progress) -> None:
        self.progress.append(progress)

    def say(self, line: str) -> None:
        self.lines.append(line)

    def __enter__(self) -> "Shown":
        return self

    def __exit__(self, *error: object) -> None:
        """Do nothing."""

    @property
    def phases(self) -> list[str]:
        """Return each phase, in the order in which they began."""
        phases = [one.phase for one in self.progress]
        return [phase for number, phase in enumerate(phases) if number == 0 or phases[number - 1] != phase]


class Table:
    """An agent that answers the requests of a run, with given values after each number of cycles."""

    relay_url = device_id = ""

    def __init__(self, has: Callable[[int], Mapping[str, float]], bounds: list[dict[str, Any]]) -> None:
        self.cycles = 0
        self.folder = Path()
        self.asked: list[str] = []
        self.died: Exception | None = None
        self._has = has
        self._bounds = bounds

    async def ask(self, question: str, arguments: Mapping[str, object] | None = None) -> Any:
        self.asked.append(question)
        return {"phone": None, "terminals": []}

    async def ask_in(self, process: str, question: str, arguments: Mapping[str, object] | None = None) -> Any:
        return await self.ask(question, arguments)

    async def values(self) -> tuple[dict[str, float], list[dict[str, Any]]]:
        return {"python.blocks": 1000.0, "heap.bytes": 1e6, **self._has(self.cycles)}, self._bounds

    async def check_for(self, seconds: float) -> None:
        if self.died is not None:
            raise self.died


class Four(Scenario):
    """A scenario with four kinds of cycles, which are only counted."""

    summary = "nothing"
    block: ClassVar[tuple[str, ...]] = KINDS

    def __init__(self, name: str, act: Callable[[ScenarioContext, str], None]) -> None:
        self.name = name  # type: ignore[misc]
        self._act = act

    async def setup(self, context: ScenarioContext) -> None:
        await asyncio.sleep(0)

    async def action(self, context: ScenarioContext, kind: str) -> None:
        context.traffic.bytes_sent += 1
        self._act(context, kind)
        table: Any = context.target
        table.cycles += 1
        await asyncio.sleep(0)

    async def back(self, context: ScenarioContext) -> None:
        await asyncio.sleep(0)


class Stage:
    """A run whose agents are tables. `opened` has every plan for which a process was started."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.directory = ReportDirectory(folder / "report")
        self.shown = Shown()
        self.opened: list[tuple[str, SoakPlan, int]] = []
        self.closed = 0
        self.order: list[str] = []
        self.has: Callable[[int], Mapping[str, float]] = lambda _: {}
        self.act: Callable[[ScenarioContext, str], None] = lambda _world, _kind: None
        self.start: Callable[[], None] = lambda: None
        self.bounds: list[dict[str, Any]] = []
        self.tables: list[Table] = []
        monkeypatch.setattr(block_runner, "open_scenario_run", self._open)

    @asynccontextmanager
    async def _open(
        self,
        name: str,
        plan: SoakPlan,
        folder: Path,
        clock: Callable[[], float],
        factor: int = 1,
        installation: Installation = HERE,
    ) -> AsyncIterator[ScenarioRun]:
        assert not folder.exists(), "a folder was used twice"
        folder.mkdir(parents=True)
        self.start()
        self.opened.append((name, plan, factor))
        self.tables.append(Table(self.has, self.bounds))
        try:
            table: Any = self.tables[-1]
            yield ScenarioRun(Four(name, self._acted), table, plan, factor, clock)
        finally:
            self.closed += 1

    def _acted(self, context: ScenarioContext, kind: str) -> None:
        self.order.append(kind)
        self.act(context, kind)

    def runner(self, plan: SoakPlan, earlier: Report | None = None) -> SoakRunner:
        """Return a runner for this plan."""
        info = RunInfo("mobifai soak", "2026-01-01T00:00:00+00:00", plan.seed, {}, plan.scenarios)
        folder = self.folder / f"run {len(self.opened)}"
        return SoakRunner(plan, info, self.directory, self.shown, folder, earlier)

    async def run(self, plan: SoakPlan, earlier: Report | None = None) -> Report:
        """Run a plan and return its report."""
        report = await self.runner(plan, earlier).run(asyncio.Event())
        assert self.closed == len(self.opened)
        assert self.directory.read().verdict == report.verdict
        return report


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The directory and the agents of the runs of one test."""
    return Stage(tmp_path, monkeypatch)


def plan(*scenarios: str, **more: Any) -> SoakPlan:
    """Return the plan of a quick run without memray and with a short wait for rest."""
    return SoakPlan(scenarios or ("one",), **{"memray": False, "rest_seconds": 0.1, **more})


def rising(cycles: int) -> Mapping[str, float]:
    """Return an agent that keeps one object of a type in every cycle."""
    return {"python.blocks": 1000.0 + cycles, "types:Kept": float(cycles)}


# -- what held


async def test_a_run_in_which_nothing_rises_holds(stage: Stage) -> None:
    report = await stage.run(plan("one", "two"))
    assert (report.verdict, report.findings, report.interrupted) == ("held", [], False)
    assert [scenario.judged_blocks for scenario in report.scenarios] == [QUICK_BLOCKS, QUICK_BLOCKS]
    assert report.cycles == 2 * QUICK_BLOCKS * len(KINDS)
    assert [name for name, _, _ in stage.opened] == ["one", "two"]
    assert stage.shown.phases == ["starting", "warming up", "starting", "warming up", "running", "done"]


async def test_scenarios_take_turns_so_that_a_run_that_is_cut_short_has_something_of_each(stage: Stage) -> None:
    await stage.run(plan("one", "two", cycles=12))
    rounds = [one.scenario for one in stage.shown.progress if one.phase == "running"]
    turns = [name for number, name in enumerate(rounds) if number == 0 or rounds[number - 1] != name]
    assert turns == ["one", "two"] * 3


async def test_the_same_seed_gives_the_same_order_of_kinds_and_another_one_another(stage: Stage) -> None:
    orders = []
    for seed in (1, 1, 2):
        stage.order.clear()
        await stage.run(plan(seed=seed))
        orders.append([*stage.order])
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    blocks = [orders[0][at : at + 4] for at in range(0, len(orders[0]), 4)]
    assert all(sorted(block) == sorted(KINDS) for block in blocks)


async def test_so_many_cycles_are_so_many_for_each_scenario(stage: Stage) -> None:
    report = await stage.run(plan("one", "two", cycles=10))
    assert [scenario.counts.judged_cycles for scenario in report.scenarios] == [12, 12]  # whole blocks
    assert report.verdict == "inconclusive"


# -- leaks


async def test_what_rises_is_looked_at_again_in_a_new_process_with_another_seed_and_is_a_leak(stage: Stage) -> None:
    stage.has = rising
    report = await stage.run(plan(seed=5))
    assert report.verdict == "leak"
    assert {finding.name for finding in report.findings} == {"python.blocks", "types:Kept"}
    for finding in report.findings:
        assert (finding.scenario, finding.per_cycle) == ("one", pytest.approx(1))
        assert finding.replay == "mobifai soak one --seed 5 --quick --no-memray"
    assert [(used.seed, factor) for _, used, factor in stage.opened] == [(5, 1), (6, 3)]
    assert stage.shown.phases[-2:] == ["confirming", "done"]
    assert "may be rising; repeating the scenario in new processes" in stage.shown.lines[0]
    assert report.scenarios[0].phase == "confirmed"


async def test_what_rises_once_only_is_let_go(stage: Stage) -> None:
    def only_in_the_first(cycles: int) -> Mapping[str, float]:
        return rising(cycles) if len(stage.opened) == 1 else {}

    stage.has = only_in_the_first
    report = await stage.run(plan())
    assert (report.verdict, report.findings) == ("held", [])
    assert len(stage.opened) == 2
    assert {gauge.state for gauge in report.gauges} == {Trend.FLAT}
    (cleared,) = {gauge.reason for gauge in report.gauges if gauge.name == "types:Kept"}
    assert cleared == "it rose at first; a second process did not confirm it"


async def test_a_count_that_does_not_come_back_is_a_leak(stage: Stage) -> None:
    stage.has = lambda cycles: {"descriptors:agent socket": 4.0 + cycles // 4}
    report = await stage.run(plan(fail_fast=True, rest_seconds=0.05))
    assert report.verdict == "leak"
    assert report.findings[0].kind == "rest"
    assert [(row.before < row.after) for row in report.rest] == [True]


async def test_fail_fast_ends_with_the_first_scenario_that_has_a_finding_and_tells_it(stage: Stage) -> None:
    stage.has = rising
    report = await stage.run(plan("one", "two", fail_fast=True))
    assert report.verdict == "leak"
    assert {finding.scenario for finding in report.findings} == {"one"}
    assert len(stage.opened) == 3
    assert report.notes == ["the run ended at the first finding (--fail-fast)"]
    assert stage.shown.progress[-1].findings
    assert stage.shown.phases[-1] == "done"


# -- bounds


def entry(peak: int) -> dict[str, Any]:
    """Return an entry of a ledger."""
    return {"name": "terminals", "unit": "items", "capacity": 64, "used": 0, "peak": peak, "evicted": 0, "refused": 0}


@pytest.mark.parametrize(("peak", "exercised"), [(63, False), (64, True)])
async def test_a_bound_that_was_not_passed_held(stage: Stage, peak: int, exercised: bool) -> None:
    stage.bounds = [entry(peak)]
    report = await stage.run(plan())
    assert report.verdict == "held"
    assert [(bound.peak, bound.exercised) for bound in report.bounds] == [(peak, exercised)]


async def test_a_bound_that_was_passed_is_a_breach_reported_once(stage: Stage) -> None:
    stage.bounds = [entry(65)]
    report = await stage.run(plan("one", "two"))
    assert report.verdict == "breach"
    assert [(finding.kind, finding.name, finding.scenario) for finding in report.findings] == [
        ("bound", "terminals", "one"),
        ("bound", "terminals", "two"),
    ]
    assert report.findings[0].detail == "expected at most 64 items in terminals; found 65"


# -- failures


@pytest.mark.parametrize(
    ("error", "kind", "verdict"),
    [
        (IntegrityError("expected byte 4, found byte 5"), "integrity", "failed"),
        (TimeoutError(), "failure", "failed"),
        (StateError("gone"), "failure", "failed"),
        (KeyError("of a scenario that is wrong"), "failure", "failed"),
        (ExceptionGroup("several", [ValueError("one")]), "failure", "failed"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_whatever_fails_there_is_a_report_that_says_so(
    stage: Stage, error: Exception, kind: str, verdict: str
) -> None:
    def fail(_: ScenarioContext, __: str) -> None:
        if len(stage.order) > 40:  # in the first block after both warm-ups
            raise error

    stage.act = fail
    report = await stage.run(plan("one", "two"))
    assert report.verdict == verdict
    (finding,) = report.findings
    assert (finding.kind, finding.name, finding.scenario) == (kind, type(error).__name__, "one")
    assert finding.detail
    assert finding.replay.startswith("mobifai soak one --seed 1")
    assert stage.shown.progress[-1].findings == (f"{kind} {type(error).__name__} (one)",)


async def test_an_agent_that_is_gone_is_named_and_not_what_its_phones_missed(stage: Stage) -> None:
    def fail(_: ScenarioContext, __: str) -> None:
        if len(stage.order) > 30:
            stage.tables[0].died = TargetFailed("the agent crashed")
            raise ConnectionError("no answer")

    stage.act = fail
    report = await stage.run(plan())
    assert [finding.detail for finding in report.findings] == ["the agent crashed"]


async def test_an_agent_that_does_not_start_is_a_failure(stage: Stage) -> None:
    def refuse() -> None:
        raise TargetFailed("the agent ended with status 1")

    stage.start = refuse
    report = await stage.run(plan())
    assert report.verdict == "failed"
    assert [finding.name for finding in report.findings] == ["TargetFailed"]
    assert report.cycles == 0


async def test_lost_bytes_fail_a_run_in_which_all_else_held(stage: Stage) -> None:
    def lose(context: ScenarioContext, _: str) -> None:
        if len(stage.order) == 30:
            context.traffic.lost += 1
            raise IntegrityError("expected byte 7, found byte 9")

    stage.act = lose
    report = await stage.run(plan())
    assert (report.verdict, report.traffic.lost) == ("failed", 1)


# -- pauses


class Clock:
    """A clock that a test advances, on top of the real clock."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which runs detect pauses."""
    clock = Clock()
    monkeypatch.setattr(runner, "PauseDetector", lambda: PauseDetector(clock))
    return clock


@pytest.mark.parametrize("at", [2, 30], ids=["in the warm-up", "in a block"])
async def test_what_fails_because_of_a_pause_is_no_finding_and_the_run_goes_on(
    stage: Stage, clock: Clock, at: int
) -> None:
    def fail(_: ScenarioContext, __: str) -> None:
        if len(stage.order) == at:
            clock.ahead += 3600
            raise TargetFailed("the agent crashed and its keeper restarted it")

    stage.act = fail
    report = await stage.run(plan())
    assert (report.verdict, report.findings) == ("held", [])
    assert len(stage.opened) == 2
    assert report.duration_s < 600
    (note,) = report.notes
    assert note.startswith("the run was paused once, 1")
    assert note.endswith("not judged")
    assert any(line.startswith("paused for") for line in stage.shown.lines)


async def test_cycles_before_a_pause_count(stage: Stage, clock: Clock) -> None:
    def fail(_: ScenarioContext, __: str) -> None:
        if len(stage.order) == 30:
            clock.ahead += 3600
            raise TimeoutError

    stage.act = fail
    report = await stage.run(plan(cycles=32))
    assert 32 <= report.counts.judged_cycles < 36
    assert report.verdict in ("held", "inconclusive")


async def test_a_pause_in_a_confirmation_is_no_finding(stage: Stage, clock: Clock) -> None:
    def only_in_the_first(cycles: int) -> Mapping[str, float]:
        return rising(cycles) if len(stage.opened) == 1 else {}

    def fail(_: ScenarioContext, __: str) -> None:
        if len(stage.opened) == 2:
            clock.ahead += 3600
            raise TimeoutError

    stage.has, stage.act = only_in_the_first, fail
    report = await stage.run(plan())
    assert (report.verdict, report.findings) == ("held", [])
    assert len(stage.opened) == 3


async def test_what_fails_without_a_pause_stays_a_finding_after_one(stage: Stage, clock: Clock) -> None:
    def fail(_: ScenarioContext, __: str) -> None:
        if len(stage.order) == 30:
            clock.ahead += 3600
            raise TimeoutError
        if len(stage.opened) == 2:
            raise TargetFailed("the agent ended with status 1")

    stage.act = fail
    report = await stage.run(plan())
    assert report.verdict == "failed"
    assert [finding.detail for finding in report.findings] == ["the agent ended with status 1"]


# -- the end from outside, and afterwards


async def test_a_run_that_is_stopped_has_a_report_and_closes_everything(stage: Stage) -> None:
    stop = asyncio.Event()
    stage.act = lambda _world, _kind: stop.set() if len(stage.order) == 40 else None
    report = await stage.runner(plan(duration=3600)).run(stop)
    assert (report.verdict, report.interrupted, report.findings) == ("inconclusive", True, [])
    assert report.notes == ["the run was interrupted; what was not judged by then is unknown"]
    assert stage.closed == len(stage.opened) == 1


async def test_a_report_while_it_runs_says_that_it_is_not_the_last_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "CHECKPOINT_SECONDS", 0.0)
    seen: list[Report] = []

    def look(_: ScenarioContext, __: str) -> None:
        if (stage.directory.path / "report.json").exists():
            seen.append(stage.directory.read())

    stage.act = look
    report = await stage.run(plan())
    assert seen
    assert {one.verdict for one in seen} == {"unfinished"}
    assert all(not one.finished and "written during the run" in one.notes[-1] for one in seen)
    assert report.finished and not report.interrupted
    assert report.notes == []


async def test_a_run_that_goes_on_adds_up(stage: Stage) -> None:
    first = await stage.run(plan(cycles=12))
    second = await stage.run(plan(cycles=8), earlier=first)
    assert (second.segments, second.cycles) == (2, 20)
    assert second.duration_s >= first.duration_s
    assert second.traffic.bytes_sent == first.traffic.bytes_sent * 2 - 4
    assert second.started_at == first.started_at
    assert len((stage.directory.path / "samples.jsonl").read_text().splitlines()) == 5


async def test_cycles_count_by_what_they_are_driven_for(stage: Stage) -> None:
    stage.has = rising
    report = await stage.run(plan())
    (one,) = report.scenarios
    seen = stage.shown.progress[-1].counts
    assert one.counts.judged_cycles == QUICK_BLOCKS * len(KINDS)
    assert one.counts.warm_up_cycles + one.counts.judged_cycles == stage.tables[0].cycles
    assert one.counts.confirmation_cycles == stage.tables[1].cycles
    assert report.counts == seen == msgspec.structs.replace(one.counts, rounds=QUICK_BLOCKS)


async def test_cycles_of_a_warm_up_that_is_cut_short_are_no_judged_cycles(stage: Stage) -> None:
    stop = asyncio.Event()
    stage.act = lambda _world, _kind: stop.set() if len(stage.order) == 6 else None
    report = await stage.runner(plan("one", "two", cycles=4)).run(stop)
    assert report.counts.judged_cycles == report.counts.blocks == report.counts.rounds == 0
    assert report.counts.warm_up_cycles >= 5
    (one,) = report.scenarios
    assert (one.state, one.reason) == (Trend.UNJUDGED, "its warm-up did not end")


async def test_progress_gives_no_estimate_and_no_share_before_something_is_judged(stage: Stage) -> None:
    await stage.run(plan(duration=0.001))
    early = [one for one in stage.shown.progress if one.phase in ("starting", "warming up")]
    assert early
    assert {(one.seconds_left, one.share, one.counts.judged_cycles) for one in early} == {(None, None, 0)}
    assert "0 s left" not in " ".join(progress_line(one) for one in stage.shown.progress)


async def test_a_byte_that_a_confirmation_loses_fails_the_run(stage: Stage) -> None:
    def lose(context: ScenarioContext, _: str) -> None:
        if len(stage.opened) == 2:
            context.traffic.lost = 1

    stage.has, stage.act = rising, lose
    report = await stage.run(plan())
    assert (report.verdict, report.traffic.lost) == ("failed", 1)


async def test_a_confirmation_shows_its_block_and_its_share(stage: Stage) -> None:
    stage.has = rising
    report = await stage.run(plan())
    confirming = [one for one in stage.shown.progress if one.phase == "confirming"]
    steps = list(dict.fromkeys(one.step for one in confirming))
    assert steps[0] == "warm-up of the second process"
    assert steps[1:] == [f"block {number} of 8 of the second process" for number in range(1, 9)]
    shares = [one.share for one in confirming if one.share is not None]
    assert shares == sorted(shares) and 0 < shares[0] < 0.5 and shares[-1] == 1
    assert stage.shown.progress[-1].step == f"{report.counts.rounds} rounds" == "8 rounds"


async def test_a_round_that_was_cut_short_does_not_count(stage: Stage) -> None:
    def fail(_: ScenarioContext, __: str) -> None:
        if stage.shown.progress[-1].step == "round 2 of 8":
            raise TargetFailed("the agent ended with status 1")

    stage.act = fail
    report = await stage.run(plan())
    assert (report.verdict, report.counts.blocks, report.counts.rounds) == ("failed", 1, 1)


async def test_the_judgement_of_the_first_part_stands_until_a_second_one_has_judged(stage: Stage) -> None:
    first = await stage.run(plan())
    second = await stage.run(plan(cycles=4), earlier=first)
    assert {gauge.state for gauge in second.gauges if gauge.name == "heap.bytes"} == {Trend.FLAT}
    assert (second.verdict, second.scenarios[0].judged_blocks, second.counts.blocks) == ("held", 8, 9)


async def test_a_finding_of_the_first_part_stays_one(stage: Stage) -> None:
    stage.has = rising
    first = await stage.run(plan())
    stage.has = lambda _: {}
    second = await stage.run(plan(), earlier=first)
    assert second.verdict == "leak"
    assert {finding.name for finding in second.findings} == {"python.blocks", "types:Kept"}


async def test_with_memray_an_empty_window_comes_before_what_is_judged(stage: Stage) -> None:
    await stage.run(plan(memray=True, cycles=4))
    asked = [question for question in stage.tables[0].asked if question != "status"]
    assert asked[:3] == ["soak.fill", "soak.trace", "soak.untrace"]
