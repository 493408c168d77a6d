"""One run: courses side by side in rounds, judged again and again, what is suspected confirmed in fresh processes.

Owns the courses and the run's directory of processes. Whatever ends it, there is a report.
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
from soak.harness.pauses import PauseDetector
from soak.report.directory import ReportDirectory
from soak.report.figures import duration
from soak.report.files import ReportError
from soak.report.writer import ReportWriter
from soak.run.account import ScenarioRecord
from soak.run.failures import failure
from soak.run.plan import CONFIRMATION_BLOCKS, QUICK_BLOCKS, SoakPlan
from soak.run.progress_reporter import CONFIRMING, ProgressReporter
from soak.run.replay import scenario_command
from soak.run.report_builder import INTERRUPTED, UNFINISHED, RunInfo, compose
from soak.run.scenario_run import ScenarioRun, open_scenario_run
from soak.run.tracing import WINDOW_SECONDS, MemoryTracing
from soak.view.lines import ProgressView

CHECKPOINT_SECONDS = 5.0
LAST_TRIES = 10
"""How often the last report is tried when it can't be written, and how long after the try before."""
TRY_SECONDS = 1.0
LARGEST_FACTOR = 8
BLOCKS_A_FACTOR = 64
"""After so many blocks they become longer: samples take time."""


class RunAborted(Exception):
    """A finding after which the run can't go on; it has been written down."""


