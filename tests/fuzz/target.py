"""Targets: each is a boundary of the product, with a way to send inputs to it.

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
    """One session at a boundary. `async with` opens its resources, and closes them at the end.

    `place` names the processes that it needs, `weight` its share of the time, `batch` the number of inputs in one send.
    """

    name: ClassVar[str]
    boundary: ClassVar[str]
    """A description of the input's path, for the report."""
    place: ClassVar[str] = "own"
    weight: ClassVar[float] = 1.0
    batch: ClassVar[int] = 64
    tables: ClassVar[Tables] = ()
    background: ClassVar[bool] = False
    """Whether it runs beside the others instead of taking turns, because it mostly waits."""

    def __init__(self, place: Place, oracle: Oracle, number: int, folder: Path) -> None:
        self.here = place
        self.oracle = oracle
        self.folder = folder
        self.source = Source(self.name, number, self.tables)
        self.random = self.source.random
        self.scope = AsyncExitStack()
        self.answers: set[str] = set()
        """The kinds of answers, if the target classifies them (see `corpus`)."""

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
        """Open the session's resources, which `scope` closes."""

    def stranger(self) -> str:
        """Return a changing address of this machine, so that a limit for one address does not end the run."""
        return f"127.0.1.{self.random.randrange(1, 255)}"

    @abstractmethod
    def make(self) -> bytes:
        """Return the next input."""

    @abstractmethod
    async def deliver(self, batch: list[bytes]) -> int:
        """Send inputs. Return how many of them the peer has certainly read.

        Raises Fault for forbidden behaviour of the peer. Closing the connection is allowed.
        """
