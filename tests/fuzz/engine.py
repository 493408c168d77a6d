"""Runs the targets in turn, for some time, and checks the product after each turn.

A fault is stored with the inputs before it, the place is closed, and the run continues with a new one. Every wait for
the product has a time limit, so that a run ends in time. A process that does not end or answer is a fault. With the
same seed, each session makes the same inputs, but their timing depends on the machine.
"""

import asyncio
import tempfile
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mobifai.errors import MobiFaiError
from tests.fuzz.bounded import kill, no_process_is_left, processes_of, within
from tests.fuzz.corpus import Kept
from tests.fuzz.findings import FOLDER, Finding, report, save
from tests.fuzz.oracle import Fault, Oracle
from tests.fuzz.phone import Gone
from tests.fuzz.places import Places
from tests.fuzz.source import SESSIONS
from tests.fuzz.target import Target

REMEMBERED = 2048
"""The number of inputs that are remembered for a finding."""
REMEMBERED_BYTES = 8 << 20
SESSION_SECONDS = 30.0
STEP_SECONDS = 120.0
"""Additional seconds for a session's start, last batch and end, and for a thorough check."""
LAST_SESSION_SECONDS = 40.0
"""Seconds after the time of the run in which the last session has to end. None begins in the second half of them."""
LAST_LOOK_SECONDS = 82.0
"""Seconds after the time of the run in which the last thorough check has to end. Then the processes have to end."""
ENOUGH = 3
"""The number of faults after which a target is skipped for the rest of the run."""
TROUBLES = 30
TROUBLE_SECONDS = 180.0
"""After this many failed sessions in a row, or this many seconds of them, the product counts as closed."""


@dataclass
class Result:
    """The result of a run."""

    seconds: float = 0.0
    handled: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    spent: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    """Sessions that ended early, because the product closed the connection or refused it."""
    last_break: dict[str, str] = field(default_factory=dict)
    slowest: float = 0.0
    unjudged: int = 0
    findings: list[Finding] = field(default_factory=list)


