"""Sends the inputs of a finding again, in a separate place, and reduces them while the fault still occurs."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mobifai.errors import MobiFaiError
from tests.fuzz.bounded import kill, processes_of, within
from tests.fuzz.engine import STEP_SECONDS
from tests.fuzz.findings import Finding
from tests.fuzz.oracle import Fault
from tests.fuzz.phone import Gone
from tests.fuzz.places import Places
from tests.fuzz.target import Target

TRIES = 40
"""The most places that are opened to reduce the inputs."""


async def replay(target: type[Target], finding: Finding, folder: Path) -> Fault | None:
    """Return the fault that these inputs cause, if any, and print the finding with the fewest inputs."""
    trial = _Trial(target, finding.seed, folder)
    fault = await trial.send(finding.inputs)
    if fault is None:
        return None
    inputs = await trial.fewest(finding.inputs, fault.kind)
    print(f"{len(inputs)} of {len(finding.inputs)} inputs are enough:")
    for data in inputs[:20]:
        print(f"  {data[:2000]!r}")
    return fault


class _Trial:
    def __init__(self, target: type[Target], number: int, folder: Path) -> None:
        self._target = target
        self._number = number
        self._folder = folder
        self._opened = 0

    async def send(self, inputs: Sequence[bytes]) -> Fault | None:
        """Send inputs to a fresh product, in small batches."""
        self._opened += 1
        folder = self._folder / str(self._opened)
        folder.mkdir()
        places = Places(folder)
        try:
            place, oracle = await places.open(self._target.place)
            await self._deliver(self._target(place, oracle, self._number, folder), inputs)
            await within(STEP_SECONDS, "a look at the place", oracle.thorough())
            await places.close(self._target.place)
        except Fault as fault:
            return fault
        finally:
            with suppress(Fault):
                await places.close(self._target.place)
            kill(processes_of(folder))
        return None

    async def _deliver(self, session: Target, inputs: Sequence[bytes]) -> None:
        await within(STEP_SECONDS, "the start of a session", session.__aenter__())
        try:
            for at in range(0, len(inputs), session.batch):
                with suppress(Gone, OSError, MobiFaiError, TimeoutError):
                    batch = list(inputs[at : at + session.batch])
                    await within(STEP_SECONDS, "a batch", session.deliver(batch))
                session.oracle.quick()
        finally:
            await within(STEP_SECONDS, "the end of a session", session.__aexit__())

    async def fewest(self, inputs: Sequence[bytes], kind: str) -> Sequence[bytes]:
        """Remove parts, larger ones first, while the same kind of fault occurs."""
        part = max(1, len(inputs) // 2)
        while self._opened < TRIES:
            for at in range(0, len(inputs), part):
                fewer = [*inputs[:at], *inputs[at + part :]]
                if (
                    fewer
                    and self._opened < TRIES
                    and (fault := await self.send(fewer)) is not None
                    and fault.kind == kind
                ):
                    inputs = fewer
                    break
            else:
                if part == 1:
                    break
                part = max(1, part // 2)
        return inputs
