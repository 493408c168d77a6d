"""The assistant of an agent: who may start a conversation in which terminal, and what ends it.

It owns the conversations' tasks: one for each terminal at most. A conversation belongs to its terminal: it goes on when
a phone leaves, and ends with the terminal, with a command that asked, when somebody says so, or with the agent. What
phones are told of it is kept for those that come later (see `stories`).
"""

import asyncio
import gc
import itertools
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Literal

from mobifai.assistant.audit import Audit
from mobifai.assistant.config import KEY_FILE, AssistantConfig
from mobifai.assistant.loop import AgentLoop, LoopContext
from mobifai.assistant.model import OpenModel
from mobifai.assistant.models import open_model
from mobifai.assistant.redaction import Secrets
from mobifai.assistant.risk import Judge
from mobifai.assistant.stories import Stories
from mobifai.assistant.terminal import Terminal, Terminals
from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import AssistantError, LimitReached, MobiFaiError, TerminalError
from mobifai.limits import ASSISTANT_CONVERSATIONS, MAX_PROMPT
from mobifai.protocol import messages
from mobifai.state import StateDir

_log = logging.getLogger(__name__)

SendEvent = Callable[[str, object], None]
"""Takes an event and its payload. Never fails or waits."""

AUDIT_FILE = "assistant.log"

_KEPT = frozenset({"ai:action", "ai:message", "ai:finished", "ai:error"})
"""What is told again to a phone that comes later; an approval that waits is told by itself."""

_LAST = frozenset({"ai:finished", "ai:error"})

_FOR_FOLLOWERS = frozenset({"ai:answered"})
"""What only a phone knows that follows."""


class Ending(Enum):
    """Why a conversation is ended from outside; the text is what whoever asked is told."""

    CANCELLED = ""
    TERMINAL_CLOSED = "the terminal was closed"
    ASKER_LEFT = "whoever asked has left"
    AGENT_STOPS = "the agent is stopping"


class ConversationTask:
    """A conversation that is going on, in a task of its own.

    `say` reaches who follows it; `forget` is told when it is over, and why, before the last word is said.
    """

    def __init__(self, run: AgentLoop, uuid: str, say: SendEvent, forget: Callable[[str, Ending | None], None]) -> None:
        self.run = run
        self.over = asyncio.Event()
        self._uuid = uuid
        self._say = say
        self._forget = forget
        self._ending: Ending | None = None
        self._task: asyncio.Task[str] | None = asyncio.get_running_loop().create_task(self._serve(), name="assistant")
        self._task.add_done_callback(self._ended)

    def end(self, ending: Ending) -> None:
        """End it now; told twice, the first word counts."""
        if self._ending is None and self._task is not None:
            self._ending = ending
            self._task.cancel()

    async def _serve(self) -> str:
        """Why it failed; empty when it did not."""
        try:
            await self.run.run()
        except MobiFaiError as error:
            return str(error)
        except Exception as error:
            _log.exception("a conversation with the model failed")
            return f"an internal error, which should not be: {error!r}"
        return ""

    def _ended(self, task: asyncio.Task[str]) -> None:
        self._task = None  # a cancelled one keeps its error, and that all that was on its way
        self._forget(self._uuid, self._ending)
        if not task.cancelled():
            self._say(*self._last_word(task.result(), "done"))
        elif self._ending is not None:
            self._say(*self._last_word(self._ending.value, "cancelled"))
        asyncio.get_running_loop().call_soon(gc.collect)  # by then nobody holds the task
        self.over.set()

    def _last_word(self, error: str, outcome: Literal["done", "cancelled"]) -> tuple[str, object]:
        number, turns, tokens = self.run.number, self.run.turn, self.run.tokens
        if error:
            return "ai:error", messages.AiError(
                uuid=self._uuid, error=error[:1000], conversation=number, turns=turns, tokens=tokens
            )
        return "ai:finished", messages.AiFinished(
            uuid=self._uuid, conversation=number, turns=turns, tokens=tokens, outcome=outcome
        )


