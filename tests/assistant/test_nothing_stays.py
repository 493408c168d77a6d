"""After a conversation all of its objects are gone, and no conversation grows with its length."""

import asyncio
import gc
import json
import sys
import tracemalloc
import weakref
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mobifai.assistant.approvals import Approvals
from mobifai.assistant.command_reader import CommandReader
from mobifai.assistant.conversation import Conversation
from mobifai.assistant.guard import Guard
from mobifai.assistant.loop import AgentLoop
from mobifai.assistant.model import ModelRequest, ModelResponse
from mobifai.assistant.scripted_model import ScriptedModel
from mobifai.assistant.service import ConversationTask
from mobifai.bounds import Bound, History
from mobifai.protocol import messages
from tests.assistant.api_rules import ApiRules
from tests.assistant.fakes import FakeTerminal
from tests.assistant.messages_server import messages_server
from tests.assistant.place import LOOK, Place, a_place, says, types
from tests.support.eventually import eventually

OURS = (AgentLoop, ConversationTask, Conversation, Approvals, CommandReader, Guard, History, ScriptedModel)


def living(*kinds: type) -> list[Any]:
    return [one for one in gc.get_objects() if isinstance(one, kinds)]


def canaries(place: Place, *kinds: type) -> list["weakref.ref[Any]"]:
    """Return weak references to a conversation's present objects, at least one of each kind."""
    assert place.entry("assistant.conversations").used == 1
    found = living(*OURS, *kinds)
    assert {type(one) for one in found} >= set(kinds)
    return [weakref.ref(one) for one in found]


async def hangs(_: ModelRequest) -> Any:
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("ending", ["done", "error", "cancel", "terminal", "agent"])
async def test_nothing_of_a_conversation_lives_on(tmp_path: Path, ending: str) -> None:
    steps = {"done": ([LOOK], [says("x")]), "error": ([LOOK], "no", "no")}.get(ending, ([LOOK], hangs))
    gc.collect()
    gc.disable()  # the assistant itself must release everything
    try:
        birds: list[weakref.ref[Any]] = []

        def note(question: ModelRequest) -> Any:
            birds.extend(canaries(place, AgentLoop, ConversationTask, Conversation, History, ScriptedModel))
            return steps[0]

        async with a_place(tmp_path, note, *steps[1:]) as place:
            bounds = len(living(Bound))
            place.prompt()
            await place.phone.until("ai:action")
            if ending in ("cancel", "terminal"):
                await eventually(lambda: place.entry("assistant.turns").used == 2)
                {
                    "cancel": lambda: place.assistant.cancel(messages.AiCancel(), place.phone),
                    "terminal": lambda: place.assistant.terminal_closed("a"),
                }[ending]()
            if ending != "agent":
                await place.phone.end()
                await eventually(lambda: place.entry("assistant.conversations").used == 0)
                assert birds
                assert [bird() for bird in birds if bird() is not None] == []
                assert len(living(Bound)) == bounds
        assert [bird() for bird in birds if bird() is not None] == []
    finally:
        gc.enable()


async def test_nothing_of_the_real_client_lives_on(tmp_path: Path) -> None:
    anthropic = pytest.importorskip("anthropic")
    from mobifai.assistant.anthropic_model import AnthropicModel  # noqa: PLC0415 - imports the package

    async with messages_server() as server:
        server.then(server.fails(529, retry_after_ms="1"), server.streams(end="hang"))
        settings: dict[str, Any] = {"base_url": server.url, "environ": {"ANTHROPIC_API_KEY": "sk-test"}}
        async with a_place(tmp_path, **settings) as place:
            place.prompt()
            await asyncio.wait_for(server.reached.wait(), 20)
            birds = canaries(place, AnthropicModel, anthropic.AsyncAnthropic)
            place.assistant.cancel(messages.AiCancel(), place.phone)
            await place.phone.end()
            await eventually(lambda: [bird() for bird in birds if bird() is not None] == [])


LONG = {"assistant.turns": 10_000, "assistant.tokens": 10**9, "assistant.seconds": 10_000, "assistant.audit": 100_000}