class SoakRunner:
    """Carries out one plan."""

    def __init__(
        self,
        plan: SoakPlan,
        setting: RunInfo,
        directory: ReportDirectory,
        view: ProgressView,
        folder: Path,
        earlier: Report | None = None,
        writer: ReportWriter | None = None,
    ) -> None:
        self._plan = plan
        self._setting = setting
        self._writer = writer or ReportWriter(directory, view.say)
        self._folder = folder
        self._earlier = earlier
        self._pauses = PauseDetector()
        self._scopes: list[AsyncExitStack] = []  # bounded by the scenarios
        self._accounts: list[ScenarioRecord] = []
        self._findings: list[FindingResult] = []
        self._telling = ProgressReporter(view, plan, self._elapsed)
        self._tracing = MemoryTracing(directory.windows, plan.memray, self._elapsed)
        self._notes = [*self._tracing.notes]
        self._own = SelfMonitor(self._elapsed)
        self._last_checkpoint = 0.0
        self._examined = -1
        self._interrupted = False
        self._over = False

    async def run(self, stop: asyncio.Event) -> Report:
        """Do it all, or as much as there is time for until `stop`. Raises ReportError, for what can't be written."""
        going = asyncio.ensure_future(self._go())
        stopping = asyncio.ensure_future(stop.wait())
        looking = asyncio.ensure_future(self._pauses.watch(self._say_paused))
        try:
            await asyncio.wait({going, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not going.done():
                self._interrupted = True
                self._notes.append(INTERRUPTED)
            going.cancel()
            with suppress(asyncio.CancelledError, RunAborted):
                await going
        except Exception as error:
            self._findings.append(failure(error, "", self._setting.command))
        finally:
            stopping.cancel()
            looking.cancel()
        self._over = True
        self._show("done")
        return await self._last_report(stop)

    # -- the course of the run

    async def _go(self) -> None:
        async with AsyncExitStack() as scope:
            for number, name in enumerate(self._plan.scenarios):
                await self._begin(scope, number, name)
            while not self._is_done():
                await self._next_round()
            await self._examine()
            for account in self._accounts if self._tracing.on else ():
                await self._trace(account, 0.0)

    async def _begin(self, scope: AsyncExitStack, number: int, name: str) -> None:
        self._scopes.append(await scope.enter_async_context(AsyncExitStack()))
        with self._failing(name):
            await self._start(number, name)

    async def _start(self, number: int, name: str) -> None:
        """Start a scenario's processes and warm them up; again when a pause came in between."""
        while True:
            before = self._pauses.count
            try:
                return await self._start_once(number, name)
            except Exception:
                if not self._was_paused_since(before):
                    raise
            await self._scopes[number].aclose()

    async def _start_once(self, number: int, name: str) -> None:
        self._show("starting", name)
        paused = f"p{self._pauses.count}" if self._pauses.count else ""
        opened = open_scenario_run(name, self._plan, self._folder / f"{number}{paused}", self._elapsed)
        course = await self._scopes[number].enter_async_context(opened)
        if number < len(self._accounts):
            self._accounts[number].go_on_with(course)
        else:
            self._accounts.append(ScenarioRecord(course))
        self._show("warming up", name)
        await course.warm_up(self._tell_and_write)
        self._accounts[number].phase = Phase.RUNNING

    async def _start_again(self, account: ScenarioRecord) -> None:
        """Go on with fresh processes, after a pause in which the ones before missed each other."""
        number = self._accounts.index(account)
        self._telling.say(f"{account.name}: a pause cut a cycle short; going on with fresh processes")
        await self._scopes[number].aclose()
        await self._start(number, account.name)

    def _was_paused_since(self, count: int) -> bool:
        if missed := self._pauses.look():
            self._say_paused(missed)
        return self._pauses.count > count

    def _say_paused(self, missed: float) -> None:
        self._telling.say(f"paused for {duration(missed)}: the machine slept, or this process was stopped")

    async def _next_round(self) -> None:
        self._telling.round += 1
        for account in self._accounts:
            if self._time_is_up() and self._round > 1:
                return
            course = account.course
            self._show("running", account.name)
            course.factor = min(LARGEST_FACTOR, 1 + course.blocks // BLOCKS_A_FACTOR)
            sample = await self._block(account)
            if sample is None:
                continue
            self._writer.append_samples(account.name, [sample])
            self._look_at(account)
        self._telling.rounds_done = self._round
        self._own.sample()
        if self._tracing.due:
            await self._trace(self._accounts[self._tracing.taken % len(self._accounts)], WINDOW_SECONDS)
        if self._round >= QUICK_BLOCKS and self._round.bit_count() == 1:  # 8, 16, 32 ...
            await self._examine()
        self._checkpoint_now_and_then()

    async def _block(self, account: ScenarioRecord) -> Sample | None:
        """A block of one scenario. None: a pause cut it short, and fresh processes have taken over."""
        before = self._pauses.count
        with self._failing(account.name):
            try:
                return await account.course.block(self._tell)
            except Exception:
                if not self._was_paused_since(before):
                    raise
            await self._start_again(account)
        return None

    @property
    def _round(self) -> int:
        return self._telling.round

    def _is_done(self) -> bool:
        plan = self._plan
        if plan.duration is not None:
            return self._time_is_up() and self._round >= 1
        if plan.cycles is not None:
            return all(account.judged_cycles >= plan.cycles for account in self._accounts)
        return all(account.course.blocks >= QUICK_BLOCKS for account in self._accounts)

    def _time_is_up(self) -> bool:
        return self._plan.duration is not None and self._elapsed() >= self._plan.duration

    def _look_at(self, account: ScenarioRecord) -> None:
        """After a block: its bytes, and the agent's bounds."""
        with self._failing(account.name):
            account.course.check_bytes()
        known = {finding.name for finding in account.findings}
        entries = account.course.entries
        found = breaches(entries, account.name, self._replay(account.name))
        account.findings += [finding for finding in found if finding.name not in known]
        self._stop_early()

    # -- suspicion and confirmation

    async def _examine(self) -> None:
        """Judge every scenario, and look again in a fresh process where something seems to rise; once a round."""
        if self._examined == self._round:
            return
        self._examined = self._round
        for account in self._accounts:
            suspected = [name for name in account.judge() if name not in {one.name for one in account.findings}]
            if account.course.blocks >= QUICK_BLOCKS:
                account.phase = Phase.JUDGED
            if not suspected:
                account.again = account.again or {}
            elif self._plan.confirm:
                await self._confirm(account, suspected)
            self._stop_early()

    async def _confirm(self, account: ScenarioRecord, suspected: list[str]) -> None:
        self._show(CONFIRMING, account.name)
        self._telling.say(f"{account.name}: {_some(suspected)} may rise; looking again in a fresh process")
        with self._failing(account.name):
            while True:
                before = self._pauses.count
                try:
                    await self._look_again(account, suspected)
                    break
                except Exception:
                    if not self._was_paused_since(before):
                        raise
        account.phase = Phase.CONFIRMED
        account.findings += leaks(
            {name: account.first[name] for name in suspected},
            account.again or {},
            cycles_per_second=account.course.cycles_per_second,
            scenario=account.name,
            replay=self._replay(account.name),
        )

    async def _look_again(self, account: ScenarioRecord, suspected: list[str]) -> None:
        """Drive the scenario in a fresh process with another seed, and judge what was suspected there."""
        plan = self._plan.later(1 + len(account.confirmed))
        number = f"{self._accounts.index(account)}.{len(account.confirmed)}.{self._pauses.count}"
        folder = self._folder / number  # short: sockets are in it
        async with open_scenario_run(account.name, plan, folder, self._elapsed, CONFIRMATION_BLOCKS) as course:
            account.second = course
            try:
                await course.warm_up(self._tell)
                while course.blocks < QUICK_BLOCKS and not self._is_clear(account, course, suspected):
                    await course.block(self._tell)
                    course.check_bytes()
            finally:
                account.end_confirmation()
            account.again = {name: judge(course.book.window(name), gauge_of(name)) for name in account.first}
            account.findings += breaches(course.entries, account.name, self._replay(account.name))

    def _is_clear(self, account: ScenarioRecord, course: ScenarioRun, suspected: list[str]) -> bool:
        """Whether one finding is enough, and there is one already that more blocks would not change."""
        if not self._plan.fail_fast or course.blocks < FEWEST_CLEAR_BLOCKS:
            return False
        again = {name: judge(course.book.window(name), gauge_of(name)) for name in suspected}
        return any(is_clear(one) and convicted(account.first[name], one) for name, one in again.items())

    def _stop_early(self) -> None:
        if self._plan.fail_fast and any(account.findings for account in self._accounts):
            self._notes.append("it ended with the first finding, as asked for by --fail-fast")
            raise RunAborted

    async def _trace(self, account: ScenarioRecord, seconds: float) -> None:
        self._show("tracing", account.name)
        before = self._pauses.count
        with self._failing(account.name):
            try:
                await self._tracing.take(account.course, seconds, self._tell)
            except ReportError as error:
                self._note(f"a memory window could not be written: {error}")
            except Exception:
                if not self._was_paused_since(before):
                    raise
                await self._start_again(account)

    def _note(self, note: str) -> None:
        if note not in self._notes:
            self._notes.append(note)

    # -- failures

    @contextmanager
    def _failing(self, scenario: str) -> Iterator[None]:
        """Write down what fails as a finding, and end the run. Raises RunAborted."""
        try:
            yield
        except Exception as error:
            self._findings.append(failure(error, scenario, self._replay(scenario, 1)))
            raise RunAborted from error

    def _replay(self, scenario: str, more: int = 0) -> str:
        """Return the command that repeats a scenario as far as it has come, and by `more` cycles: blocks are whole."""
        done = next((one.judged_cycles for one in self._accounts if one.name == scenario), 0)
        return scenario_command(self._plan, scenario, done + more)

    # -- telling

    def _elapsed(self) -> float:
        return self._pauses.elapsed()

    def _show(self, phase: str, scenario: str = "") -> None:
        self._telling.enter(phase, scenario)
        self._tell()

    def _tell(self, _: str = "") -> None:
        self._telling.tell(self._accounts, self._all_findings())

    def _tell_and_write(self, _: str = "") -> None:
        """The same in a warm-up, in which nothing is judged that writing could disturb."""
        self._tell()
        self._checkpoint_now_and_then()

    def _all_findings(self) -> list[FindingResult]:
        return [*self._findings, *(one for account in self._accounts for one in account.findings)]

    # -- the report

    def _checkpoint_now_and_then(self) -> None:
        """A killed run has the report of some seconds ago; of some minutes ago when it is long."""
        pause = 0.0 if self._writer.problem else max(CHECKPOINT_SECONDS, self._elapsed() / 200)
        if self._elapsed() - self._last_checkpoint >= pause:
            for account in self._accounts:
                account.judge()
            self._checkpoint()

    def _paused(self) -> list[str]:
        pauses = self._pauses
        if not pauses.count:
            return []
        times = "once" if pauses.count == 1 else f"{pauses.count} times"
        return [f"the run was paused {times}, {duration(pauses.seconds)} in all: not part of its duration, not judged"]

    async def _last_report(self, stop: asyncio.Event) -> Report:
        """The end of the run, written; where there is no room for it, tried for a while."""
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
            self._setting,
            self._accounts,
            rounds=self._telling.rounds_done,
            duration=self._elapsed(),
            interrupted=self._interrupted,
            finished=self._over,
            findings=[*self._findings, *self._own.findings()],
            harness=self._own.results(),
            harness_series=self._own.series(),
            memory=self._tracing.found,
            notes=[*self._notes, *self._paused(), *self._writer.notes, *going],
            earlier=self._earlier,
        )
        self._writer.write(report)
        return report


def _some(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
