"""Asking a person before something is typed. It owns the question that waits; time and the way to ask are given."""

import asyncio
from collections.abc import Callable, Sequence

from mobifai.assistant.actions import Action, Keystroke
from mobifai.assistant.config import Approvals
from mobifai.assistant.risk import RiskPatterns, Typing
from mobifai.errors import AssistantError
from mobifai.protocol.messages import AiStep


class Approval:
    """One conversation's approvals."""

    def __init__(self, mode: Approvals, patterns: RiskPatterns, seconds: float) -> None:
        self._mode = mode
        self._patterns = patterns
        self._seconds = seconds
        self._typing = Typing()
        self._waiting: tuple[str, asyncio.Future[bool]] | None = None

    def answer(self, question: str, ok: bool) -> bool:
        """Take a person's answer; False when nothing waits under this id."""
        if self._waiting is None or self._waiting[0] != question or self._waiting[1].done():
            return False
        self._waiting[1].set_result(ok)
        return True

    def typed(self, keystroke: Keystroke) -> None:
        """Remember what was typed: a risky line may be typed in pieces."""
        self._typing.typed(keystroke)

    async def granted(
        self, question: str, actions: Sequence[Action], ask: Callable[[tuple[AiStep, ...]], None]
    ) -> bool:
        """Whether these may be done; waits for a person where the settings say so. Raises AssistantError.

        `ask` shows them to the person, who is answered for with `answer` and the id `question`.
        """
        keystrokes = [action for action in actions if isinstance(action, Keystroke)]
        steps = tuple(map(self._step, keystrokes, self._typing.after(keystrokes)))
        if not self._must_ask(steps):
            return True
        self._waiting = (question, asyncio.get_running_loop().create_future())
        try:
            ask(steps)
            async with asyncio.timeout(self._seconds):
                return await self._waiting[1]
        except TimeoutError:
            raise AssistantError(f"nobody approved the actions within {self._seconds:g} s; nothing was typed") from None
        finally:
            self._waiting = None

    def _must_ask(self, steps: Sequence[AiStep]) -> bool:
        if self._mode is Approvals.NEVER or not steps:
            return False
        return self._mode is Approvals.ALWAYS or any(step.risk for step in steps)

    def _step(self, keystroke: Keystroke, line: str) -> AiStep:
        if self._mode is Approvals.NEVER:
            return step_of(keystroke)
        said = ["the model says so"] if keystroke.risky else []
        found = self._patterns.reasons(line)
        return step_of(keystroke, ", ".join([*said, *([found] if found else [])])[:200] or None)


def step_of(action: Action, risk: str | None = None) -> AiStep:
    """An action as a phone sees it; a message has an event of its own."""
    if isinstance(action, Keystroke):
        return AiStep(type="keystroke", text=action.text, key=action.key, risk=risk)
    ms = getattr(action, "ms", None)
    return AiStep(type="request_screen" if ms is None else "delay", ms=ms)
