"""Runs the targets in turn, for a time, and looks after each turn whether all is well.

Owns the places while it runs. A fault is written down with the inputs before it, the place is opened anew, and the run
goes on. With the same seed, each session makes the same inputs; what the machine makes of their timing is its own.
"""

import asyncio
import tempfile
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from mobifai.errors import MobiFaiError
from tests.fuzz.corpus import Kept
from tests.fuzz.findings import FOLDER, Finding, report, save
from tests.fuzz.oracle import Fault, Oracle
from tests.fuzz.phone import Gone
from tests.fuzz.place import PLACES, Place
from tests.fuzz.source import SESSIONS
from tests.fuzz.target import Target

REMEMBERED = 2048
"""Inputs that are kept for the case that something happens."""
REMEMBERED_BYTES = 8 << 20
SESSION_SECONDS = 30.0
ENOUGH = 3
"""Faults of one target, after which it is left out: the rest of the run is for the others."""
TROUBLES = 30
"""Sessions in a row that came to nothing: then the product lets nobody in, which is a fault too."""


@dataclass
class Result:
    """What a run did."""

    seconds: float = 0.0
    handled: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    spent: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    """Sessions that broke off: the product hung up, or let nobody in."""
    last_break: dict[str, str] = field(default_factory=dict)
    slowest: float = 0.0
    unjudged: int = 0
    findings: list[Finding] = field(default_factory=list)


