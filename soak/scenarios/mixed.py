"""A bit of everything, in any order: half of it reconnects, beside terminals and conversations."""

from pathlib import Path
from typing import ClassVar

from soak.scenarios import conversations, filling_limits, reconnects, terminals
from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.scenario import Scenario
from soak.scenarios.terminal_checks import CheckedTabs


class Mixed(Scenario):
    """All kinds of cycles, on the agent's own relay. A phone comes for each and goes again."""

    name = "mixed"
    summary = "all kinds of cycles in any order, on the agent's own relay, half of them reconnects"
    block: ClassVar[tuple[str, ...]] = (
        *("polite relay",) * 2,
        *("vanish relay",) * 2,
        "half-open relay",
        "polite channel",
        "vanish channel",
        "channel to relay",
        "relay to channel",
        "second phone",
        *(f"terminals: {kind}" for kind in ("type", "flood", "resize", "switch", "kill", "refused")),
        *(f"conversations: {kind}" for kind in ("short", "long", "cancel", "leave")),
    )

    def __init__(self) -> None:
        self._talks = conversations.Conversations()

    def serve_options(self, directory: Path) -> list[str]:
        """A scripted model."""
        return self._talks.serve_options(directory)

    def settings(self) -> str:
        """As for conversations."""
        return self._talks.settings()

    @property
    def script(self) -> conversations.ModelScript:
        """What the model answers. Raises AttributeError before `serve_options`."""
        return self._talks.script

    async def setup(self, context: ScenarioContext) -> None:
        """One terminal that stays, opened by a phone that goes again."""
        self.tabs = CheckedTabs(context)
        phone = await reconnects.arrive(self.tabs)
        self.uuid = await self.tabs.open(phone)
        await reconnects.depart(self.tabs, phone)

    async def action(self, context: ScenarioContext, kind: str) -> None:
        """One cycle."""
        if kind in reconnects.ACTIONS:
            await reconnects.ACTIONS[kind](self.tabs, self.uuid)
            return
        family, _, name = kind.partition(": ")
        phone = await reconnects.arrive(self.tabs)
        await self.tabs.settled(phone, self.uuid)
        if family == "terminals":
            await terminals.ACTIONS[name](self.tabs, phone)
        else:
            uuid = await self.tabs.open(phone)  # with a small screen: the model is shown all of it in every turn
            await conversations.ACTIONS[name](self.tabs, self.script, uuid)
            await self.tabs.leave(phone, uuid)
        await phone.switch(self.uuid)  # what was made meanwhile was the only active one
        await self.tabs.settled(phone, self.uuid)
        await reconnects.depart(self.tabs, phone)

    async def fill(self, context: ScenarioContext) -> None:
        """What every one of them fills, and what an own relay has."""
        phone = await reconnects.arrive(self.tabs)
        await conversations.fill_conversations(self.tabs, self.script, self.uuid)
        await filling_limits.fill_backlog(self.tabs, phone)
        await filling_limits.fill_commands(context)
        await filling_limits.fill_unsigned(context)
        await self.tabs.kill_all(phone)
        await terminals.fill_terminals(self.tabs, phone)

    async def back(self, context: ScenarioContext) -> None:
        """End the terminal, and leave."""
        phone = context.phones[0] if context.phones else await reconnects.arrive(self.tabs)
        await self.tabs.kill_all(phone)
        await visits.everybody_leaves(context)
