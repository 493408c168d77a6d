"""Fills the assistant's limits, except the limits on time and on the replies of a real model."""

from mobifai.assistant.audit import FIELD_CHARACTERS
from mobifai.limits import (
    ASSISTANT_ACTIONS,
    ASSISTANT_CONVERSATIONS,
    ASSISTANT_SCREEN,
    ASSISTANT_TYPED,
    MAX_AI_KEYSTROKE,
    MAX_AI_MESSAGE,
    TERMINAL_RING,
)
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
from soak.scenarios.terminal_checks import CheckedTabs

LONG_PROMPT = "😀" * FIELD_CHARACTERS
"""The longest prompt that the audit log stores completely. Each of its characters has four bytes."""


async def fill_conversations(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Fill the limits on turns, on concurrent conversations, on the content of a conversation, and on the audit log."""
    await long(tabs, script, uuid)
    await most_concurrent_conversations(tabs, script)
    await most_said(tabs, script)
    await most_recorded(tabs, script, uuid)


async def most_concurrent_conversations(tabs: CheckedTabs, script: ModelScript) -> None:
    """Fill `assistant.conversations`: hold as many conversations at the same time as the agent allows. The next one is
    refused.
    """
    phone = tabs.context.phones[0]
    uuids = [await tabs.open(phone) for _ in range(ASSISTANT_CONVERSATIONS.value + 1)]
    script.write([WAIT])
    for uuid in uuids[:-1]:
        await ask(tabs, uuid)
    await phone.send("ai:prompt", {"uuid": uuids[-1], "prompt": PROMPT})
    await reported(phone, "ai:error", uuids[-1])
    await phone.send("ai:cancel", {})
    for uuid in uuids[:-1]:
        await reported(phone, "ai:finished", uuid)
    for uuid in uuids:
        await tabs.kill(phone, uuid)


async def most_said(tabs: CheckedTabs, script: ModelScript) -> None:
    """Fill the limits of one conversation: actions, typed characters, screen, history, tokens."""
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
    await failed(tabs, uuid, "assistant.tokens")
    await tabs.kill(phone, uuid)


async def most_recorded(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Fill `assistant.audit` with long prompts, until the audit log is full and the agent begins a new file."""
    script.write([TELL])
    while not await _audit_log_started_over(tabs.context):
        await ask(tabs, uuid, LONG_PROMPT)
        await finished(tabs, uuid)


async def _audit_log_started_over(context: ScenarioContext) -> bool:
    status = await context.target.ask("status")
    return any(entry["name"] == "assistant.audit" and entry["evicted"] for entry in status["bounds"])
