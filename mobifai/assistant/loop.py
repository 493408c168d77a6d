"""The loop of one conversation: the model looks, acts and looks again. It is a state machine that one task runs.

The loop asks the model what to do (ASKING). If the answer contains actions, they are run (ACTING). If it contains none,
the model is asked once more (ASKING_AGAIN); a second such answer in a row ends the conversation with an error (FAILED).
If the model requested the screen, or some of its actions were not run, the loop waits until the terminal is quiet
(LOOKING), reports the result with the screen, and asks again. Otherwise the task is complete (DONE).

`TRANSITIONS` is the whole machine. In each state one handler does the work and returns an event, which leads to the
next state. A handler that reaches a limit (turns, tokens, time) raises AssistantError instead, which ends the
conversation. Cancelling the task ends it in any state.

The loop owns the resources of a conversation, and releases them at its end. It decides neither who may start a
conversation nor to whom its events are sent.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum, auto

from mobifai.assistant import prompts
from mobifai.assistant.action_parser import NotUnderstood, understand
from mobifai.assistant.action_runner import ActionRunner
from mobifai.assistant.actions import TOOLS, ModelAction, Plan, described, within_bounds
from mobifai.assistant.approvals import Approvals
from mobifai.assistant.audit import Audit, Record
from mobifai.assistant.command_reader import CommandReader
from mobifai.assistant.config import AssistantConfig
from mobifai.assistant.conversation import Conversation, problems
from mobifai.assistant.guard import Guard
from mobifai.assistant.model import ModelClient, ModelRequest, OpenModel
from mobifai.assistant.redaction import Secrets
from mobifai.assistant.risk import Judge
from mobifai.assistant.screen_reader import ScreenReader
from mobifai.bounds import Ledger
from mobifai.errors import AssistantError
from mobifai.limits import (
    ASSISTANT_ACTIONS,
    ASSISTANT_HISTORY,
    ASSISTANT_HISTORY_BYTES,
    ASSISTANT_SCREEN,
    ASSISTANT_SECONDS,
    ASSISTANT_TOKENS,
    ASSISTANT_TURNS,
    ASSISTANT_TYPED,
    Limit,
)
from mobifai.protocol import messages
from mobifai.terminals.terminal import Terminal

_BOUNDS: Mapping[str, Limit] = {
    "messages": ASSISTANT_HISTORY,
    "bytes": ASSISTANT_HISTORY_BYTES,
    "screen": ASSISTANT_SCREEN,
    "actions": ASSISTANT_ACTIONS,
    "typed": ASSISTANT_TYPED,
    "turns": ASSISTANT_TURNS,
    "tokens": ASSISTANT_TOKENS,
    "seconds": ASSISTANT_SECONDS,
}


_ODD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Characters that no user's request needs. JSON, or programs that read the audit log, may not support them."""


@dataclass(frozen=True, slots=True)
class LoopContext:
    """The objects that the loops of all conversations share."""

    config: AssistantConfig
    ledger: Ledger
    open_model: OpenModel
    audit: Audit
    secrets: Secrets
    judge: Judge


class LoopState(Enum):
    """The state of a conversation's loop, named after the work that is next."""

    ASKING = auto()
    ASKING_AGAIN = auto()
    ACTING = auto()
    LOOKING = auto()
    DONE = auto()
    FAILED = auto()


class LoopEvent(Enum):
    """The result of the work in a state of the loop. It determines the next state."""

    UNDERSTOOD = auto()
    NOT_UNDERSTOOD = auto()
    COMPLETE = auto()
    """All actions were run, and the model did not request the screen."""
    INCOMPLETE = auto()
    REPORTED = auto()


