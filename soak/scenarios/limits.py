"""The scenario `limits`: every limit at its capacity. Provocations fill the limits that ordinary use does not fill."""

import shutil
from pathlib import Path
from typing import ClassVar

from soak.provocations import provocations
from soak.provocations.provocation import Entries, Provocation, ProvocationEnvironment
from soak.scenarios import conversations, filling_limits, reconnects, terminals
from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.scenario import Scenario
from soak.scenarios.terminal_checks import CheckedTabs


class Limits(Scenario):
    """Runs all provocations once in the warm-up, then cycles of short provocations and ordinary terminals."""

    name = "limits"
    summary = "every limit at its capacity: connection storms, phones that read nothing, huge answers of a model"
    block: ClassVar[tuple[str, ...]] = (*("type",) * 2, "commands", "strangers", "deaf device", "early candidates")

    def __init__(self) -> None:
        self._talks = conversations.Conversations()
        self._folder = Path()

    def serve_options(self, directory: Path) -> list[str]:
        """Return the options of the scenario `conversations`, which select a scripted model."""
        self._folder = directory
        return self._talks.serve_options(directory)

    def settings(self) -> str:
        """Return the settings of the scenario `conversations`."""
        return self._talks.settings()

    async def setup(self, context: ScenarioContext) -> None:
        """Connect no phone, because each cycle connects its own."""
        self.tabs = CheckedTabs(context)

    async def action(self, context: ScenarioContext, kind: str) -> None:
        """Run one cycle: a short provocation, or a phone that uses a terminal."""
        match kind:
            case "type":
                phone = await reconnects.arrive(self.tabs)
                await terminals.type_and_close(self.tabs, phone)
                await reconnects.depart(self.tabs, phone)
            case "commands":
                await filling_limits.fill_commands(context)
            case "strangers":
                await filling_limits.fill_unsigned(context)
            case _:
                await self._run(context, next(one for one in provocations() if one.name == kind))

    async def fill(self, context: ScenarioContext) -> None:
        """Run every provocation that works on this system."""
        for one in provocations():
            if one.possible:
                await self._run(context, one)

    async def _run(self, context: ScenarioContext, one: Provocation) -> None:
        folder = self._folder / "provocation"
        folder.mkdir()

        def record(entries: Entries) -> None:
            context.other_ledgers = [*context.other_ledgers, *map(dict, entries)]

        place = ProvocationEnvironment(context, self.tabs, self._talks.script, folder, record=record)
        try:
            await one.run(place)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def back(self, context: ScenarioContext) -> None:
        """Disconnect all phones. No cycle leaves a terminal open."""
        await visits.everybody_leaves(context)