class EndlessTask:
    """A model that reads the screen this number of times, and checks every request by the API's rules."""

    def __init__(self, turns: int) -> None:
        self.turns = turns
        self.rules = ApiRules(20, 1 << 19)

    def __call__(self, question: ModelRequest) -> ModelResponse:
        messages = json.loads(msgspec.json.encode(question.messages))
        self.rules.check(messages)
        turn = self.rules.requests
        actions = [types("x" * (turn % 1500)), LOOK] if turn < self.turns else [says("done")]
        call = {"type": "tool_use", "id": f"c{turn}", "name": "act", "input": {"actions": actions}}
        thought = {"type": "thinking", "thinking": "", "signature": f"s{turn}"}
        blocks = [call] if turn % 3 else [thought, call]
        self.rules.answered(messages, blocks)
        return ModelResponse(blocks, 10)

    def begin_again(self) -> None:
        """Forget the conversation."""
        self.rules = ApiRules(20, 1 << 19)


def echoes(terminal: FakeTerminal, text: str) -> None:
    """A program that prints its input with colours."""
    terminal.output(f"\x1b[32m{text[:300]}\x1b[0m\r\n$ ")


async def to_the_end(place: Place, turns: int) -> None:
    """Run one conversation with this number of turns, and clear the test's records of it."""
    place.terminal.clear()
    place.phone.said.clear()
    place.prompt()
    await eventually(lambda: place.phone.said and place.phone.said[-1][0] in ("ai:finished", "ai:error"), timeout=200)
    event, payload = place.phone.said[-1]
    assert (event, payload["turns"]) == ("ai:finished", turns), payload
    place.phone.said.clear()
    place.terminal.clear()


@pytest.mark.timeout(300)
async def test_ten_thousand_turns_stay_within_the_limits(tmp_path: Path) -> None:
    task = EndlessTask(10_000)
    async with a_place(tmp_path, task, limits=LONG, quiet_seconds=0, program=echoes, kept_bytes=2_000) as place:
        await to_the_end(place, 10_000)
        assert task.rules.requests == 10_000
        messages, size = place.entry("assistant.history"), place.entry("assistant.history_bytes")
        assert (messages.peak, messages.evicted) == (20, 2 * 10_000 - 20)
        assert 0 < size.peak <= size.capacity


@pytest.mark.timeout(300)
async def test_large_screens_stay_within_the_bytes_of_the_history(tmp_path: Path) -> None:
    task = EndlessTask(100)
    limits = {**LONG, "assistant.history_bytes": 200_000}
    async with a_place(tmp_path, task, limits=limits, quiet_seconds=0, program=echoes) as place:
        task.rules = ApiRules(20, 200_000)
        place.terminal.output("\u6f22" * 15_000)
        place.terminal.clear = lambda: None  # type: ignore[method-assign]
        await to_the_end(place, 100)
        size = place.entry("assistant.history_bytes")
        assert 150_000 < size.peak <= 200_000
        assert place.entry("assistant.history").peak < 20


SMALLEST_LEAK = {"bytes": 150, "blocks": 3, "objects": 1}
"""The memory for each conversation that counts as a leak: less than the smallest object that one owns."""

WINDOW = 10


def in_use() -> dict[str, int]:
    """Return the memory that Python holds, after a collection."""
    gc.collect()
    return {
        "bytes": tracemalloc.get_traced_memory()[0],
        "blocks": sys.getallocatedblocks(),
        "objects": len(gc.get_objects()),
    }


async def window(place: Place, task: EndlessTask) -> dict[str, int]:
    """Return the memory in use after some more conversations."""
    for _ in range(WINDOW):
        task.begin_again()
        await to_the_end(place, task.turns)
    task.begin_again()
    return in_use()


def risen(before: dict[str, int], after: dict[str, int], conversations: float) -> dict[str, float]:
    """Return the figures that rose by more than the smallest leak for each conversation."""
    steps = {what: (after[what] - before[what]) / conversations for what in SMALLEST_LEAK}
    return {what: step for what, step in steps.items() if step >= SMALLEST_LEAK[what]}


async def settled(place: Place, task: EndlessTask) -> dict[str, int]:
    """Run conversations until the figures only vary by noise, which means that every cache is full."""
    before = await window(place, task)
    for _ in range(20):
        now = await window(place, task)
        if not risen(before, now, WINDOW / 3):
            break
        before = now
    return now


@pytest.mark.timeout(300)
async def test_memory_after_many_conversations_is_what_it_was(tmp_path: Path) -> None:
    task = EndlessTask(10)
    async with a_place(tmp_path, task, limits=LONG, quiet_seconds=0, program=echoes) as place:
        tracemalloc.start()
        gc.freeze()  # earlier objects are not examined every time
        try:
            before = await settled(place, task)
            windows = [await window(place, task) for _ in range(4)]
        finally:
            gc.unfreeze()
            tracemalloc.stop()
    assert not risen(before, windows[-1], 4 * WINDOW), f"{before} -> {windows}"