class Assistant:
    """All conversations. `say` reaches the phone that is here, if one is. `async with` ends them.

    `follows`: whether that phone has the feature `assistant`. The audit log, and the key if the settings name no other
    file for it, are in `state_dir`.
    """

    def __init__(
        self,
        config: AssistantConfig,
        state_dir: Path,
        ledger: Ledger,
        terminals: Terminals,
        say: SendEvent,
        *,
        follows: Callable[[], bool] = lambda: False,
        environ: Mapping[str, str] = os.environ,
        model: OpenModel | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        config = replace(config, key_file=config.key_file or state_dir / KEY_FILE)
        self._ledger = ledger
        self._terminals = terminals
        self._say = say
        self._numbers = itertools.count(1)
        self._bound = ledger.open(ASSISTANT_CONVERSATIONS)
        self._going: BoundedMap[str, ConversationTask] = BoundedMap(self._bound)
        self._stories = Stories(StateDir(state_dir).assistant, ledger)
        self._follows = follows
        self._asked_here: set[str] = set()  # bounded by the conversations
        self._audit = Audit(state_dir / AUDIT_FILE, ledger, now)
        self._context = LoopContext(
            config,
            ledger,
            model or (lambda: open_model(config, environ, ledger)),
            self._audit,
            Secrets(environ),
            Judge(config.risky_patterns, config.allowed_commands),
        )

    async def __aenter__(self) -> "Assistant":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all conversations. Twice changes nothing."""
        while self._going:
            going = next(iter(self._going.values()))
            going.end(Ending.AGENT_STOPS)
            await going.over.wait()
        self._audit.close()
        self._stories.close()
        self._ledger.close(self._bound)

    @property
    def busy(self) -> bool:
        """Whether a conversation is going on."""
        return bool(self._going)

    # -- what the phone says

    def prompt(self, message: messages.Prompt) -> None:
        """Start a conversation; what is wrong is said as `ai:error`."""
        uuid = message.uuid or ""
        try:
            terminal = self._terminal(message.uuid)
            uuid = terminal.uuid
            self.start(message.prompt, terminal)
            self._asked_here.add(uuid)
        except (AssistantError, LimitReached, TerminalError) as error:
            self._say("ai:error", messages.AiError(uuid=uuid, error=str(error)))

    def cancel(self, message: messages.AiCancel) -> None:
        """Stop the conversation in a terminal, or all of them."""
        found = {uuid: going for uuid, going in self._going.items() if message.uuid in (None, uuid)}
        for uuid, going in found.items():
            self._asked_here.add(uuid)  # it is told of the end
            going.end(Ending.CANCELLED)
        if not found:
            self._say(
                "ai:error", messages.AiError(uuid=message.uuid or "", error="the assistant does nothing here now")
            )

    def approve(self, message: messages.AiApprove) -> None:
        """Take a person's answer to an approval."""
        if not self.answer(message.id, message.ok):
            self._say("ai:error", messages.AiError(uuid="", error=f"nothing waits for an approval as {message.id}"))

    def answer(self, question: str, ok: bool) -> bool:
        """The same, from anybody; False when nothing waits under this id."""
        return any(going.run.answer(question, ok) for going in self._going.values())

    # -- what happens

    def terminal_closed(self, uuid: str) -> None:
        """This terminal is no more."""
        going = self._going.get(uuid)
        if going is not None:
            going.end(Ending.TERMINAL_CLOSED)
        else:
            self._stories.forget(uuid)

    def phone_came(self) -> None:
        """A phone that follows is there: tell it what goes on in each terminal, what was done, and what waits."""
        self._say("ai:conversations", messages.AiConversations(tuple(self._going)))
        for story in self._stories.histories(terminal.uuid for terminal in self._terminals.terminals):
            self._say("ai:history", story)
        for going in self._going.values():
            if going.run.waiting is not None:
                self._say("ai:approval", going.run.waiting)

    def phone_left(self) -> None:
        """Nobody is there now; conversations go on."""
        self._asked_here.clear()

    # -- conversations

    def start(self, prompt: str, terminal: Terminal, say: SendEvent | None = None) -> ConversationTask:
        """Start a conversation; `say` is told of it as phones are. Raises AssistantError, LimitReached."""
        if not prompt.strip() or len(prompt) > MAX_PROMPT:
            raise AssistantError(f"expected a prompt of 1 to {MAX_PROMPT} characters; found {len(prompt)}")
        busy = self._going.get(terminal.uuid)
        if busy is not None:
            at_work = f"{busy.run.prompt[:100]!r}, in turn {busy.run.turn}"
            raise AssistantError(f"the assistant is at work here already: {at_work}; cancel that first")
        if not self._bound.room:
            raise self._bound.refuse("one more conversation of the assistant")
        uuid = terminal.uuid

        def tell(event: str, payload: object) -> None:
            self._tell(uuid, event, payload)
            if say is not None:
                say(event, payload)

        run = AgentLoop(next(self._numbers), prompt, terminal, self._context, tell)
        going = self._going[uuid] = ConversationTask(run, uuid, tell, self._forget)
        return going

    def _tell(self, uuid: str, event: str, payload: object) -> None:
        """Keep it, and tell the phone: one that follows all, else only of what was asked for while it is here."""
        if isinstance(payload, messages.AiStarted):
            self._stories.begin(payload)
        elif event in _KEPT:
            self._stories.add(uuid, event, payload)
        if self._follows() or (uuid in self._asked_here and event not in _FOR_FOLLOWERS):
            self._say(event, payload)
        if event in _LAST:
            self._asked_here.discard(uuid)

    def _forget(self, uuid: str, ending: Ending | None) -> None:
        del self._going[uuid]
        if ending is Ending.TERMINAL_CLOSED:
            self._stories.forget(uuid)
        self._stories.end(uuid, interrupted=ending is Ending.AGENT_STOPS)

    def _terminal(self, uuid: str | None) -> Terminal:
        """The terminal of this id, or the first active one. Raises TerminalError."""
        try:
            return self._terminals.find(uuid)
        except TerminalError:
            return self._terminals.find(None)

    def tab(self, wanted: str | None) -> Terminal:
        """The terminal of this name or id; the first active one, or any. Raises TerminalError."""
        terminals = self._terminals.terminals
        if not terminals:
            raise TerminalError("there is no terminal; open one on a phone first")
        if wanted is None:
            try:
                return self._terminals.find(None)
            except TerminalError:
                return terminals[0]
        found = [terminal for terminal in terminals if wanted in (terminal.uuid, terminal.tab.name)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(f"{terminal.tab.name} ({terminal.uuid})" for terminal in terminals)
        raise TerminalError(f"expected the name or id of one tab; {len(found)} are {wanted!r}. There are: {names}")
