"""An assistant with its own state directory, a scripted model, and terminals without shells."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mobifai.assistant.config import ApprovalMode, AssistantConfig
from mobifai.assistant.model import OpenModel
from mobifai.assistant.scripted_model import ScriptedModel, ScriptStep
from mobifai.assistant.service import Assistant
from mobifai.assistant.viewers import Viewers
from mobifai.bounds import Entry, Ledger
from mobifai.protocol import messages
from tests.assistant.fakes import KEPT_BYTES, FakeTerminal, FakeTerminals, Notes, Program

FAST = AssistantConfig(quiet_seconds=0.01, quiet_limit_seconds=0.2, approvals=ApprovalMode.NEVER)


@dataclass
class Place:
    """Objects that a test of the assistant needs."""

    assistant: Assistant
    ledger: Ledger
    phone: Notes
    terminals: FakeTerminals
    state: Path
    viewers: Viewers

    @property
    def terminal(self) -> FakeTerminal:
        return self.terminals.terminals[0]

    def prompt(self, prompt: str = "do it", uuid: str | None = None) -> None:
        self.assistant.prompt(messages.Prompt(prompt=prompt, uuid=uuid), self.phone)

    def greet(self) -> None:
        """Connect the phone, or reconnect it."""
        self.viewers.add(self.phone)
        self.assistant.greet(self.phone)

    def entry(self, name: str) -> Entry:
        return next(entry for entry in self.ledger.entries() if entry.name == name)

    def no_bound_was_broken(self) -> bool:
        return all(entry.peak <= entry.capacity for entry in self.ledger.entries())


@asynccontextmanager
async def a_place(
    state: Path,
    *steps: ScriptStep,
    config: AssistantConfig = FAST,
    limits: Mapping[str, int] | None = None,
    model: OpenModel | None = None,
    environ: Mapping[str, str] | None = None,
    terminals: int = 1,
    program: Program | None = None,
    kept_bytes: int = KEPT_BYTES,
    follows: bool = False,
    **settings: Any,
) -> AsyncIterator[Place]:
    """Run an assistant whose model answers with these steps. Every bound is checked at the end."""
    ledger, phone, viewers = Ledger(limits), Notes(follows_assistant=follows), Viewers()
    viewers.add(phone)
    tabs = FakeTerminals(FakeTerminal(uuid, program, kept_bytes) for uuid in "abcdefgh"[:terminals])
    opened = model or ((lambda: ScriptedModel(steps)) if steps else None)
    config = replace(config, **settings)
    own: dict[str, Any] = {"environ": environ or {}, "model": opened}
    async with Assistant(config, state, ledger, tabs, viewers, **own) as assistant:
        place = Place(assistant, ledger, phone, tabs, state, viewers)
        yield place
    assert place.no_bound_was_broken()
    assert all(entry.instances == 0 for entry in ledger.entries())


def types(text: str) -> dict[str, Any]:
    return {"type": "keystroke", "text": text}


def presses(key: str) -> dict[str, Any]:
    return {"type": "keystroke", "key": key}


def says(text: str) -> dict[str, Any]:
    return {"type": "message", "text": text}


def waits(ms: int) -> dict[str, Any]:
    return {"type": "delay", "ms": ms}


LOOK: dict[str, Any] = {"type": "request_screen"}
