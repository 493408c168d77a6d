"""Conversations with the assistant, whose model answers from a script.

The agent reads the script at the start of each conversation, so each kind of cycle writes its own script first. The
model types only `say ...`. `CheckedTabs` expects the output of the command when the agent reports the action.
"""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import ClassVar

from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.conversation_steps import (
    LOOK,
    PROMPT,
    TELL,
    WAIT,
    ModelScript,
    ask,
    failed,
    finished,
    long,
    reported,
    types,
)
from soak.scenarios.filling_conversations import fill_conversations
from soak.scenarios.scenario import Scenario
from soak.scenarios.terminal_checks import CheckedTabs


class Conversations(Scenario):
    """Long and short conversations, errors and cancellations, through the relay."""

    name = "conversations"
    summary = "prompts, long conversations, errors, cancellations, and phones that leave"
    block: ClassVar[tuple[str, ...]] = (
        *("short",) * 5,
        *("typing",) * 3,
        *("long",) * 2,
        *("cancel",) * 2,
        *("two conversations",) * 2,
        *("leave",) * 2,
        "misunderstood",
        "closed",
        "busy",
        "unknown terminal",
    )

    def serve_options(self, directory: Path) -> list[str]:
        """Write the first answers of the scripted model to a file, and return the options for the agent to use it."""
        self.script = ModelScript(directory / "script.json")
        self.script.write([TELL])
        return ["--model", f"scripted:{directory / 'script.json'}"]

    def settings(self) -> str:
        """Return settings with which the agent does not wait for a quiet screen or for a user's approval."""
        return '[assistant]\nquiet_seconds = 0.0\napprovals = "never"\n'

    async def setup(self, context: ScenarioContext) -> None:
        """Connect one phone through the relay, and open one terminal."""
        self.tabs = CheckedTabs(context)
        phone = await visits.new_phone(self.tabs, webrtc=False)
        await visits.arrive(context, phone)
        self.uuid = await self.tabs.open(phone)

    async def action(self, context: ScenarioContext, kind: str) -> None:
        """Run one cycle of the kind `kind` in the open terminal. Each has at least one prompt."""
        await ACTIONS[kind](self.tabs, self.script, self.uuid)

    async def fill(self, context: ScenarioContext) -> None:
        """Fill the limits on conversations."""
        await fill_conversations(self.tabs, self.script, self.uuid)

    async def back(self, context: ScenarioContext) -> None:
        """Close the terminal and disconnect the phone."""
        await self.tabs.kill_all(context.phones[0])
        await visits.everybody_leaves(context)


# -- kinds of cycles


async def short(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Hold a conversation in which the model gives a single answer."""
    script.write([types("one é€😀"), TELL])
    await ask(tabs, uuid)
    await finished(tabs, uuid)


async def typing(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Hold a conversation of several turns with several actions each."""
    lines = [types(f"{number} é€😀" * 10) for number in range(5)]
    script.write([*lines, LOOK], "first I think", [*lines, {**LOOK, "start": 0, "end": 200}], [*lines, TELL])
    await ask(tabs, uuid)
    await finished(tabs, uuid)


async def cancel(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Cancel a conversation. Then cancel again although no conversation is running."""
    phone = tabs.context.phones[0]
    script.write([types("and then"), WAIT])
    await ask(tabs, uuid)
    await phone.send("ai:cancel", {"uuid": uuid})
    await finished(tabs, uuid)
    await phone.send("ai:cancel", {"uuid": uuid})
    await failed(tabs, uuid, "is not working in this terminal")


async def two_conversations(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Hold two conversations at the same time, in two terminals."""
    phone = tabs.context.phones[0]
    other = await tabs.open(phone)
    await phone.switch(uuid, other)
    script.write([types("both é€😀"), {"type": "delay", "ms": 5}, LOOK], [types("of us"), TELL])
    for one in (uuid, other):
        await phone.send("ai:prompt", {"uuid": one, "prompt": PROMPT})
    for one in (uuid, other):
        await finished(tabs, one)
    await tabs.leave(phone, other)


async def leave(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Disconnect the phone during a conversation, and connect it again."""
    phone = tabs.context.phones[0]
    script.write([WAIT])
    await ask(tabs, uuid)
    await (phone.vanish() if tabs.context.random.random() < 0.5 else phone.leave())
    await visits.arrive(tabs.context, phone)
    await tabs.settled(phone, uuid)
    await phone.send("ai:cancel", {"uuid": uuid})  # the conversation continued without the phone
    await finished(tabs, uuid)
    await short(tabs, script, uuid)


async def misunderstood(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Hold a conversation with a model whose answers contain no actions."""
    script.write("I can't")
    await ask(tabs, uuid)
    await failed(tabs, uuid, "answered twice in a row without an action")


async def closed(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Open a second terminal, and close it during the conversation in it."""
    phone = tabs.context.phones[0]
    other = await tabs.open(phone)
    script.write([WAIT])
    await ask(tabs, other)
    await tabs.kill(phone, other)
    await reported(phone, "ai:error", other)
    await phone.switch(uuid)
    await tabs.settled(phone, uuid)


async def busy(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Send a second prompt during a conversation. The agent refuses it. Then cancel the conversation."""
    phone = tabs.context.phones[0]
    script.write([WAIT])
    await ask(tabs, uuid)
    await phone.send("ai:prompt", {"uuid": uuid, "prompt": PROMPT})
    await failed(tabs, uuid, "already working in this terminal")
    await phone.send("ai:cancel", {})
    await finished(tabs, uuid)


async def unknown_terminal(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Send a prompt for a terminal that does not exist, while no terminal is active."""
    phone, gone = tabs.context.phones[0], visits.device_id(1000)
    await phone.switch()
    await phone.send("ai:prompt", {"uuid": gone, "prompt": PROMPT})
    await reported(phone, "ai:error", gone)
    await phone.switch(uuid)
    await tabs.settled(phone, uuid)


ACTIONS: Mapping[str, Callable[[CheckedTabs, ModelScript, str], Awaitable[None]]] = {
    "short": short,
    "typing": typing,
    "long": long,
    "cancel": cancel,
    "two conversations": two_conversations,
    "leave": leave,
    "misunderstood": misunderstood,
    "closed": closed,
    "busy": busy,
    "unknown terminal": unknown_terminal,
}
"""The function of each kind of cycle.

Each cycle begins and ends with one connected phone and one open terminal.
"""