class Engine:
    """One run of all targets. `say` prints."""

    def __init__(
        self, targets: Sequence[type[Target]], seed: int, folder: Path, show: Callable[[str], None] = print
    ) -> None:
        self.result = Result()
        self.findings_folder = FOLDER
        self._targets = list(targets)
        self._seed = seed
        self._folder = folder
        self._print = show
        self._places = Places(folder)
        self._began = time.monotonic()
        self._until = self._began
        self._faults: Counter[str] = Counter()
        self._troubles: Counter[str] = Counter()
        self._last_success: dict[str, float] = {}
        self._kept: dict[str, Kept] = {}

    async def run(self, seconds: float) -> Result:
        """Fuzz for this time. The run ends at most two minutes later, whatever the product does."""
        self._began = time.monotonic()
        self._until = self._began + seconds
        try:
            await within(seconds + LAST_LOOK_SECONDS + 2, "the run", self._run())
        except Fault as fault:
            self._found("run", fault, ())
        except Exception:
            self._found("run", Fault("fuzzer", traceback.format_exc()[-4000:]), ())
        finally:
            await asyncio.gather(*map(self._close, self._places.names))
            kill(processes_of(self._folder))
            self.result.slowest, self.result.unjudged = self._places.slowest, self._places.unjudged
            self.result.seconds = time.monotonic() - self._began
        return self.result

    def give_up(self, reason: str) -> None:
        """Record that the run did not end. May be called from another thread."""
        self.result.seconds = time.monotonic() - self._began
        self._found("run", Fault("stuck", reason), ())

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as beside:
            for target in [target for target in self._targets if target.background]:
                self._targets.remove(target)
                beside.create_task(self._beside(target))
            await self._cycles()
        for name in self._places.names:
            for fault in self._places.oracle(name).judge():
                self._found(name, fault, ())

    async def _beside(self, target: type[Target]) -> None:
        """Run a target for as long as the others take turns."""
        number = self._seed * SESSIONS
        while (left := self._until - time.monotonic()) > 0 and self._faults[target.name] < ENOUGH:
            await self._turn(target, number, left)
            number += 101

    async def _cycles(self) -> None:
        cycle = 0
        while (left := self._until - time.monotonic()) > 0 and self._targets:
            await self._cycle(cycle, self._turn_seconds(left))
            cycle += 1

    def _turn_seconds(self, left: float) -> float:
        """Return the seconds for a weight of one: a cycle takes a minute, or the time of a short run."""
        return min(60.0, left) / sum(target.weight for target in self._targets)

    async def _cycle(self, cycle: int, unit: float) -> None:
        """Give every target a turn. The first cycle is complete even if starting a target took longer than the run."""
        latest = self._until + (0 if cycle else LAST_SESSION_SECONDS / 2)
        for position, target in enumerate(list(self._targets)):
            if time.monotonic() > latest:
                break
            number = self._seed * SESSIONS + cycle * 101 + position
            await self._turn(target, number, max(0.2, unit * target.weight))
            if self._faults[target.name] >= ENOUGH and target in self._targets:
                self._print(f"{target.name}: left out after {ENOUGH} faults")
                self._targets.remove(target)
        names = {target.place for target in self._targets} & set(self._places.names)
        await asyncio.gather(*map(self._look_thoroughly, sorted(names)))

    async def _turn(self, target: type[Target], number: int, seconds: float) -> None:
        remembered: deque[bytes] = deque(maxlen=REMEMBERED)
        began = time.monotonic()
        try:
            await self._places.open(target.place)  # which also takes some seconds
            began = time.monotonic()
            until = began + seconds
            while time.monotonic() < until:
                if await self._visit(target, number, until, remembered):
                    break
                number += 7919
        except Fault as fault:  # the place can't be opened
            await self._fault(target, number, fault, remembered)
        self.result.spent[target.name] += time.monotonic() - began

    async def _visit(self, target: type[Target], number: int, until: float, remembered: deque[bytes]) -> bool:
        """Run one session. Return whether this target's turn is over. Raises Fault if there is no place for it."""
        place, oracle = await self._places.open(target.place)
        now = time.monotonic()
        longest = min(SESSION_SECONDS + STEP_SECONDS, self._until + LAST_SESSION_SECONDS - now)
        try:
            folder = Path(tempfile.mkdtemp(dir=self._folder))
            session = target(place, oracle, number, folder)
            work = self._in_session(session, oracle, min(until, now + SESSION_SECONDS), remembered)
            await within(max(1.0, longest), f"a session of {target.name}", work)
            oracle.quick()
            if not place.products:
                await no_process_is_left(folder)
            self._succeeded(target.name)
        except Fault as fault:
            return await self._fault(target, number, fault, remembered)
        except (Gone, OSError, TimeoutError, MobiFaiError) as error:
            return await self._trouble(target, number, error, oracle, remembered)
        except Exception:
            return await self._fault(target, number, Fault("fuzzer", traceback.format_exc()[-4000:]), remembered)
        return False

    async def _in_session(self, session: Target, oracle: Oracle, until: float, remembered: deque[bytes]) -> None:
        async with session:
            await self._session(session, oracle, until, remembered)
            oracle.quick()

    async def _session(self, session: Target, oracle: Oracle, until: float, remembered: deque[bytes]) -> None:
        name = session.name
        while True:
            batch = [session.make() for _ in range(session.batch)]
            _remember(remembered, batch)
            self.result.sent[name] += len(batch)
            handled = await session.deliver(batch)
            self.result.handled[name] += handled
            if handled:
                self._succeeded(name)
            oracle.quick()
            await self._keep_interesting(session, batch)
            if time.monotonic() > until:
                return

    async def _keep_interesting(self, session: Target, batch: list[bytes]) -> None:
        """Find the inputs of a batch with new kinds of answers, by sending them again one by one."""
        kept = self._kept.setdefault(session.name, Kept(session.name, self.findings_folder / "corpus"))
        new = kept.news(session.answers)
        for data in batch if new else ():
            session.answers.clear()
            await session.deliver([data])
            if session.answers & new:
                new -= session.answers
                kept.keep(data)

    async def _trouble(
        self, target: type[Target], number: int, error: Exception, oracle: Oracle, remembered: deque[bytes]
    ) -> bool:
        """Handle a session that ended early. The product may close single connections, but not all of them for long."""
        name, now = target.name, time.monotonic()
        self._troubles[name] += 1
        self.result.broken[name] += 1
        self.result.last_break[name] = repr(error)[:300]
        try:
            oracle.quick()
        except Fault as fault:
            return await self._fault(target, number, fault, remembered)
        times = self._troubles[name]
        if times < TROUBLES and now < self._last_success.setdefault(name, now) + TROUBLE_SECONDS:
            return False
        self._succeeded(name)
        stuck = Fault("stuck", f"{times} sessions in a row came to nothing; the last: {error!r}")
        return await self._fault(target, number, stuck, remembered)

    def _succeeded(self, name: str) -> None:
        """Start counting a target's failures."""
        self._troubles[name] = 0
        self._last_success[name] = time.monotonic()

    async def _look_thoroughly(self, name: str) -> None:
        longest = min(STEP_SECONDS, self._until + LAST_LOOK_SECONDS - time.monotonic())
        try:
            await within(max(1.0, longest), f"a look at the {name} place", self._places.oracle(name).thorough())
        except Fault as fault:
            self._found(f"{name} place", fault, ())
            await self._close(name)
        except Exception as error:
            self._found(f"{name} place", Fault("stuck", f"a look at the {name} place failed: {error!r}"), ())
            await self._close(name)

    async def _fault(self, target: type[Target], number: int, fault: Fault, remembered: deque[bytes]) -> bool:
        """Record a fault. Return whether this target's turn is over. A mere traceback does not end it."""
        self._found(target.name, fault, tuple(remembered), number)
        if fault.kind == "traceback":
            return False
        self._faults[target.name] += 1
        await self._close(target.place)
        return True

    async def _close(self, name: str) -> None:
        try:
            await self._places.close(name)
        except Fault as fault:
            self._found(f"{name} place", fault, ())
        except Exception as error:
            self._found(f"{name} place", Fault("fuzzer", f"the end of the {name} place failed: {error!r}"), ())

    def _found(self, target: str, fault: Fault, inputs: tuple[bytes, ...], number: int = 0) -> bool:
        """Store a fault, unless it is known already."""
        finding = Finding(target, number or self._seed, fault.kind, fault.detail, inputs)
        if finding.signature in {known.signature for known in self.result.findings}:
            return False
        self.result.findings.append(finding)
        self._print(report(finding, save(finding, self.findings_folder)))
        return True


def _remember(remembered: deque[bytes], batch: Iterable[bytes]) -> None:
    remembered.extend(batch)
    while sum(map(len, remembered)) > REMEMBERED_BYTES:
        remembered.popleft()
