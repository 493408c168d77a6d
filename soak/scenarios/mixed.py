"""The scenario `mixed`: cycles of `terminals`, `reconnects` and `conversations` in any order.

Half of them are cycles of `reconnects`.
"""

from pathlib import Path
from typing import ClassVar

from soak.scenarios import conversations, filling_limits, reconnects, terminals
from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.conversation_steps import ModelScript
from soak.scenarios.filling_conversations import fill_conversations
from soak.scenarios.scenario import Scenario
from soak.scenarios.terminal_checks import CheckedTabs


class Mixed(Scenario):
    """Cycles of several scenarios, on the agent's own relay. In each cycle, a phone connects and leaves."""

    name = "mixed"
    summary = "cycles of terminals, reconnects and conversations in any order, on the agent's own relay"
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
        """Return the options of the scenario `conversations`, which select a scripted model."""
        return self._talks.serve_options(directory)

    def settings(self) -> str:
        """Return the settings of the scenario `conversations`."""
        return self._talks.settings()

    @property
    def script(self) -> ModelScript:
        """The file with the answers of the scripted model. Raises AttributeError before `serve_options`."""
        return self._talks.script

    async def setup(self, context: ScenarioContext) -> None:
        """Connect a phone, open a terminal, and disconnect the phone. The terminal stays open for the whole block."""
        self.tabs = CheckedTabs(context)
        phone = await reconnects.arrive(self.tabs)
        self.uuid = await self.tabs.open(phone)
        await reconnects.depart(self.tabs, phone)

    async def action(self, context: ScenarioContext, kind: str) -> None:
        """Run one cycle of another scenario. The cycle begins and ends without a phone."""
        if kind in reconnects.ACTIONS:
            await reconnects.ACTIONS[kind](self.tabs, self.uuid)
            return
        family, _, name = kind.partition(": ")
        phone = await reconnects.arrive(self.tabs)
        await self.tabs.settled(phone, self.uuid)
        if family == "terminals":
            await terminals.ACTIONS[name](self.tabs, phone)
        else:
            uuid = await self.tabs.open(phone)  # its screen, which the model gets in every turn, is small
            await conversations.ACTIONS[name](self.tabs, self.script, uuid)
            await self.tabs.leave(phone, uuid)
        await phone.switch(self.uuid)  # until here, only the cycle's own terminal was active
        await self.tabs.settled(phone, self.uuid)
        await reconnects.depart(self.tabs, phone)

    async def fill(self, context: ScenarioContext) -> None:
        """Fill the limits of terminals, conversations and the agent's own relay."""
        phone = await reconnects.arrive(self.tabs)
        await fill_conversations(self.tabs, self.script, self.uuid)
        await filling_limits.fill_backlog(self.tabs, phone)
        await filling_limits.fill_commands(context)
        await filling_limits.fill_unsigned(context)
        await self.tabs.kill_all(phone)
        await terminals.fill_terminals(self.tabs, phone)

    async def back(self, context: ScenarioContext) -> None:
        """Close the terminal, with a new phone if none is connected, and disconnect the phone."""
        phone = context.phones[0] if context.phones else await reconnects.arrive(self.tabs)
        await self.tabs.kill_all(phone)
        await visits.everybody_leaves(context)
