"""Provocations that fill the assistant's limits with a scripted model.

`one_process` fills the limits on the replies of a real model.
"""

import asyncio
import json

from mobifai.limits import (
    ASSISTANT_ACTIONS,
    ASSISTANT_AUDIT,
    ASSISTANT_CONVERSATIONS,
    ASSISTANT_EVENTS,
    ASSISTANT_HISTORY,
    ASSISTANT_HISTORY_BYTES,
    ASSISTANT_SCREEN,
    ASSISTANT_STORIES,
    ASSISTANT_STORY_BYTES,
    ASSISTANT_STORY_EVENTS,
    ASSISTANT_TOKENS,
    ASSISTANT_TURNS,
    ASSISTANT_TYPED,
)
from soak.phone.phone import Phone
from soak.provocations.phones import BUSY_TURN, LONG_TURN, refusals, refused
from soak.provocations.provocation import ProvocationEnvironment, provocation
from soak.scenarios import phone_visits as visits
from soak.scenarios.conversation_steps import LOOK, PROMPT, TELL, ask, failed, finished
from soak.scenarios.filling_conversations import fill_conversations

PAUSE: dict[str, object] = {"type": "delay", "ms": 0}


async def busy_model(env: ProvocationEnvironment) -> None:
    """Hold conversations until the limits on conversations, turns, actions, typed characters, screens, history, tokens
    and the audit log are full.
    """
    phone = await _phone(env)
    uuid = await env.tabs.open(phone)
    await fill_conversations(env.tabs, env.script, uuid)
    await _leave(env, phone)


async def long_stories(env: ProvocationEnvironment) -> None:
    """Hold conversations in more terminals than the agent keeps conversations for.

    One of the conversations has a thousand short events.
    """
    phone = await _phone(env)
    uuids = [await env.tabs.open(phone) for _ in range(ASSISTANT_STORIES.value + 1)]
    env.script.write([TELL])
    for uuid in uuids:
        await ask(env.tabs, uuid)
        await finished(env.tabs, uuid)
    env.script.write([*[PAUSE] * (ASSISTANT_ACTIONS.value - 1), LOOK])
    await ask(env.tabs, uuids[0])
    await failed(env.tabs, uuids[0], "turns; the task may be unfinished")
    await _leave(env, phone)


async def unread_answer(env: ProvocationEnvironment) -> None:
    """Send a prompt to the control socket and read nothing from it, until the agent ends the conversation."""
    before = await refusals(env, ASSISTANT_EVENTS.name)
    phone = await _phone(env)
    uuid = await env.tabs.open(phone)
    env.script.write(LONG_TURN, BUSY_TURN)
    _, writer = await asyncio.open_unix_connection(env.context.target.control_socket, limit=1024)
    try:
        question = {"ask": "ask", "with": {"prompt": PROMPT, "tab": uuid}}
        writer.write(json.dumps(question).encode() + b"\n")
        await refused(env, ASSISTANT_EVENTS.name, before)
    finally:
        writer.transport.abort()
    await _leave(env, phone)


async def _phone(env: ProvocationEnvironment) -> Phone:
    phone = await visits.new_phone(env.tabs, webrtc=False, features=())
    await visits.arrive(env.context, phone)
    return phone


async def _leave(env: ProvocationEnvironment, phone: Phone) -> None:
    await env.tabs.kill_all(phone)
    await visits.everybody_leaves(env.context)


PROVOCATIONS = (
    provocation(
        "busy model", "a model that uses every turn, and types, reads and writes as much as is allowed", busy_model,
        ASSISTANT_CONVERSATIONS, ASSISTANT_TURNS, ASSISTANT_HISTORY, ASSISTANT_HISTORY_BYTES, ASSISTANT_SCREEN,
        ASSISTANT_ACTIONS, ASSISTANT_TYPED, ASSISTANT_TOKENS, ASSISTANT_STORY_BYTES, ASSISTANT_AUDIT,
    ),
    provocation(
        "long stories", "conversations in 17 terminals, one of them with 1,000 events", long_stories,
        ASSISTANT_STORIES, ASSISTANT_STORY_EVENTS,
    ),
    provocation(
        "unread answer", "a command that asks the assistant but reads no answer", unread_answer, ASSISTANT_EVENTS,
    ),
)  # fmt: skip
"""The provocations of this module."""
