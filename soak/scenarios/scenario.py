"""What a scenario is: setup, action, back. The runner drives it, the sentinels look at what it leaves.

A new scenario is one small file in `soak/scenarios`, named by its class' `name`.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from random import Random
from typing import ClassVar, Literal

from soak.scenarios.context import ScenarioContext


class Scenario(ABC):
    """One way to use an agent. It keeps nothing but what `back` gives up again.

    `block` lists the kinds of one block's cycles. Every block has the same kinds, in an order that the seed decides, so
    that blocks can be compared. `relay`: the agent's own relay, or one that is a process apart; `restarted`: the cycles
    restart that one, so that it is counted from outside only.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    relay: ClassVar[Literal["own", "apart", "restarted"]] = "own"
    block: ClassVar[tuple[str, ...]]
    once: ClassVar[frozenset[str]] = frozenset()
    """Kinds that are costly: a block has them once, also when it is several times as long."""

    def plan(self, random: Random, part: int = 0) -> list[str]:
        """The kinds of the next cycles: of a block's first part, or of a later one."""
        kinds = [kind for kind in self.block if not part or kind not in self.once]
        return random.sample(kinds, len(kinds))

    def serve_options(self, directory: Path) -> list[str]:
        """Options of `mobifai serve`, by default none. `directory` exists, and is the scenario's own."""
        return []

    def settings(self) -> str:
        """The settings file that the agent is given, as TOML. By default: empty."""
        return ""

    @abstractmethod
    async def setup(self, context: ScenarioContext) -> None:
        """Get ready for a block: connect phones, open what the cycles use."""

    async def fill(self, context: ScenarioContext) -> None:  # noqa: B027 - not every scenario has something to fill
        """Drive bounds to their capacity, between `setup` and `back`, as a part of the warm-up. By default: none."""

    @abstractmethod
    async def action(self, context: ScenarioContext, kind: str) -> None:
        """One cycle. Raises IntegrityError for a byte that is lost, doubled or out of order; PhoneError."""

    @abstractmethod
    async def back(self, context: ScenarioContext) -> None:
        """Give up everything: afterwards no phone is there and no terminal is open."""
