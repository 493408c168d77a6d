"""Conversations with the assistant, whose model answers from a script.

The agent reads the script anew for each conversation, so that each kind of cycle writes its own first. What the model
types is always `say ...`, which the desk expects to be printed when it hears of it.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from mobifai.assistant.audit import FIELD_CHARACTERS
from mobifai.limits import (
    ASSISTANT_ACTIONS,
    ASSISTANT_CONVERSATIONS,
    ASSISTANT_SCREEN,
    ASSISTANT_TYPED,
    MAX_AI_DELAY,
    MAX_AI_KEYSTROKE,
    MAX_AI_MESSAGE,
    TERMINAL_RING,
)
from soak.phone.event_log import PhoneError
from soak.phone.phone import Phone
from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.scenario import Scenario
from soak.scenarios.terminal_checks import PATIENCE, CheckedTabs

LONG_PROMPT = "😀" * FIELD_CHARACTERS
"""As long as the record keeps one; in bytes it is four times that."""
PROMPT = "Say something, and be brief: é€😀"
Step = str | list[dict[str, Any]]

LOOK: dict[str, Any] = {"type": "request_screen"}
TELL: dict[str, Any] = {"type": "message", "text": "done é€😀"}
WAIT: dict[str, Any] = {"type": "delay", "ms": MAX_AI_DELAY}
"""Longer than any cycle: who waits is ended."""


def types(text: str) -> dict[str, Any]:
    """An action: the model has the terminal print a line."""
    return {"type": "keystroke", "text": f"say {text}\n"}


class ModelScript:
    """The file with the model's answers."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def write(self, *steps: Step) -> None:
        """Answer so, from the next conversation on."""
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(steps, ensure_ascii=False))
        draft.replace(self._file)


class Conversations(Scenario):
    """Long and short conversations, errors and cancels, by relay."""

    name = "conversations"
    summary = "the assistant is asked, types, goes on for long, fails, is cancelled and left"
    block: ClassVar[tuple[str, ...]] = (
        *("short",) * 5,
        *("typing",) * 3,
        *("long",) * 2,
        *("cancel",) * 2,
        *("two at once",) * 2,
        *("leave",) * 2,
        "misunderstood",
        "closed",
        "busy",
        "unknown terminal",
    )

    def serve_options(self, directory: Path) -> list[str]:
        """A scripted model."""
        self.script = ModelScript(directory / "script.json")
        self.script.write([TELL])
        return ["--model", f"scripted:{directory / 'script.json'}"]

    def settings(self) -> str:
        """No wait for a quiet screen, and none for a person."""
        return '[assistant]\nquiet_seconds = 0.0\napprovals = "never"\n'

    async def setup(self, context: ScenarioContext) -> None:
        """One phone, by relay, with one terminal."""
        self.tabs = CheckedTabs(context)
        phone = await visits.new_phone(self.tabs, webrtc=False)
        await visits.arrive(context, phone)
        self.uuid = await self.tabs.open(phone)

    async def action(self, context: ScenarioContext, kind: str) -> None:
        """One cycle."""
        await ACTIONS[kind](self.tabs, self.script, self.uuid)

    async def fill(self, context: ScenarioContext) -> None:
        """As many conversations, turns, messages, bytes, actions, characters, tokens and records as may be."""
        await fill_conversations(self.tabs, self.script, self.uuid)

    async def back(self, context: ScenarioContext) -> None:
        """Close the terminal, and leave."""
        await self.tabs.kill_all(context.phones[0])
        await visits.everybody_leaves(context)


# -- asking, and what comes of it


async def ask(tabs: CheckedTabs, uuid: str, prompt: str = PROMPT) -> None:
    """Ask, and wait until the agent has begun. Raises PhoneError."""
    phone = tabs.context.phones[0]
    await phone.send("ai:prompt", {"uuid": uuid, "prompt": prompt})
    await told(phone, "ai:started", uuid)


async def told(phone: Phone, event: str, uuid: str) -> dict[str, Any]:
    """What the agent says of the conversation in a terminal. Raises PhoneError."""
    payload: dict[str, Any] = await phone.expect(event, lambda payload: payload["uuid"] == uuid, PATIENCE)
    return payload


async def finished(tabs: CheckedTabs, uuid: str) -> None:
    """Wait until the model is done, and all that it typed is printed. Raises PhoneError, IntegrityError."""
    await told(tabs.context.phones[0], "ai:finished", uuid)
    await tabs.settled(tabs.context.phones[0], uuid)


async def failed(tabs: CheckedTabs, uuid: str, because: str) -> None:
    """Wait until the agent says no, with these words in it. Raises PhoneError, IntegrityError."""
    error = (await told(tabs.context.phones[0], "ai:error", uuid))["error"]
    if because not in error:
        raise PhoneError("ai:error", f"expected {because!r}; found {error!r}")
    await tabs.settled(tabs.context.phones[0], uuid)


# -- the kinds of cycles


