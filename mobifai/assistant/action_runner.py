"""Runs the actions of one turn of a conversation in order, as far as they are allowed. Owns no resources."""

import asyncio
from collections.abc import Callable, Sequence

from mobifai.assistant.actions import Delay, Keystroke, ModelAction, Plan, SendMessage, typed_text
from mobifai.assistant.approvals import Approvals, step_of
from mobifai.assistant.audit import Record
from mobifai.assistant.config import ApprovalMode
from mobifai.assistant.guard import Guard
from mobifai.assistant.risk import Judge
from mobifai.assistant.terminal import application_keys
from mobifai.errors import TerminalError
from mobifai.protocol import messages
from mobifai.terminals.terminal import Terminal


class ActionRunner:
    """Runs the actions of the conversation `number` in one terminal: types, waits, and sends messages to the user.

    `when` says which input needs the user's approval. `send` sends an event and its payload to the clients, for each
    action.
    """

    def __init__(
        self,
        number: int,
        terminal: Terminal,
        when: ApprovalMode,
        approvals: Approvals,
        guard: Guard,
        judge: Judge,
        record: Record,
        send: Callable[[str, object], None],
    ) -> None:
        self._number = number
        self._terminal = terminal
        self._uuid = terminal.uuid
        self._when = when
        self._approvals = approvals
        self._guard = guard
        self._judge = judge
        self._record = record
        self._send = send

    async def run(self, plan: Plan, turn: int) -> str:
        """Run the actions of a plan in turn number `turn`.

        Return an empty text if all actions were run. Otherwise return sentences for the model that say why not.
        """
        if self._when is ApprovalMode.ALWAYS and not await self._whole_turn_allowed(plan):
            return "The person did not allow these actions; none was run. Find another way, or ask what is wanted."
        self._guard.begin_turn()
        for number, action in enumerate(plan.actions, 1):
            try:
                allowed = await self._run_one(action, plan.actions[number:], turn)
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
        marked = "the model calls this risky" if keystroke.risky else ""
        return ", ".join(filter(None, (marked, self._judge.risk_of_any(lines)))) or None

    async def _run_one(self, action: ModelAction, following: Sequence[ModelAction], turn: int) -> bool:
        """Run one action of the model. Return False if the user did not allow it.

        `following` are the actions after it, which help to judge its risk.
        """
        if isinstance(action, SendMessage):
            self._send("ai:message", messages.AiMessage(uuid=self._uuid, conversation=self._number, text=action.text))
            return True
        if isinstance(action, Keystroke) and not await self._type(action, following):
            return False
        step = messages.AiAction(uuid=self._uuid, conversation=self._number, turn=turn, action=step_of(action))
        self._send("ai:action", step)
        await asyncio.sleep(action.ms / 1000 if isinstance(action, Delay) else 0)
        return True

    async def _type(self, action: Keystroke, following: Sequence[ModelAction]) -> bool:
        if self._when is ApprovalMode.RISKY:
            return await self._guard.type([action, *(next_ for next_ in following if isinstance(next_, Keystroke))])
        self._record.typed(action.key, action.text)
        self._terminal.write(typed_text(action, action.key is not None and application_keys(self._terminal)))
        return True
