"""One conversation: the model looks, acts and looks again, until the task is done or a bound is reached.

It owns what a conversation needs and leaves nothing of it; it is run by one task, and ended by cancelling that. It
decides nothing about who may ask and where events go.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import Enum, auto

from mobifai.assistant import prompts
from mobifai.assistant.action_parser import NotUnderstood, understand
from mobifai.assistant.actions import TOOLS, Action, Delay, Keystroke, Message, Plan, typed_text, within_bounds
from mobifai.assistant.approvals import Approvals, step_of
from mobifai.assistant.audit import Audit, Record
from mobifai.assistant.command_reader import CommandReader
from mobifai.assistant.config import Approvals as When
from mobifai.assistant.config import AssistantConfig
from mobifai.assistant.conversation import Conversation, problems
from mobifai.assistant.guard import Guard
from mobifai.assistant.model import ModelClient, OpenModel, Question
from mobifai.assistant.redaction import Secrets
from mobifai.assistant.risk import Judge
from mobifai.assistant.terminal import Slice, Terminal, application_keys, look, quiet
from mobifai.bounds import Ledger
from mobifai.errors import AssistantError, TerminalError
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
"""What a prompt does not need, and JSON or a person's eyes may not take."""


@dataclass(frozen=True, slots=True)
class LoopContext:
    """What all conversations share."""

    config: AssistantConfig
    ledger: Ledger
    open_model: OpenModel
    audit: Audit
    secrets: Secrets
    judge: Judge


class _After(Enum):
    """How it goes on after a turn."""

    GO_ON = auto()
    NOT_UNDERSTOOD = auto()
    DONE = auto()