TRANSITIONS: Mapping[LoopState, Mapping[LoopEvent, LoopState]] = {
    LoopState.ASKING: {
        LoopEvent.UNDERSTOOD: LoopState.ACTING,
        LoopEvent.NOT_UNDERSTOOD: LoopState.ASKING_AGAIN,
    },
    LoopState.ASKING_AGAIN: {
        LoopEvent.UNDERSTOOD: LoopState.ACTING,
        LoopEvent.NOT_UNDERSTOOD: LoopState.FAILED,
    },
    LoopState.ACTING: {
        LoopEvent.COMPLETE: LoopState.DONE,
        LoopEvent.INCOMPLETE: LoopState.LOOKING,
    },
    LoopState.LOOKING: {
        LoopEvent.REPORTED: LoopState.ASKING,
    },
    LoopState.DONE: {},
    LoopState.FAILED: {},
}


@dataclass(frozen=True, slots=True)
class _Turn:
    """The content of the model's last answer: its actions, and the ids of its tool calls, which need a result."""

    actions: Sequence[ModelAction]
    calls: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The outcome of a turn: the actions that were planned, and why some were not run (empty if all were)."""

    plan: Plan
    failure: str


class AgentLoop:
    """The loop of the conversation `number`, for one request of the user (`prompt`).

    `say` sends an event of the conversation and its payload. It must not raise or block.
    """

    def __init__(
        self, number: int, prompt: str, terminal: Terminal, context: LoopContext, say: Callable[[str, object], None]
    ) -> None:
        self.number = number
        self.prompt = _ODD.sub(" ", prompt)
        self.turn = 0
        self.tokens = 0
        self.state = LoopState.ASKING
        self._terminal = terminal
        self._uuid = terminal.uuid
        self._context = context
        self._config = config = context.config
        self._record = Record(context.audit, context.secrets, terminal.uuid, number)
        self._say = say
        self._clock = asyncio.get_running_loop().time
        self._approvals = Approvals(terminal.uuid, number, config.approval_seconds, say)
        reader = CommandReader(terminal, self._clock, config.quiet_limit_seconds)
        guard = Guard(reader, context.judge, self._approvals.granted, self._record.typed)
        self._runner = ActionRunner(
            number, terminal, config.approvals, self._approvals, guard, context.judge, self._record, say
        )
        self._turn = _Turn((), ())
        self._outcome = _Outcome(Plan(()), "")

    # -- the machine

    async def run(self) -> None:
        """Run the conversation to its end. Raises AssistantError, LimitReached.

        The limit `assistant.seconds` ends a conversation that takes too long.
        """
        with ExitStack() as scope:
            ledger = self._context.ledger
            self._bounds = {name: scope.enter_context(ledger.bound(limit)) for name, limit in _BOUNDS.items()}
            self._conversation = Conversation(self._bounds["messages"], self._bounds["bytes"])
            scope.callback(self._conversation.clear)
            self._screen = ScreenReader(self._terminal, self._config, self._bounds["screen"], self._record)
            seconds = self._bounds["seconds"].capacity
            try:
                async with asyncio.timeout(seconds) as limit:
                    await self._converse()
            except TimeoutError:
                if not limit.expired():
                    raise
                self._bounds["seconds"].set(seconds)
                self._bounds["seconds"].refuse("more time")
                raise AssistantError(f"the assistant stopped after {seconds} s; the task may be unfinished") from None

    async def _converse(self) -> None:
        self._record.write("prompt", self.prompt)
        self._say("ai:started", messages.AiStarted(uuid=self._uuid, conversation=self.number, prompt=self.prompt[:200]))
        began = self._clock()
        async with self._context.open_model() as model:
            self._record.secrets = self._record.secrets.also(model.secret)
            self._conversation.begin(
                prompts.request(self._record.secrets.blank(self.prompt), await self._screen.show(), self._turns)
            )
            while TRANSITIONS[self.state]:
                event = await self._handle(model)
                self.state = TRANSITIONS[self.state][event]
                self._bounds["seconds"].set(int(self._clock() - began))
        if self.state is LoopState.FAILED:
            raise AssistantError("the model answered twice in a row without an action; rephrase the task and ask again")

    async def _handle(self, model: ModelClient) -> LoopEvent:
        match self.state:
            case LoopState.ASKING | LoopState.ASKING_AGAIN:
                return await self._ask(model)
            case LoopState.ACTING:
                return await self._act()
            case _:
                return await self._look()

    @property
    def _turns(self) -> int:
        return self._bounds["turns"].capacity

    # -- asking

    async def _ask(self, model: ModelClient) -> LoopEvent:
        """Send the conversation to the model, and parse the actions in its answer."""
        if self.turn >= self._turns:
            raise AssistantError(f"the assistant stopped after {self.turn} turns; the task may be unfinished")
        self.turn += 1
        self._bounds["turns"].set(self.turn)
        answer = await model.answer(self._question(), self._notice)
        self._count(answer.tokens)
        if answer.refused:
            raise AssistantError("the model declined this task; rephrase it and ask again")
        self._conversation.answered(answer.blocks)
        meaning = understand(answer.blocks, answer.cut_off)
        if isinstance(meaning, NotUnderstood):
            self._conversation.add_result(prompts.not_understood(meaning.why), meaning.calls, failed=True)
            return LoopEvent.NOT_UNDERSTOOD
        self._record.write("asked", "\n".join(map(described, meaning.actions)))
        self._turn = _Turn(meaning.actions, meaning.calls)
        return LoopEvent.UNDERSTOOD

    def _question(self) -> ModelRequest:
        wrong = problems(self._conversation.messages)
        if wrong:
            raise AssistantError(
                f"internal error: the conversation breaks a rule of the model's API: {wrong[0]}. "
                "This is a bug: report it, with this message"
            )
        config, bounds = self._config, self._bounds
        system = prompts.system(
            turns=self._turns,
            actions=bounds["actions"].capacity,
            typed=bounds["typed"].capacity,
            screen=bounds["screen"].capacity,
            quiet=config.quiet_seconds,
        )
        return ModelRequest(system, self._conversation.messages, TOOLS)

    def _count(self, tokens: int) -> None:
        self.tokens += tokens
        bound = self._bounds["tokens"]
        if self.tokens > bound.capacity:
            bound.refuse("tokens")
            raise AssistantError(
                f"the assistant stopped: the task used {self.tokens} tokens, more than {bound.limit.name} allows "
                f"({bound.capacity}); the task may be unfinished"
            )
        bound.set(self.tokens)

    # -- acting

    async def _act(self) -> LoopEvent:
        """Run the actions that the model requested in this turn, as far as the limits and the user allow."""
        actions, typed = self._bounds["actions"], self._bounds["typed"]
        plan = within_bounds(self._turn.actions, actions.capacity, typed.capacity)
        actions.set(len(plan.actions))
        typed.set(plan.typed)
        self._outcome = _Outcome(plan, await self._runner.run(plan, self.turn))
        incomplete = plan.looks_on is not None or plan.refused or self._outcome.failure
        return LoopEvent.INCOMPLETE if incomplete else LoopEvent.COMPLETE

    # -- looking

    async def _look(self) -> LoopEvent:
        """Report to the model which actions were run, and what the screen shows now."""
        plan, failure = self._outcome.plan, self._outcome.failure
        words = [failure or f"{len(plan.actions)} of {len(self._turn.actions)} actions were run.", *plan.words]
        screen, notes = await self._screen.show_next(plan.looks_on)
        report = prompts.report(" ".join([*words, *notes]), screen, self.turn + 1, self._turns)
        self._conversation.add_result(report, self._turn.calls)
        return LoopEvent.REPORTED

    # -- the user

    def answer(self, question: str, ok: bool) -> bool:
        """Accept the answer to the approval with the id `question`. Return False if no such approval is pending."""
        return self._approvals.answer(question, ok)

    @property
    def waiting(self) -> messages.AiApproval | None:
        """The approval for which this conversation is waiting, or None."""
        return self._approvals.waiting

    def _notice(self, text: str) -> None:
        text = self._record.secrets.blank(text)
        payload = messages.AiMessage(uuid=self._uuid, conversation=self.number, text=text, source="agent")
        self._say("ai:message", payload)
