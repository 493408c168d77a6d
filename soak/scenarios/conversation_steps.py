"""Steps of a conversation with the assistant, whose model is scripted.

They set the model's answers, send a prompt, and wait for the end of the conversation.
"""

import json
from pathlib import Path
from typing import Any

from mobifai.limits import MAX_AI_DELAY
from soak.phone.event_log import PhoneError
from soak.phone.phone import Phone
from soak.scenarios.terminal_checks import PATIENCE, CheckedTabs

PROMPT = "Say something, and be brief: é€😀"
Step = str | list[dict[str, Any]]

LOOK: dict[str, Any] = {"type": "request_screen"}
TELL: dict[str, Any] = {"type": "message", "text": "done é€😀"}
WAIT: dict[str, Any] = {"type": "delay", "ms": MAX_AI_DELAY}
"""An action of the model: a delay longer than any cycle, so that the model never ends the conversation."""


def types(text: str) -> dict[str, Any]:
    """Return an action for the model's script, which types the command `say TEXT` into the terminal.

    The program in the terminal then prints `text` as one line.
    """
    return {"type": "keystroke", "text": f"say {text}\n"}


class ModelScript:
    """The file from which the scripted model reads its answers."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def write(self, *steps: Step) -> None:
        """Set the model's answers (`steps`, in this order) in all conversations that begin after this call."""
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(steps, ensure_ascii=False))
        draft.replace(self._file)


async def ask(tabs: CheckedTabs, uuid: str, prompt: str = PROMPT) -> None:
    """Send the user's `prompt` for the terminal `uuid`, and wait until the agent reports that the conversation has
    begun. Raises PhoneError.
    """
    phone = tabs.context.phones[0]
    await phone.send("ai:prompt", {"uuid": uuid, "prompt": prompt})
    await reported(phone, "ai:started", uuid)


async def reported(phone: Phone, event: str, uuid: str) -> dict[str, Any]:
    """Wait until the agent sends `event` about the conversation in a terminal, and return its payload. Raises
    PhoneError.
    """
    payload: dict[str, Any] = await phone.expect(event, lambda payload: payload["uuid"] == uuid, PATIENCE)
    return payload


async def finished(tabs: CheckedTabs, uuid: str) -> None:
    """Wait until the conversation in the terminal `uuid` has ended and the phone has all output of the terminal.

    Raises PhoneError, IntegrityError.
    """
    await reported(tabs.context.phones[0], "ai:finished", uuid)
    await tabs.settled(tabs.context.phones[0], uuid)


async def failed(tabs: CheckedTabs, uuid: str, because: str) -> None:
    """Wait until the conversation fails with an error that contains `because`. Raises PhoneError, IntegrityError."""
    error = (await reported(tabs.context.phones[0], "ai:error", uuid))["error"]
    if because not in error:
        raise PhoneError("ai:error", f"expected an error that contains {because!r}; found {error!r}")
    await tabs.settled(tabs.context.phones[0], uuid)


async def long(tabs: CheckedTabs, script: ModelScript, uuid: str) -> None:
    """Hold a conversation that the model never ends, until the limit on turns stops it."""
    script.write([types("again é€😀"), LOOK])
    await ask(tabs, uuid, PROMPT * 20)
    await failed(tabs, uuid, "turns; the task may be unfinished")
