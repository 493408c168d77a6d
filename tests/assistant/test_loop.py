"""The loop of one conversation, as dialogues: the model's answers lead to events and typed text."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mobifai.assistant.audit import Audit
from mobifai.assistant.loop import TRANSITIONS, AgentLoop, LoopContext, LoopState
from mobifai.assistant.model import ModelRequest, ModelResponse, NotifyUser
from mobifai.assistant.redaction import Secrets
from mobifai.assistant.risk import Judge
from mobifai.assistant.scripted_model import ScriptedModel
from mobifai.bounds import Ledger
from mobifai.errors import AssistantError
from tests.assistant.fakes import FakeTerminal
from tests.assistant.place import FAST, LOOK, says, types
from tests.support.playbook import Playbook, only, when


@dataclass(frozen=True)
class Sent:
    """The phone got an event."""

    event: str


@dataclass(frozen=True)
class Typed:
    """The terminal got a text."""

    text: str


@dataclass(frozen=True)
class Asked:
    """The model is asked."""

    turn: int


@dataclass(frozen=True)
class Ended:
    """The conversation is over; `error` is empty when it succeeded."""

    error: str


class Talk:
    """A loop whose model answers when the test wants it. Each answer returns the events until the next request."""

    def __init__(self, folder: Path, limits: Mapping[str, int]) -> None:
        self._runner = asyncio.Runner()
        self._ledger = Ledger(limits)
        self._audit = Audit(folder / "audit.log", self._ledger, lambda: 0.0)
        self._happened: list[object] = []
        self._pauses = asyncio.Event()
        self._answers: asyncio.Queue[Any] = asyncio.Queue()
        self._terminal = FakeTerminal(program=lambda _, text: self._happened.append(Typed(text)))

    @property
    def stage(self) -> LoopState:
        return self._loop.state

    def prompt(self, prompt: str) -> list[object]:
        return self._runner.run(self._begin(prompt))

    def answer(self, *steps: Any) -> list[object]:
        """Actions, or one text or answer."""
        step = list(steps) if isinstance(steps[0], dict) else steps[0]
        self._answers.put_nowait(step)
        return self._runner.run(self._until_pause())

    def close(self) -> None:
        """End the conversation, if it still runs."""
        self._task.cancel()
        self._runner.run(asyncio.wait([self._task]))
        self._audit.close()
        self._runner.close()

    async def _begin(self, prompt: str) -> list[object]:
        context = LoopContext(FAST, self._ledger, self._model, self._audit, Secrets({}), Judge((), ()))
        self._loop = AgentLoop(1, prompt, self._terminal, context, lambda event, _: self._happened.append(Sent(event)))
        self._task = asyncio.get_running_loop().create_task(self._serve())
        return await self._until_pause()

    async def _serve(self) -> None:
        try:
            await self._loop.run()
        except AssistantError as error:
            self._happened.append(Ended(str(error)))
        else:
            self._happened.append(Ended(""))
        self._pauses.set()

    async def _until_pause(self) -> list[object]:
        async with asyncio.timeout(20):
            await self._pauses.wait()
        self._pauses.clear()
        happened, self._happened = self._happened, []
        return happened

    @asynccontextmanager
    async def _model(self) -> Any:
        yield _Model(self)

    async def answer_to(self, question: ModelRequest, notice: NotifyUser) -> ModelResponse:
        self._happened.append(Asked(self._loop.turn))
        self._pauses.set()
        return await ScriptedModel([await self._answers.get()]).answer(question, notice)


class _Model:
    """The model of a `Talk`."""

    def __init__(self, talk: Talk) -> None:
        self.secret = ""
        self.answer = talk.answer_to


@pytest.fixture
def talk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Talk]:
    made = Talk(tmp_path, getattr(request, "param", {}))
    yield made
    made.close()


def test_a_task_that_needs_two_looks(talk: Talk) -> None:
    assert (
        Playbook(talk)
        >> when.prompt("list files")
        << Sent("ai:started")
        << Asked(1)
        << LoopState.ASKING
        >> when.answer(types("ls\n"), LOOK)
        << Typed("ls\r")
        << Sent("ai:action")
        << Sent("ai:action")
        << Asked(2)
        << LoopState.ASKING
        >> when.answer(says("Three files."))
        << Sent("ai:message")
        << Ended("")
        << LoopState.DONE
    )


def test_an_answer_without_actions_is_given_back_once(talk: Talk) -> None:
    assert (
        Playbook(talk)
        >> when.prompt("list files")
        << Sent("ai:started")
        << Asked(1)
        >> when.answer("I would rather talk.")
        << Asked(2)
        << LoopState.ASKING_AGAIN
        >> when.answer(types("ls\n"), LOOK)
        << Typed("ls\r")
        << Sent("ai:action")
        << Sent("ai:action")
        << Asked(3)
        << LoopState.ASKING
        >> when.answer("And once more.")
        << Asked(4)
        << LoopState.ASKING_AGAIN
        >> when.answer("And again.")
        << Ended("the model answered twice in a row without an action; rephrase the task and ask again")
        << LoopState.FAILED
    )


def test_actions_that_are_refused_are_reported_although_the_model_did_not_want_to_look(talk: Talk) -> None:
    assert (
        Playbook(talk)
        >> when.prompt("type too much")
        << Sent("ai:started")
        << Asked(1)
        >> when.answer(types("a" * 100_000))
        << Asked(2)
        << LoopState.ASKING
        >> when.answer(says("It is too long."))
        << Sent("ai:message")
        << Ended("")
        << LoopState.DONE
    )


@pytest.mark.parametrize("talk", [{"assistant.turns": 1}], indirect=True)
def test_the_last_turn_that_is_allowed_ends_it_where_it_is(talk: Talk) -> None:
    assert (
        Playbook(talk)
        >> when.prompt("look again and again")
        << Sent("ai:started")
        << Asked(1)
        >> when.answer(LOOK)
        << Sent("ai:action")
        << only(Ended, error="the assistant stopped after 1 turns; the task may be unfinished")
        << LoopState.ASKING
    )


def test_every_state_has_a_row_and_only_the_last_two_are_empty() -> None:
    assert set(TRANSITIONS) == set(LoopState)
    assert [state for state, row in TRANSITIONS.items() if not row] == [LoopState.DONE, LoopState.FAILED]