async def short(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """One answer."""
    script.write([types("one é€😀"), TELL])
    await ask(tabs, uuid)
    await finished(tabs, uuid)


async def typing(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Some turns, with several actions each."""
    lines = [types(f"{number} é€😀" * 10) for number in range(5)]
    script.write([*lines, LOOK], "first I think", [*lines, {**LOOK, "start": 0, "end": 200}], [*lines, TELL])
    await ask(tabs, uuid)
    await finished(tabs, uuid)


async def long(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """A model that goes round in circles, until it is stopped at the last turn."""
    script.write([types("again é€😀"), LOOK])
    await ask(tabs, uuid, PROMPT * 20)
    await failed(tabs, uuid, "turns; the task may be unfinished")


async def cancel(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Stopped in the middle; stopped once more, when there is nothing to stop."""
    phone = tabs.context.phones[0]
    script.write([types("and then"), WAIT])
    await ask(tabs, uuid)
    await phone.send("ai:cancel", {"uuid": uuid})
    await finished(tabs, uuid)
    await phone.send("ai:cancel", {"uuid": uuid})
    await failed(tabs, uuid, "does nothing here now")


async def two_at_once(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """In two terminals."""
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
    """The phone goes while the model is at work, and comes back."""
    phone = tabs.context.phones[0]
    script.write([WAIT])
    await ask(tabs, uuid)
    await (phone.vanish() if tabs.context.random.random() < 0.5 else phone.leave())
    await visits.arrive(tabs.context, phone)
    await tabs.settled(phone, uuid)
    await phone.send("ai:cancel", {"uuid": uuid})  # it went on meanwhile
    await finished(tabs, uuid)
    await short(tabs, script, uuid)


async def misunderstood(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """A model that does not know how to act."""
    script.write("I can't")
    await ask(tabs, uuid)
    await failed(tabs, uuid, "answered twice without actions")


async def closed(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """The terminal goes while the model is at work in it."""
    phone = tabs.context.phones[0]
    other = await tabs.open(phone)
    script.write([WAIT])
    await ask(tabs, other)
    await tabs.kill(phone, other)
    await told(phone, "ai:error", other)
    await phone.switch(uuid)
    await tabs.settled(phone, uuid)


async def busy(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Asked while it is at work here."""
    phone = tabs.context.phones[0]
    script.write([WAIT])
    await ask(tabs, uuid)
    await phone.send("ai:prompt", {"uuid": uuid, "prompt": PROMPT})
    await failed(tabs, uuid, "at work here already")
    await phone.send("ai:cancel", {})
    await finished(tabs, uuid)


async def unknown_terminal(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Asked for a terminal that is none, while none is active."""
    phone, gone = tabs.context.phones[0], visits.device_id(1000)
    await phone.switch()
    await phone.send("ai:prompt", {"uuid": gone, "prompt": PROMPT})
    await told(phone, "ai:error", gone)
    await phone.switch(uuid)
    await tabs.settled(phone, uuid)


# -- to the limits


async def fill_conversations(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Fill the assistant's limits, but for those on time and on the wire of a real model."""
    await long(tabs, script, uuid)
    await most_at_once(tabs, script)
    await most_said(tabs, script)
    await most_recorded(tabs, script, uuid)


async def most_at_once(tabs: CheckedTabs, script: ModelScript) -> None:
    """Fill `assistant.conversations`; one more is refused."""
    phone = tabs.context.phones[0]
    uuids = [await tabs.open(phone) for _ in range(ASSISTANT_CONVERSATIONS.value + 1)]
    script.write([WAIT])
    for uuid in uuids[:-1]:
        await ask(tabs, uuid)
    await phone.send("ai:prompt", {"uuid": uuids[-1], "prompt": PROMPT})
    await told(phone, "ai:error", uuids[-1])
    await phone.send("ai:cancel", {})
    for uuid in uuids[:-1]:
        await told(phone, "ai:finished", uuid)
    for uuid in uuids:
        await tabs.kill(phone, uuid)


async def most_said(tabs: CheckedTabs, script: ModelScript) -> None:
    """Fill what one conversation may have: actions, typed characters, the screen, its history, tokens."""
    phone = tabs.context.phones[0]
    uuid = await tabs.open(phone)
    await tabs.run(phone, uuid, tabs.flood(uuid, 2 * TERMINAL_RING.value))
    line = types("x" * (MAX_AI_KEYSTROKE - len("say \n")))
    part = {**LOOK, "start": 0, "end": ASSISTANT_SCREEN.value}
    script.write(
        [line] * (ASSISTANT_TYPED.value // MAX_AI_KEYSTROKE + 1),
        [{"type": "delay", "ms": 0}] * (ASSISTANT_ACTIONS.value + 1),
        *[[{"type": "message", "text": "é" * MAX_AI_MESSAGE}] * 10 + [part]] * 4,
    )
    await ask(tabs, uuid)
    await failed(tabs, uuid, "tokens, of at most")
    await tabs.kill(phone, uuid)


async def most_recorded(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Fill `assistant.audit`: the record of what was asked for begins anew. Long prompts fill it."""
    script.write([TELL])
    while not await _record_began_anew(tabs.context):
        await ask(tabs, uuid, LONG_PROMPT)
        await finished(tabs, uuid)


async def _record_began_anew(context: ScenarioContext) -> bool:
    status = await context.target.ask("status")
    return any(entry["name"] == "assistant.audit" and entry["evicted"] for entry in status["bounds"])


ACTIONS: Mapping[str, Callable[[CheckedTabs, ModelScript, str], Awaitable[None]]] = {
    "short": short,
    "typing": typing,
    "long": long,
    "cancel": cancel,
    "two at once": two_at_once,
    "leave": leave,
    "misunderstood": misunderstood,
    "closed": closed,
    "busy": busy,
    "unknown terminal": unknown_terminal,
}
"""The kinds of cycles that need a phone with one terminal, and leave both."""
