"""The base class of scenarios. The runner calls `setup`, `action` and `back`, in this order.

A block is one `setup`, one `action` for each of its cycles, and one `back`. Everything is counted after each block.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from random import Random
from typing import ClassVar, Literal

from soak.scenarios.context import ScenarioContext


class Scenario(ABC):
    """One way to use an agent. `back` must release everything that `setup` and `action` created.

    `block` lists the kinds of the cycles of one block. Every block has the same kinds, in an order that depends on the
    seed, so that blocks can be compared. `relay` selects the agent's own relay, a separate process, or a separate
    process that cycles restart. A relay that is restarted is not counted from inside.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    relay: ClassVar[Literal["own", "separate", "restarted"]] = "own"
    block: ClassVar[tuple[str, ...]]
    once: ClassVar[frozenset[str]] = frozenset()
    """Costly kinds, which a block has only once even if it is several times as long."""

    def plan(self, random: Random, part: int = 0) -> list[str]:
        """Return the kinds of the next cycles, in random order.

        A block that is several times as long as usual has several parts, which `part` counts from 0. Only the first
        part contains the kinds in `once`.
        """
        kinds = [kind for kind in self.block if not part or kind not in self.once]
        return random.sample(kinds, len(kinds))

    def serve_options(self, directory: Path) -> list[str]:
        """Return options for `mobifai serve`, by default none. `directory` exists and belongs to the scenario."""
        return []

    def settings(self) -> str:
        """Return the agent's settings file as TOML, by default empty."""
        return ""

    @abstractmethod
    async def setup(self, context: ScenarioContext) -> None:
        """Prepare a block: connect phones and open what its cycles use."""

    async def fill(self, context: ScenarioContext) -> None:  # noqa: B027 - not every scenario has something to fill
        """Drive limits to their capacity. Called in the warm-up, between `setup` and `back`. By default, fill none."""

    @abstractmethod
    async def action(self, context: ScenarioContext, kind: str) -> None:
        """Run one cycle. Raises PhoneError, and IntegrityError if bytes are lost, duplicated or reordered."""

    @abstractmethod
    async def back(self, context: ScenarioContext) -> None:
        """Release everything. Afterwards no phone is connected and no terminal is open."""
