"""The places of a run.

They are opened at their first use, and closed after a fault or at the end, within a time limit.
"""

from contextlib import AsyncExitStack
from pathlib import Path

from tests.fuzz.bounded import kill, no_process_is_left, processes_of, within
from tests.fuzz.oracle import Fault, Oracle
from tests.fuzz.place import PLACES, Place

OPEN_SECONDS = 90.0
CLOSE_SECONDS = 20.0


class Places:
    """Owns the places of a run, with their files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, tuple[Place, Oracle, AsyncExitStack, Path]] = {}
        self._opened = 0
        self.slowest = 0.0
        self.unjudged = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Return the open places."""
        return tuple(self._open)

    def oracle(self, name: str) -> Oracle:
        """Return the oracle of an open place."""
        return self._open[name][1]

    async def open(self, name: str) -> tuple[Place, Oracle]:
        """Return a place, and open it if necessary. Raises Fault if it can't be opened in time."""
        if name not in self._open:
            self._opened += 1
            folder = self._folder / f"{name}-{self._opened}"
            try:
                await within(OPEN_SECONDS, f"the start of the {name} place", self._start(name, folder))
            except Exception as error:
                raise Fault("stuck", f"the {name} place did not start: {error!r}") from error
            finally:
                if name not in self._open:
                    kill(processes_of(folder))
        place, oracle, _, _ = self._open[name]
        return place, oracle

    async def _start(self, name: str, folder: Path) -> None:
        scope = AsyncExitStack()
        try:
            place = await scope.enter_async_context(PLACES[name](folder))
            oracle = await scope.enter_async_context(Oracle(place))
        except BaseException:
            await scope.aclose()
            raise
        self._open[name] = (place, oracle, scope, folder)

    async def close(self, name: str) -> None:
        """Close a place if it is open, and end its processes. Raises Fault if they do not end in time."""
        if name not in self._open:
            return
        _, oracle, scope, folder = self._open.pop(name)
        self.slowest = max(self.slowest, oracle.slowest)
        self.unjudged += oracle.unjudged
        try:
            await within(CLOSE_SECONDS, f"the end of the {name} place", scope.aclose())
            await no_process_is_left(folder)
        finally:
            kill(processes_of(folder))