class Engine:
    """One run. `targets` take turns; `say` prints."""

    def __init__(
        self, targets: Sequence[type[Target]], seed: int, folder: Path, show: Callable[[str], None] = print
    ) -> None:
        self.result = Result()
        self.findings_folder = FOLDER
        self._targets = list(targets)
        self._seed = seed
        self._folder = folder
        self._print = show
        self._places: dict[str, tuple[Place, Oracle, AsyncExitStack]] = {}
        self._opened = 0
        self._faults: Counter[str] = Counter()
        self._troubles = 0
        self._kept: dict[str, Kept] = {}

    async def run(self, seconds: float) -> Result:
        """Fuzz for so long."""
        began = time.monotonic()
        try:
            async with asyncio.TaskGroup() as beside:
                for target in [target for target in self._targets if target.background]:
                    self._targets.remove(target)
                    beside.create_task(self._turn(target, self._seed * SESSIONS, seconds))
                await self._cycles(began + seconds)
            for name, (_, oracle, _) in self._places.items():
                for fault in oracle.judge():
                    self._found(name, fault, ())
        finally:
            for name in list(self._places):
                await self._close(name)
        self.result.seconds = time.monotonic() - began
        return self.result

    async def _cycles(self, until: float) -> None:
        cycle = 0
        while (left := until - time.monotonic()) > 0 and self._targets:
            await self._cycle(cycle, self._turn_seconds(left))
            cycle += 1

    def _turn_seconds(self, left: float) -> float:
        """Seconds for a weight of one: a cycle takes a minute, in short runs what there is."""
        return min(60.0, left) / sum(target.weight for target in self._targets)

    async def _cycle(self, cycle: int, unit: float) -> None:
        for position, target in enumerate(list(self._targets)):
            number = self._seed * SESSIONS + cycle * 101 + position
            await self._turn(target, number, max(0.2, unit * target.weight))
            if self._faults[target.name] >= ENOUGH and target in self._targets:
                self._print(f"{target.name}: left out after {ENOUGH} faults")
                self._targets.remove(target)
        for name in {target.place for target in self._targets} & set(self._places):
            await self._look_thoroughly(name)

    async def _turn(self, target: type[Target], number: int, seconds: float) -> None:
        await self._place(target.place)  # which takes some seconds of its own
        began = time.monotonic()
        until = began + seconds
        remembered: deque[bytes] = deque(maxlen=REMEMBERED)
        while time.monotonic() < until:
            try:
                place, oracle = await self._place(target.place)
                folder = Path(tempfile.mkdtemp(dir=self._folder))
                async with target(place, oracle, number, folder) as session:
                    await self._session(session, oracle, min(until, time.monotonic() + SESSION_SECONDS), remembered)
                    oracle.quick()
                oracle.quick()
                self._troubles = 0
            except Fault as fault:
                if await self._fault(target, number, fault, remembered):
                    break
            except (Gone, OSError, TimeoutError, MobiFaiError) as error:
                await self._trouble(target, number, error, remembered)
            number += 7919
        self.result.spent[target.name] += time.monotonic() - began

    async def _session(self, session: Target, oracle: Oracle, until: float, remembered: deque[bytes]) -> None:
        name = session.name
        while True:
            batch = [session.make() for _ in range(session.batch)]
            _remember(remembered, batch)
            self.result.sent[name] += len(batch)
            self.result.handled[name] += await session.deliver(batch)
            oracle.quick()
            await self._keep_interesting(session, batch)
            if time.monotonic() > until:
                return

    async def _keep_interesting(self, session: Target, batch: list[bytes]) -> None:
        """Find out which inputs of a batch were answered as none before: they are sent again, one by one."""
        kept = self._kept.setdefault(session.name, Kept(session.name, self.findings_folder / "corpus"))
        new = kept.news(session.answers)
        for data in batch if new else ():
            session.answers.clear()
            await session.deliver([data])
            if session.answers & new:
                new -= session.answers
                kept.keep(data)

    async def _trouble(self, target: type[Target], number: int, error: Exception, remembered: deque[bytes]) -> None:
        """A session that broke off: the product may hang up on whom it likes, but not on everybody for long."""
        self._troubles += 1
        self.result.broken[target.name] += 1
        self.result.last_break[target.name] = repr(error)[:300]
        _, oracle = await self._place(target.place)
        try:
            oracle.quick()
        except Fault as fault:
            await self._fault(target, number, fault, remembered)
        if self._troubles >= TROUBLES:
            self._troubles = 0
            stuck = Fault("stuck", f"{TROUBLES} sessions in a row came to nothing; the last: {error!r}")
            await self._fault(target, number, stuck, remembered)

    async def _look_thoroughly(self, name: str) -> None:
        place, oracle, _ = self._places[name]
        try:
            await oracle.thorough()
        except Fault as fault:
            self._found(f"{name} place", fault, ())
            await self._close(name)
        except (MobiFaiError, OSError, TimeoutError) as error:
            self._found(f"{name} place", Fault("stuck", f"a look at {place.name} failed: {error!r}"), ())
            await self._close(name)

    async def _fault(self, target: type[Target], number: int, fault: Fault, remembered: deque[bytes]) -> bool:
        """Note a fault; whether this target's turn is over. After a mere traceback everything goes on."""
        is_new = self._found(target.name, fault, tuple(remembered), number)
        if fault.kind == "traceback":
            return False
        self._faults[target.name] += is_new
        await self._close(target.place)
        return True

    def _found(self, target: str, fault: Fault, inputs: tuple[bytes, ...], number: int = 0) -> bool:
        """Write a fault down, unless it is known already."""
        finding = Finding(target, number or self._seed, fault.kind, fault.detail, inputs)
        if finding.signature in {known.signature for known in self.result.findings}:
            return False
        self.result.findings.append(finding)
        self._print(report(finding, save(finding, self.findings_folder)))
        return True

    # -- places

    async def _place(self, name: str) -> tuple[Place, Oracle]:
        if name not in self._places:
            self._opened += 1
            scope = AsyncExitStack()
            try:
                place = await scope.enter_async_context(PLACES[name](self._folder / f"{name}-{self._opened}"))
                oracle = await scope.enter_async_context(Oracle(place))
            except BaseException:
                await scope.aclose()
                raise
            self._places[name] = (place, oracle, scope)
        place, oracle, _ = self._places[name]
        return place, oracle

    async def _close(self, name: str) -> None:
        if name in self._places:
            _, oracle, scope = self._places.pop(name)
            self.result.slowest = max(self.result.slowest, oracle.slowest)
            self.result.unjudged += oracle.unjudged
            await scope.aclose()


def _remember(remembered: deque[bytes], batch: Iterable[bytes]) -> None:
    remembered.extend(batch)
    while sum(map(len, remembered)) > REMEMBERED_BYTES:
        remembered.popleft()
