"""Carries out one run: rounds of blocks, repeated judgement, and confirmation of suspicions in fresh processes.

Owns the scenario runs and the directory of their processes. A report is written however the run ends.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

from mobifai.cli.control_client import is_set_within
from soak.gauges.gauge import Sample, gauge_of
from soak.gauges.results import FindingResult, Phase, Report
from soak.gauges.self_monitor import SelfMonitor
from soak.gauges.trend import FEWEST_CLEAR_BLOCKS, convicted, is_clear, judge
from soak.gauges.verdict import breaches, leaks
from soak.harness.pauses import Paused, PauseDetector, pause_line, pause_notes, repeat_if_paused
from soak.report.directory import ReportDirectory
from soak.report.files import ReportError
from soak.report.writer import ReportWriter
from soak.run.block_runner import BlockPlan, BlockRunner
from soak.run.failures import failure
from soak.run.plan import QUICK_BLOCKS, SoakPlan
from soak.run.progress_reporter import CONFIRMING, ProgressReporter
from soak.run.replay import scenario_command
from soak.run.report_builder import INTERRUPTED, UNFINISHED, RunInfo, compose
from soak.run.scenario_record import ScenarioRecord
from soak.run.scenario_run import ScenarioRun
from soak.run.tracing import WINDOW_SECONDS, MemoryTracing
from soak.view.lines import ProgressView

CHECKPOINT_SECONDS = 5.0
LAST_TRIES = 10
"""Most further attempts to write the last report, `TRY_SECONDS` apart."""
TRY_SECONDS = 1.0
LARGEST_FACTOR = 8
BLOCKS_A_FACTOR = 64
"""Each time that this many blocks have run, the next blocks get longer.

