"""Every limit of the product at its capacity: provocations fill what the use of the other scenarios does not."""

import shutil
from pathlib import Path
from typing import ClassVar

from soak.provocations import provocations
from soak.provocations.provocation import Entries, Provocation, ProvocationContext
from soak.scenarios import conversations, filling_limits, reconnects, terminals
from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.scenario import Scenario
from soak.scenarios.terminal_checks import CheckedTabs


class Limits(Scenario):
    """All provocations once in the warm-up; then short ones, beside a terminal that is used."""

    name = "limits"
    summary = "what fills every limit: storms of strangers, phones that read nothing, a model that answers hugely"
    block: ClassVar[tuple[str, ...]] = (*("type",) * 2, "commands", "strangers", "deaf device", "early candidates")

    def __init__(self) -> None:
        self._talks = conversations.Conversations()
        self._folder = Path()

    def serve_options(self, directory: Path) -> list[str]:
        """A scripted model."""
        self._folder = directory
        return self._talks.serve_options(directory)

    def settings(self) -> str:
        """As for conversations."""
        return self._talks.settings()

    async def setup(self, world: ScenarioContext) -> None:
        """Nothing: each cycle brings its own phones."""
        self.desk = CheckedTabs(world)

    async def action(self, world: ScenarioContext, kind: str) -> None:
        """One cycle."""
        match kind:
            case "type":
                phone = await reconnects.arrive(self.desk)
                await terminals.type_and_close(self.desk, phone)
                await reconnects.depart(self.desk, phone)
            case "commands":
                await filling_limits.fill_commands(world)
            case "strangers":
                await filling_limits.fill_unsigned(world)
            case _:
                await self._run(world, next(one for one in provocations() if one.name == kind))

    async def fill(self, world: ScenarioContext) -> None:
        """Run every provocation that this system can have."""
        for one in provocations():
            if one.possible:
                await self._run(world, one)

    async def _run(self, world: ScenarioContext, one: Provocation) -> None:
        folder = self._folder / "provocation"
        folder.mkdir()

        def record(entries: Entries) -> None:
            world.elsewhere = [*world.elsewhere, *map(dict, entries)]

        place = ProvocationContext(world, self.desk, self._talks.script, folder, record=record)
        try:
            await one.run(place)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def back(self, world: ScenarioContext) -> None:
        """Nothing stays open after a cycle."""
        await visits.everybody_leaves(world)
