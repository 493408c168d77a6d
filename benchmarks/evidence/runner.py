"""Runs the units without a result, several at a time, until all are done, the time is over, or a stop is requested.

Owns the tasks of the running units and their folders. A unit that is stopped leaves no result in the store. The folder
of a unit whose result is not right is kept, since its report says why.
"""

import asyncio
import datetime as dt
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.evidence.revision import Origin
from benchmarks.evidence.store import ResultStore
from benchmarks.evidence.units import EvidenceKind, KindEvidence, RunResult, UnitOutcome, UnitResult
from profiles.progress import ProgressCallback


@dataclass(frozen=True, slots=True)
class UnitSelection:
    """The chosen kinds, and the chosen units of these kinds (all if none is named)."""

    kinds: tuple[EvidenceKind, ...]
    units: frozenset[str] = frozenset()

    def missing(self, evidence: dict[str, KindEvidence]) -> Iterator[tuple[EvidenceKind, str]]:
        """Yield (kind, unit) for those of the chosen units that still have to run, in order."""
        for kind in self.kinds:
            for unit in evidence[kind.name].missing:
                if not self.units or unit in self.units:
                    yield kind, unit


def estimate(kind: EvidenceKind, unit: str, evidence: KindEvidence) -> float:
    """Return an estimate of how many seconds a unit will take.

    This is the kind's first estimate (`kind.seconds`), multiplied by the median factor by which finished units of the
    kind took longer than their first estimates.
    """
    ratios = [one.seconds / kind.seconds(one.unit) for one in evidence.results if one.outcome is not UnitOutcome.FAILED]
    return kind.seconds(unit) * (median(ratios) if ratios else 1.0)


class EvidenceRunner:
    """Runs at most `jobs` units at a time, and stores their results. `tell` gets a line of text for each result.

    No unit continues after `deadline`, a time of `clock` in seconds. `kept` is the directory for the folders of units
    whose results are not right; a unit keeps the folder of its last run.
    """

    def __init__(
        self,
        choice: UnitSelection,
        store: ResultStore,
        origin: Origin,
        tell: ProgressCallback,
        kept: Path,
        *,
        jobs: int = 1,
        deadline: float = float("inf"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._choice, self._store, self._origin, self._tell = choice, store, origin, tell
        self._kept = kept
        self._jobs, self._deadline, self._clock = jobs, deadline, clock
        self._going: dict[asyncio.Task[None], tuple[str, str]] = {}
        self._done, self._total = 0, len(list(choice.missing(store.evidence)))

    async def run(self, stop: asyncio.Event) -> None:
        """Run units until none that is left fits into the time, or `stop` is set. Raises what the store raises."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                self._start_some()
                if not self._going:
                    return
                timeout = None if self._deadline == float("inf") else max(0.0, self._deadline - self._clock())
                ended, _ = await asyncio.wait({*self._going, stopping}, timeout=timeout,
                                              return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
                if not ended:
                    self._tell("the time is over: running units are stopped, and run again next time")
                    return
                for task in [one for one in self._going if one in ended]:
                    del self._going[task]
                    task.result()
        finally:
            await _cancel([stopping, *self._going])

    def _start_some(self) -> None:
        while len(self._going) < self._jobs and (chosen := self._next()) is not None:
            kind, unit = chosen
            self._going[asyncio.create_task(self._run(kind, unit))] = (kind.name, unit)

    def _next(self) -> tuple[EvidenceKind, str] | None:
        """Return (kind, unit) for the first unit that does not run yet, is ready, and fits into the time; or None.

        A unit that failed once runs again when everything else has ended: a busy machine may be why it failed.
        """
        evidence, under_way = self._store.evidence, set(self._going.values())
        left = self._deadline - self._clock()
        repeated = None
        for kind, unit in self._choice.missing(evidence):
            own = evidence[kind.name]
            if (kind.name, unit) in under_way or not kind.ready(unit, own.last) or estimate(kind, unit, own) > left:
                continue
            if unit not in own.last:
                return kind, unit
            repeated = repeated or (kind, unit)
        return None if self._going else repeated

    async def _run(self, kind: EvidenceKind, unit: str) -> None:
        folder, began = Path(tempfile.mkdtemp(prefix="mobifai-evidence-")), self._clock()
        known = self._store.known(kind.name)
        try:
            try:
                judged = await kind.run(unit, folder, known)
            except (OSError, ValueError, LookupError) as error:
                judged = RunResult(UnitOutcome.FAILED, f"{type(error).__name__}: {error}"[:500])
            result = self._result(kind, unit, judged, self._clock() - began)
            self._store.add(result, judged.files)
            self._report(result)
            if result.outcome is not UnitOutcome.RIGHT:
                self._keep(folder, result)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _keep(self, folder: Path, result: UnitResult) -> None:
        kept = self._kept / f"{result.kind}-{result.unit}"
        shutil.rmtree(kept, ignore_errors=True)
        try:
            shutil.copytree(folder, kept, symlinks=True)
        except OSError as error:  # such as a full disk, or a socket that was left: the other units run on
            self._tell(f"not all files of this run could be kept in {kept}: {error}")
        else:
            self._tell(f"the files of this run are kept in {kept}")

    def _result(self, kind: EvidenceKind, unit: str, judged: RunResult, seconds: float) -> UnitResult:
        own = self._store.evidence[kind.name]
        return UnitResult(
            kind=kind.name,
            unit=unit,
            revision=own.plan.revision,
            attempt=own.last[unit].attempt + 1 if unit in own.last else 1,
            outcome=judged.outcome,
            summary=judged.summary,
            seconds=round(seconds, 1),
            finished=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            commit=self._origin.commit,
            machine=self._origin.machine,
            command=judged.command,
            detail=dict(judged.detail),
        )

    def _report(self, result: UnitResult) -> None:
        self._done += result.final
        again = "" if result.final else "; it will be run once more, alone"
        sign = {UnitOutcome.RIGHT: "✓", UnitOutcome.WRONG: "✗", UnitOutcome.FAILED: "!"}[result.outcome]
        self._tell(
            f"{sign} {self._done}/{self._total} {result.kind} {result.unit}: {result.outcome}: {result.summary}, "
            f"{result.seconds:.0f} s{again}"
        )


async def _cancel(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