So a long run does not spend most of its time on samples.
"""


class RunAborted(Exception):
    """The run ends early. The finding that is the reason for this is already recorded."""


class SoakRunner:
    """Runs one plan and returns its report."""

    def __init__(
        self,
        plan: SoakPlan,
        info: RunInfo,
        directory: ReportDirectory,
        view: ProgressView,
        folder: Path,
        earlier: Report | None = None,
        writer: ReportWriter | None = None,
    ) -> None:
        self._plan = plan
        self._info = info
        self._writer = writer or ReportWriter(directory, view.say)
        self._folder = folder
        self._earlier = earlier
        self._pauses = PauseDetector()
        self._block_runners: list[BlockRunner] = []  # bounded by the scenarios
        self._records: list[ScenarioRecord] = []
        self._findings: list[FindingResult] = []
        self._reporter = ProgressReporter(view, plan, self._elapsed)
        self._tracing = MemoryTracing(directory.windows, plan.memray, self._elapsed)
        self._notes = [*self._tracing.notes]
        self._self_monitor = SelfMonitor(self._elapsed)
        self._last_checkpoint = 0.0
        self._judged_round = -1
        self._interrupted = False
        self._over = False

    async def run(self, stop: asyncio.Event) -> Report:
        """Run the plan until it is done or `stop` is set. Return the final report, also if it could not be written."""
        going = asyncio.ensure_future(self._execute())
        stopping = asyncio.ensure_future(stop.wait())
        looking = asyncio.ensure_future(self._pauses.watch(self._report_pause))
        try:
            await asyncio.wait({going, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not going.done():
                self._interrupted = True
                self._notes.append(INTERRUPTED)
            going.cancel()
            with suppress(asyncio.CancelledError, RunAborted):
                await going
        except Exception as error:
            self._findings.append(failure(error, "", self._info.command))
        finally:
            stopping.cancel()
            looking.cancel()
        self._over = True
        self._show("done")
        return await self._last_report(stop)

    # -- starting and rounds

    async def _execute(self) -> None:
        async with AsyncExitStack() as scope:
            for number, name in enumerate(self._plan.scenarios):
                await self._begin(scope, number, name)
            while not self._is_done():
                await self._next_round()
            await self._judge_all()
            for record in self._records if self._tracing.on else ():
                await self._trace(record, 0.0)

    async def _begin(self, scope: AsyncExitStack, number: int, name: str) -> None:
        blocks = BlockPlan(name, self._plan, self._folder / str(number))
        runner = BlockRunner(blocks, self._pauses, self._report_pause)
        self._block_runners.append(await scope.enter_async_context(runner))
        with self._failing(name):
            await self._start(number, name)

    async def _start(self, number: int, name: str) -> None:
        """Start a scenario's processes and warm them up. If a pause interrupts the warm-up, start again."""
        await repeat_if_paused(lambda: self._start_once(number, name))
        self._records[number].phase = Phase.RUNNING

    async def _start_once(self, number: int, name: str) -> None:
        self._show("starting", name)
        await self._block_runners[number].start(
            self._update_and_write, lambda run: self._record_start(number, name, run)
        )

    def _record_start(self, number: int, name: str, run: ScenarioRun) -> None:
        if number < len(self._records):
            self._records[number].continue_with(run)
        else:
            self._records.append(ScenarioRecord(run))
        self._show("warming up", name)

    async def _start_again(self, record: ScenarioRecord) -> None:
        """Continue with fresh processes after a pause during which requests to the earlier processes timed out."""
        self._reporter.say(
            f"{record.name}: a pause interrupted a cycle, so the scenario continues with new processes of MobiFai"
        )
        await self._start(self._records.index(record), record.name)

    def _report_pause(self, missed: float) -> None:
        self._reporter.say(pause_line(missed))

    async def _next_round(self) -> None:
        self._reporter.round += 1
        for record in self._records:
            if self._time_is_up() and self._round > 1:
                return
            run = record.run
            self._show("running", record.name)
            run.factor = min(LARGEST_FACTOR, 1 + run.blocks // BLOCKS_A_FACTOR)
            sample = await self._block(record)
            if sample is None:
                continue
            self._writer.append_samples(record.name, [sample])
            self._check_block(record)
        self._reporter.rounds_done = self._round
        self._self_monitor.sample()
        if self._tracing.due:
            await self._trace(self._records[self._tracing.taken % len(self._records)], WINDOW_SECONDS)
        if self._round >= QUICK_BLOCKS and self._round.bit_count() == 1:  # 8, 16, 32 ...
            await self._judge_all()
        self._checkpoint_now_and_then()

    async def _block(self, record: ScenarioRecord) -> Sample | None:
        """Run a block of one scenario. If a pause interrupts it, start fresh processes and return None."""
        with self._failing(record.name):
            with suppress(Paused):
                return await self._block_runners[self._records.index(record)].block(self._update)
            await self._start_again(record)
        return None

    @property
    def _round(self) -> int:
        return self._reporter.round

    def _is_done(self) -> bool:
        plan = self._plan
        if plan.duration is not None:
            return self._time_is_up() and self._round >= 1
        if plan.cycles is not None:
            return all(record.judged_cycles >= plan.cycles for record in self._records)
        return all(record.run.blocks >= QUICK_BLOCKS for record in self._records)

    def _time_is_up(self) -> bool:
        return self._plan.duration is not None and self._elapsed() >= self._plan.duration

    def _check_block(self, record: ScenarioRecord) -> None:
        """After a block, check that no byte was lost and that no limit exceeded its capacity. Raises RunAborted."""
        with self._failing(record.name):
            record.run.check_traffic()
        known = {finding.name for finding in record.findings}
        entries = record.run.entries
        found = breaches(entries, record.name, self._replay(record.name))
        record.findings += [finding for finding in found if finding.name not in known]
        self._stop_early()

    # -- suspicion and confirmation

    async def _judge_all(self) -> None:
        """Judge every scenario, and confirm suspicions in a fresh process. Runs at most once in each round."""
        if self._judged_round == self._round:
            return
        self._judged_round = self._round
        for record in self._records:
            suspected = [name for name in record.judge() if name not in {one.name for one in record.findings}]
            if record.run.blocks >= QUICK_BLOCKS:
                record.phase = Phase.JUDGED
            if not suspected:
                record.confirmation_judgements = record.confirmation_judgements or {}
            elif self._plan.confirm:
                await self._confirm(record, suspected)
            self._stop_early()

    async def _confirm(self, record: ScenarioRecord, suspected: list[str]) -> None:
        self._show(CONFIRMING, record.name)
        self._reporter.say(
            f"{record.name}: {_first_names(suspected)} may be rising; repeating the scenario in new processes"
        )
        with self._failing(record.name):
            await repeat_if_paused(lambda: self._run_confirmation(record, suspected))
        record.phase = Phase.CONFIRMED
        record.findings += leaks(
            {name: record.judgements[name] for name in suspected},
            record.confirmation_judgements or {},
            cycles_per_second=record.run.cycles_per_second,
            scenario=record.name,
            replay=self._replay(record.name),
        )

    async def _run_confirmation(self, record: ScenarioRecord, suspected: list[str]) -> None:
        """Run the scenario in a fresh process with another seed, and judge the suspected gauges there."""
        number, done = self._records.index(record), len(record.confirmations)
        folder = self._folder / f"{number}.{done}"  # short, because socket paths are limited
        blocks = BlockPlan(record.name, self._plan, folder).confirmation(1 + done, folder)
        async with BlockRunner(blocks, self._pauses, self._report_pause) as runner:
            try:
                await runner.start(self._update, record.begin_confirmation)
                await runner.blocks(QUICK_BLOCKS, self._update, lambda run: self._is_clear(record, run, suspected))
            finally:
                record.end_confirmation()
            run = runner.run
            record.confirmation_judgements = {
                name: judge(run.book.window(name), gauge_of(name)) for name in record.judgements
            }
            record.findings += breaches(run.entries, record.name, self._replay(record.name))

    def _is_clear(self, record: ScenarioRecord, run: ScenarioRun, suspected: list[str]) -> bool:
        """Return whether the confirmation `run` can end early.

        With `--fail-fast`, it can as soon as one suspected gauge clearly shows the same leak again.
        """
        if not self._plan.fail_fast or run.blocks < FEWEST_CLEAR_BLOCKS:
            return False
        again = {name: judge(run.book.window(name), gauge_of(name)) for name in suspected}
        return any(is_clear(one) and convicted(record.judgements[name], one) for name, one in again.items())

    def _stop_early(self) -> None:
        if self._plan.fail_fast and any(record.findings for record in self._records):
            self._notes.append("the run ended at the first finding (--fail-fast)")
            raise RunAborted

    async def _trace(self, record: ScenarioRecord, seconds: float) -> None:
        self._show("tracing", record.name)
        with self._failing(record.name):
            try:
                with self._pauses.guard(self._report_pause):
                    await self._take_window(record, seconds)
            except Paused:
                await self._start_again(record)

    async def _take_window(self, record: ScenarioRecord, seconds: float) -> None:
        try:
            await self._tracing.take(record.run, seconds, self._update)
        except ReportError as error:
            self._note(f"a memray window could not be written: {error}")

    def _note(self, note: str) -> None:
        if note not in self._notes:
            self._notes.append(note)

    # -- failures

    @contextmanager
    def _failing(self, scenario: str) -> Iterator[None]:
        """Turn an exception in this scope into a finding, and end the run. Raises RunAborted."""
        try:
            yield
        except Exception as error:
            self._findings.append(failure(error, scenario, self._replay(scenario, 1)))
            raise RunAborted from error

    def _replay(self, scenario: str, more: int = 0) -> str:
        """Return the command that repeats a scenario, for all the cycles that it has run so far and `more` further
        ones.
        """
        done = next((one.judged_cycles for one in self._records if one.name == scenario), 0)
        return scenario_command(self._plan, scenario, done + more)

    # -- progress

    def _elapsed(self) -> float:
        return self._pauses.elapsed()

    def _show(self, phase: str, scenario: str = "") -> None:
        self._reporter.enter(phase, scenario)
        self._update()

    def _update(self, _: str = "") -> None:
        self._reporter.update(self._records, self._all_findings())

    def _update_and_write(self, _: str = "") -> None:
        """Show the progress, and write the report if it is time. Used only in the warm-up, where writing can't disturb
        a judgement.
        """
        self._update()
        self._checkpoint_now_and_then()

    def _all_findings(self) -> list[FindingResult]:
        return [*self._findings, *(one for record in self._records for one in record.findings)]

    # -- the report

    def _checkpoint_now_and_then(self) -> None:
        """Write the report unless it was written in the last seconds (in a long run, in the last minutes).

        So a run that is killed leaves a recent report.
        """
        pause = 0.0 if self._writer.problem else max(CHECKPOINT_SECONDS, self._elapsed() / 200)
        if self._elapsed() - self._last_checkpoint >= pause:
            for record in self._records:
                record.judge()
            self._checkpoint()

    async def _last_report(self, stop: asyncio.Event) -> Report:
        """Write the final report and return it. If writing fails, retry for a while, but not after `stop` is set."""
        report = self._checkpoint()
        for _ in range(LAST_TRIES):
            if self._writer.problem is None or await is_set_within(stop, TRY_SECONDS):
                break
            report = self._checkpoint()
        return report

    def _checkpoint(self) -> Report:
        self._last_checkpoint = self._elapsed()
        going = [] if self._over else [UNFINISHED]
        report = compose(
            self._info,
            self._records,
            rounds=self._reporter.rounds_done,
            duration=self._elapsed(),
            interrupted=self._interrupted,
            finished=self._over,
            findings=[*self._findings, *self._self_monitor.findings()],
            harness=self._self_monitor.results(),
            harness_series=self._self_monitor.series(),
            memory=self._tracing.found,
            notes=[*self._notes, *pause_notes(self._pauses), *self._writer.notes, *going],
            earlier=self._earlier,
        )
        self._writer.write(report)
        return report


def _first_names(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
