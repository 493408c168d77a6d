"""Asks the user for approval before something is typed. Owns the question that waits for an answer."""

import asyncio
import itertools
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from mobifai.assistant.actions import Keystroke, ModelAction
from mobifai.errors import AssistantError
from mobifai.protocol.messages import AiAnswered, AiApproval, AiStep


@dataclass(frozen=True, slots=True)
class _Question:
    payload: AiApproval
    until: float
    answer: "asyncio.Future[bool]"


class Approvals:
    """Asks the user to approve actions of one conversation, one question at a time.

    `seconds` is how long the user may take to answer. `say` sends an event to all clients that may answer.
    """

    def __init__(
        self,
        uuid: str,
        conversation: int,
        seconds: float,
        say: Callable[[str, object], None],
    ) -> None:
        self._uuid = uuid
        self._conversation = conversation
        self._seconds = seconds
        self._say = say
        self._numbers = itertools.count(1)
        self._waiting: _Question | None = None

    @property
    def waiting(self) -> AiApproval | None:
        """The question that waits for the user's answer, with the seconds that are left; None without a question."""
        if self._waiting is None:
            return None
        payload, left = self._waiting.payload, self._waiting.until - asyncio.get_running_loop().time()
        return AiApproval(payload.uuid, payload.conversation, payload.id, payload.actions, max(0.0, round(left, 1)))

    def answer(self, question: str, ok: bool) -> bool:
        """Accept the user's answer to the question with this id. Return False if no such question is waiting."""
        if self._waiting is None or self._waiting.payload.id != question or self._waiting.answer.done():
            return False
        self._waiting.answer.set_result(ok)
        return True

    async def granted(self, steps: tuple[AiStep, ...], otherwise: str = "they were not run") -> bool:
        """Ask the user to approve these steps, and return whether the user approves.

        Raises AssistantError if nobody answers in time. Its message ends with `otherwise`.
        """
        loop = asyncio.get_running_loop()
        # A restarted agent counts from 1 again. With the random part, an answer to an old question does not match.
        question = f"{self._conversation}.{next(self._numbers)}.{secrets.token_hex(4)}"
        payload = AiApproval(self._uuid, self._conversation, question, steps, self._seconds)
        self._waiting = _Question(payload, loop.time() + self._seconds, loop.create_future())
        allowed = False
        try:
            self._say("ai:approval", payload)
            async with asyncio.timeout(self._seconds):
                allowed = await self._waiting.answer
        except TimeoutError:
            raise AssistantError(f"nobody approved the actions within {self._seconds:g} s; {otherwise}") from None
        finally:
            self._waiting = None
            self._say("ai:answered", AiAnswered(self._uuid, self._conversation, question, allowed))
        return allowed


def step_of(action: ModelAction, risk: str | None = None) -> AiStep:
    """Convert an action to a step, which phones show. `risk` is why the action is risky.

    Messages are not converted, since they are sent as events of their own.
    """
    if isinstance(action, Keystroke):
        return AiStep(type="keystroke", text=action.text, key=action.key, risk=risk)
    ms = getattr(action, "ms", None)
    return AiStep(type="request_screen" if ms is None else "delay", ms=ms)
