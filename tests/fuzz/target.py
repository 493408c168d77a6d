"""Targets: a boundary of the product, and how an input gets there.

To add one, make a class from `Target` in `tests/fuzz/targets` and list it in `tests.fuzz.targets.TARGETS`.
"""

from abc import ABC, abstractmethod
from contextlib import AsyncExitStack
from pathlib import Path
from typing import ClassVar, Self

from tests.fuzz.oracle import Oracle
from tests.fuzz.payloads import Tables
from tests.fuzz.place import Place
from tests.fuzz.source import Source


class Target(ABC):
    """One session at a boundary. `async with` opens what it needs, and leaves nothing at the end.

    `place` names the processes that it needs, `weight` its share of the time, `batch` the number of inputs in one send.
    """

    name: ClassVar[str]
    boundary: ClassVar[str]
    """Which way an input goes, in words, for the report."""
    place: ClassVar[str] = "own"
    weight: ClassVar[float] = 1.0
    batch: ClassVar[int] = 64
    tables: ClassVar[Tables] = ()
    background: ClassVar[bool] = False
    """It takes no turns, but runs beside the others: for what waits more than it works."""

    def __init__(self, place: Place, oracle: Oracle, number: int, folder: Path) -> None:
        self.here = place
        self.oracle = oracle
        self.folder = folder
        self.source = Source(self.name, number, self.tables)
        self.random = self.source.random
        self.scope = AsyncExitStack()
        self.answers: set[str] = set()
        """The kinds of answers that came, where a target looks at them (see `corpus`)."""

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.scope.aclose()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.scope.aclose()

    async def open(self) -> None:  # noqa: B027 - most have nothing to open
        """Open what the session needs; `scope` closes it."""

    def stranger(self) -> str:
        """An address of this machine that strangers come from: a limit for one address is not to end the run."""
        return f"127.0.1.{self.random.randrange(1, 255)}"

    @abstractmethod
    def make(self) -> bytes:
        """The next input."""

    @abstractmethod
    async def deliver(self, batch: list[bytes]) -> int:
        """Send inputs; how many of them were certainly read by the other side.

        Raises Fault for what the other side must not do; that it hangs up is its right.
        """