class AgentLoop:
    """One conversation, number `number`, about one prompt. `say` tells whoever asked; it never fails or waits."""

    def __init__(
        self, number: int, prompt: str, terminal: Terminal, context: LoopContext, say: Callable[[str, object], None]
    ) -> None:
        self.number = number
        self.prompt = _ODD.sub(" ", prompt)
        self.turn = 0
        self.tokens = 0
        self._terminal = terminal
        self._uuid = terminal.uuid
        self._context = context
        self._config = context.config
        self._record = Record(context.audit, context.secrets, terminal.uuid, number)
        self._say = say
        self._clock = asyncio.get_running_loop().time
        seconds = context.config.approval_seconds
        self._approvals = Approvals(terminal.uuid, number, seconds, say)
        reader = CommandReader(terminal, self._clock, context.config.quiet_limit_seconds)
        self._guard = Guard(reader, context.judge, self._approvals.granted, self._record.typed)

    # -- the whole

    async def run(self) -> None:
        """Do what was asked. Ends in a bounded time. Raises AssistantError, LimitReached."""
        with ExitStack() as scope:
            ledger = self._context.ledger
            self._bounds = {name: scope.enter_context(ledger.bound(limit)) for name, limit in _BOUNDS.items()}
            self._conversation = Conversation(self._bounds["messages"], self._bounds["bytes"])
            scope.callback(self._conversation.clear)
            seconds = self._bounds["seconds"].capacity
            try:
                async with asyncio.timeout(seconds) as limit:
                    await self._converse()
            except TimeoutError:
                if not limit.expired():
                    raise
                self._bounds["seconds"].set(seconds)
                self._bounds["seconds"].refuse("more time")
                raise AssistantError(f"stopped after {seconds} s; the task may be unfinished") from None

    async def _converse(self) -> None:
        self._record.write("prompt", self.prompt)
        self._say("ai:started", messages.AiStarted(uuid=self._uuid, conversation=self.number, prompt=self.prompt[:200]))
        began, before = self._clock(), _After.GO_ON
        async with self._context.open_model() as model:
            self._record.secrets = self._record.secrets.also(model.secret)
            self._conversation.begin(
                prompts.request(self._record.secrets.blank(self.prompt), await self._screen(), self._turns)
            )
            while (after := await self._take_turn(model)) is not _After.DONE:
                if after is before is _After.NOT_UNDERSTOOD:
                    raise AssistantError("the model answered twice with what are no actions; ask again, in other words")
                before = after
                self._bounds["seconds"].set(int(self._clock() - began))

    @property
    def _turns(self) -> int:
        return self._bounds["turns"].capacity

    # -- one turn

    async def _take_turn(self, model: ModelClient) -> _After:
        if self.turn >= self._turns:
            raise AssistantError(f"stopped after {self.turn} turns; the task may be unfinished")
        self.turn += 1
        self._bounds["turns"].set(self.turn)
        answer = await model.answer(self._question(), self._notice)
        self._count(answer.tokens)
        if answer.refused:
            raise AssistantError("the model declines to do this")
        self._conversation.answered(answer.blocks)
        meaning = understand(answer.blocks, answer.cut_off)
        if isinstance(meaning, NotUnderstood):
            self._conversation.told(prompts.not_understood(meaning.why), meaning.calls, failed=True)
            return _After.NOT_UNDERSTOOD
        self._record.write("asked", "\n".join(map(_in_words, meaning.actions)))
        return await self._act(meaning.actions, meaning.calls)

    def _question(self) -> Question:
        wrong = problems(self._conversation.messages)
        if wrong:
            raise AssistantError(f"the conversation is not as the model's API wants it: {wrong[0]}")
        config, bounds = self._config, self._bounds
        system = prompts.system(
            turns=self._turns,
            actions=bounds["actions"].capacity,
            typed=bounds["typed"].capacity,
            screen=bounds["screen"].capacity,
            quiet=config.quiet_seconds,
        )
        return Question(system, self._conversation.messages, TOOLS)

    def _count(self, tokens: int) -> None:
        self.tokens += tokens
        bound = self._bounds["tokens"]
        if self.tokens > bound.capacity:
            bound.refuse("tokens")
            raise AssistantError(
                f"stopped after {self.tokens} tokens, of at most {bound.capacity}; it may be unfinished"
            )
        bound.set(self.tokens)

    async def _act(self, actions: Sequence[Action], calls: Sequence[str]) -> _After:
        plan = within_bounds(actions, self._bounds["actions"].capacity, self._bounds["typed"].capacity)
        self._bounds["actions"].set(len(plan.actions))
        self._bounds["typed"].set(plan.typed)
        failure = await self._perform(plan)
        if plan.looks_on is None and not plan.refused and not failure:
            return _After.DONE
        words = [failure or f"{len(plan.actions)} of {len(actions)} actions were run.", *plan.words]
        screen = await self._next_screen(plan, words)
        self._conversation.told(prompts.report(" ".join(words), screen, self.turn + 1, self._turns), calls)
        return _After.GO_ON

    async def _perform(self, plan: Plan) -> str:
        """Run the actions, in order; empty, or why they were not all run."""
        if self._config.approvals is When.ALWAYS and not await self._whole_turn_allowed(plan):
            return "The person did not allow these actions; none was run. Find another way, or ask what is wanted."
        self._guard.begin_turn()
        for number, action in enumerate(plan.actions, 1):
            try:
                allowed = await self._do(action, plan.actions[number:])
            except TerminalError as error:
                return f"Action {number} failed, and none after it was run: {error}."
            if not allowed:
                return (
                    f"The person did not allow action {number}; it and all after it were not run, and the command line "
                    "is empty. Find another way, or ask what is wanted."
                )
        return ""

    async def _whole_turn_allowed(self, plan: Plan) -> bool:
        keystrokes = [action for action in plan.actions if isinstance(action, Keystroke)]
        steps = tuple(step_of(keystroke, self._risk_of(keystroke)) for keystroke in keystrokes)
        return not steps or await self._approvals.granted(steps, "nothing was typed")

    def _risk_of(self, keystroke: Keystroke) -> str | None:
        lines = (keystroke.text or "").splitlines()
        said = "the model says so" if keystroke.risky else ""
        return ", ".join(filter(None, (said, self._context.judge.risk_of_any(lines)))) or None

    async def _do(self, action: Action, following: Sequence[Action]) -> bool:
        """Do it; False when a person did not allow it."""
        if isinstance(action, Message):
            self._say("ai:message", messages.AiMessage(uuid=self._uuid, conversation=self.number, text=action.text))
            return True
        if isinstance(action, Keystroke) and not await self._type(action, following):
            return False
        step = messages.AiAction(uuid=self._uuid, conversation=self.number, turn=self.turn, action=step_of(action))
        self._say("ai:action", step)
        await asyncio.sleep(action.ms / 1000 if isinstance(action, Delay) else 0)
        return True

    async def _type(self, action: Keystroke, following: Sequence[Action]) -> bool:
        if self._config.approvals is When.RISKY:
            return await self._guard.type([action, *(next_ for next_ in following if isinstance(next_, Keystroke))])
        self._record.typed(action.key, action.text)
        self._terminal.write(typed_text(action, action.key is not None and application_keys(self._terminal)))
        return True

    # -- the screen

    async def _next_screen(self, plan: Plan, words: list[str]) -> str:
        config, most = self._config, self._bounds["screen"].capacity
        if not await quiet(self._terminal, config.quiet_seconds, config.quiet_limit_seconds, self._clock):
            words.append(f"The terminal still prints after {config.quiet_limit_seconds:g} s.")
        asked = plan.looks_on
        if asked is None or (asked.start is None and asked.end is None):
            return await self._screen()
        view = await look(self._terminal, Slice(most, asked.start, asked.end), self._record.secrets)
        if (view.start, view.end) != (asked.start, asked.end):
            words.append(f"A slice has at most {most} characters within 0 to {view.total}; it was fitted.")
        self._bounds["screen"].set(len(view.text))
        return str(view)

    async def _screen(self) -> str:
        length = min(self._config.screen_characters, self._bounds["screen"].capacity)
        view = await look(self._terminal, Slice(length), self._record.secrets)
        self._bounds["screen"].set(len(view.text))
        return str(view)

    # -- the person

    def answer(self, question: str, ok: bool) -> bool:
        """A person's answer to an approval; False when nothing waits under this id."""
        return self._approvals.answer(question, ok)

    @property
    def waiting(self) -> messages.AiApproval | None:
        """The question that waits for a person."""
        return self._approvals.waiting

    def _notice(self, text: str) -> None:
        text = self._record.secrets.blank(text)
        payload = messages.AiMessage(uuid=self._uuid, conversation=self.number, text=text, source="agent")
        self._say("ai:message", payload)


def _in_words(action: Action) -> str:
    """An action as the record has it."""
    match action:
        case Keystroke(key=None):
            return f"text {action.text}"
        case Keystroke():
            return f"key {action.key}"
        case Delay():
            return f"delay {action.ms} ms"
        case Message():
            return f"message {action.text}"
        case _:
            return "request_screen"
