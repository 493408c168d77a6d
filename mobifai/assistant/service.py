"""The assistant of an agent. It starts a conversation in a terminal on request, and ends it.

Owns the conversations' tasks, at most one for each terminal. A conversation belongs to its terminal. It continues when
a phone disconnects. It ends with its terminal, with the command that started it, on request, or with the agent. Its
events are stored for phones that connect later (see `stories`).
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
from mobifai.assistant.events import ConversationStarted
from mobifai.assistant.loop import AgentLoop, LoopContext
from mobifai.assistant.model import OpenModel
from mobifai.assistant.models import open_model
from mobifai.assistant.redaction import Secrets
from mobifai.assistant.risk import Judge
from mobifai.assistant.stories import Stories
from mobifai.assistant.viewers import AssistantViewer, Viewers
from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import AssistantError, LimitReached, MobiFaiError, TerminalError
from mobifai.limits import ASSISTANT_CONVERSATIONS, MAX_PROMPT
from mobifai.protocol import messages
from mobifai.state import StateDir
from mobifai.terminals.tabs import Tabs
from mobifai.terminals.terminal import Terminal

_log = logging.getLogger(__name__)

SendEvent = Callable[[str, object], None]
"""A function that sends an event with its payload. It must not raise or block."""

AUDIT_FILE = "assistant.log"

_KEPT = frozenset({"ai:action", "ai:message", "ai:finished", "ai:error"})
"""Events that are stored, and sent again to a phone that connects later. A pending approval is sent separately."""


class Ending(Enum):
    """The reason to end a conversation before its loop ends. The value is the error text that clients receive."""

    CANCELLED = ""
    TERMINAL_CLOSED = "the terminal in which the assistant worked was closed"
    ASKER_LEFT = "`mobifai ask` no longer reads the assistant's steps"
    AGENT_STOPS = "the agent is stopping"


class ConversationTask:
    """Runs a conversation in a task.

    `say` sends its events. `forget` is called when the conversation has ended, before the last event is sent. Its
    arguments are the terminal's id and the reason (None if the loop ended).
    """

    def __init__(self, run: AgentLoop, uuid: str, say: SendEvent, forget: Callable[[str, Ending | None], None]) -> None:
        self.run = run
        self.over = asyncio.Event()
        self._uuid = uuid
        self._say = say
        self._forget = forget
        self._ending: Ending | None = None
        self._task: asyncio.Task[str] | None = asyncio.get_running_loop().create_task(self._serve(), name="assistant")
        self._task.add_done_callback(self._finish)

    def end(self, ending: Ending) -> None:
        """End the conversation now, for the reason `ending`. Further calls have no effect."""
        if self._ending is None and self._task is not None:
            self._ending = ending
            self._task.cancel()

    async def _serve(self) -> str:
        """Run the conversation to its end. Return the error for the user, or an empty text if it succeeded."""
        try:
            await self.run.run()
        except MobiFaiError as error:
            return str(error)
        except Exception as error:
            _log.exception("a conversation with the model failed")
            return f"internal error: {error!r}. This is a bug: report it, with logs/mobifai.log in the state directory"
        return ""

    def _finish(self, task: asyncio.Task[str]) -> None:
        self._task = None  # a cancelled task keeps its exception, and with it all objects of its frames
        self._forget(self._uuid, self._ending)
        if not task.cancelled():
            self._say(*self._final_event(task.result(), "done"))
        elif self._ending is not None:
            self._say(*self._final_event(self._ending.value, "cancelled"))
        asyncio.get_running_loop().call_soon(gc.collect)  # by then nothing refers to the task
        self.over.set()

    def _final_event(self, error: str, outcome: Literal["done", "cancelled"]) -> tuple[str, object]:
        number, turns, tokens = self.run.number, self.run.turn, self.run.tokens
        if error:
            return "ai:error", messages.AiError(
                uuid=self._uuid, error=error[:1000], conversation=number, turns=turns, tokens=tokens
            )
        return "ai:finished", messages.AiFinished(
            uuid=self._uuid, conversation=number, turns=turns, tokens=tokens, outcome=outcome
        )


class Assistant:
    """Starts and ends conversations. `viewers` receive their events; `publish` is called when a conversation begins.

    Leaving its `async with` ends all conversations. The audit log is in `state_dir`. The API key is there too, unless
    the settings name another file.
    """

    def __init__(
        self,
        config: AssistantConfig,
        state_dir: Path,
        ledger: Ledger,
        terminals: Tabs,
        viewers: Viewers,
        publish: Callable[[ConversationStarted], None] = lambda _: None,
        *,
        environ: Mapping[str, str] = os.environ,
        model: OpenModel | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        config = replace(config, key_file=config.key_file or state_dir / KEY_FILE)
        self._ledger = ledger
        self._terminals = terminals
        self._viewers = viewers
        self._publish = publish
        self._numbers = itertools.count(1)
        self._bound = ledger.open(ASSISTANT_CONVERSATIONS)
        self._running: BoundedMap[str, ConversationTask] = BoundedMap(self._bound)
        self._stories = Stories(StateDir(state_dir).assistant, ledger)
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
        """End all conversations with the model, and close the audit log and the histories. Idempotent."""
        while self._running:
            conversation = next(iter(self._running.values()))
            conversation.end(Ending.AGENT_STOPS)
            await conversation.over.wait()
        self._audit.close()
        self._stories.close()
        self._ledger.close(self._bound)

    @property
    def busy(self) -> bool:
        """Whether a conversation is running in any terminal."""
        return bool(self._running)

    # -- requests of the phone

    def prompt(self, message: messages.Prompt, viewer: AssistantViewer) -> None:
        """Start a conversation at the request of a viewer. If that fails, send the viewer `ai:error`."""
        uuid = message.uuid or ""
        try:
            terminal = self._terminal(message.uuid, viewer)
            uuid = terminal.uuid
            self.start(message.prompt, terminal)
            self._viewers.note_request(viewer, uuid)
        except (AssistantError, LimitReached, TerminalError) as error:
            viewer.send("ai:error", messages.AiError(uuid=uuid, error=str(error)))

    def cancel(self, message: messages.AiCancel, viewer: AssistantViewer) -> None:
        """End the conversation in the terminal that the message names, or all conversations if it names none.

        If there is none to end, send the viewer `ai:error`.
        """
        found = {uuid: conversation for uuid, conversation in self._running.items() if message.uuid in (None, uuid)}
        for uuid, conversation in found.items():
            self._viewers.note_request(viewer, uuid)  # so that this viewer gets the event of its end
            conversation.end(Ending.CANCELLED)
        if not found:
            error = f"the assistant is not working in {'any' if message.uuid is None else 'this'} terminal"
            viewer.send("ai:error", messages.AiError(uuid=message.uuid or "", error=error))

    def approve(self, message: messages.AiApprove, viewer: AssistantViewer) -> None:
        """Accept the answer to an approval from a viewer.

        If no approval with this id is pending, send the viewer `ai:error`.
        """
        if not self.answer(message.id, message.ok):
            viewer.send("ai:error", messages.AiError(uuid="", error=f"no approval with the id {message.id} is waiting"))

    def answer(self, question: str, ok: bool) -> bool:
        """Accept the answer to the approval with the id `question`. Return False if no such approval is pending."""
        return any(conversation.run.answer(question, ok) for conversation in self._running.values())

    # -- events of the agent

    def terminal_closed(self, uuid: str) -> None:
        """End the conversation in a terminal that was closed, and delete the terminal's history."""
        conversation = self._running.get(uuid)
        if conversation is not None:
            conversation.end(Ending.TERMINAL_CLOSED)
        else:
            self._stories.forget(uuid)

    def greet(self, viewer: AssistantViewer) -> None:
        """Send a new viewer the running conversations, the stored histories, and the pending approvals."""
        viewer.send("ai:conversations", messages.AiConversations(tuple(self._running)))
        for story in self._stories.histories(terminal.uuid for terminal in self._terminals.terminals):
            viewer.send("ai:history", story)
        for conversation in self._running.values():
            if conversation.run.waiting is not None:
                viewer.send("ai:approval", conversation.run.waiting)

    # -- conversations

    def start(self, prompt: str, terminal: Terminal, say: SendEvent | None = None) -> ConversationTask:
        """Start and return a conversation in a terminal. Raises AssistantError, LimitReached.

        `say` receives the conversation's events, in addition to the viewers.
        """
        if not prompt.strip() or len(prompt) > MAX_PROMPT:
            raise AssistantError(
                f"expected a task of 1 to {MAX_PROMPT} characters for the assistant; found {len(prompt)}"
            )
        busy = self._running.get(terminal.uuid)
        if busy is not None:
            at_work = f"{busy.run.prompt[:100]!r} (turn {busy.run.turn})"
            raise AssistantError(
                f"the assistant is already working in this terminal on {at_work}; cancel that task first"
            )
        if not self._bound.room:
            raise self._bound.refuse("one more conversation of the assistant")
        uuid = terminal.uuid

        def report(event: str, payload: object) -> None:
            self._report(uuid, event, payload)
            if say is not None:
                say(event, payload)

        run = AgentLoop(next(self._numbers), prompt, terminal, self._context, report)
        conversation = self._running[uuid] = ConversationTask(run, uuid, report, self._forget)
        self._publish(ConversationStarted(uuid, conversation))
        return conversation

    def _report(self, uuid: str, event: str, payload: object) -> None:
        """Store an event for viewers that connect later, and send it to the connected viewers."""
        if isinstance(payload, messages.AiStarted):
            self._stories.begin(payload)
        elif event in _KEPT:
            self._stories.add(uuid, event, payload)
        self._viewers.send(uuid, event, payload)

    def _forget(self, uuid: str, ending: Ending | None) -> None:
        del self._running[uuid]
        if ending is Ending.TERMINAL_CLOSED:
            self._stories.forget(uuid)
        self._stories.end(uuid, interrupted=ending is Ending.AGENT_STOPS)

    def _terminal(self, uuid: str | None, viewer: AssistantViewer) -> Terminal:
        """Return the terminal for a viewer's request: the first one whose shell runs. Raises TerminalError.

        The order is: the terminal with the id `uuid`, those that the viewer shows, the active ones.
        """
        wanted = () if uuid is None else (uuid,)
        return self._terminals.first_running((*wanted, *viewer.shown, *self._terminals.active))

    def tab(self, wanted: str | None) -> Terminal:
        """Return the terminal with this name or id. Raises TerminalError.

        None means an active terminal whose shell runs or, if there is none, the first terminal.
        """
        terminals = self._terminals.terminals
        if not terminals:
            raise TerminalError("there is no terminal; open one on a phone first")
        if wanted is None:
            try:
                return self._terminals.first_running(self._terminals.active)
            except TerminalError:
                return terminals[0]
        found = [terminal for terminal in terminals if wanted in (terminal.uuid, terminal.tab.name)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(f"{terminal.tab.name} ({terminal.uuid})" for terminal in terminals)
        raise TerminalError(
            f"expected the name or id of one tab; {len(found)} tabs match {wanted!r}. The tabs are: {names}"
        )
