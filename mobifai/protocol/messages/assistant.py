"""Messages about the assistant: the prompt and its answers, and the additions of this project.

Section 5 of docs/reference/protocol.md describes the prompt.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypedDict

from msgspec import Meta

from mobifai import limits
from mobifai.protocol.ids import Id
from mobifai.protocol.messages.fields import Message


class Prompt(Message, frozen=True):
    """`ai:prompt`: a task for the assistant."""

    prompt: Annotated[str, Meta(min_length=1, max_length=limits.MAX_PROMPT)]
    uuid: Id | None = None


class AiCancel(Message, frozen=True):
    """`ai:cancel`: end the conversation in the terminal `uuid`, or all conversations if `uuid` is missing."""

    uuid: Id | None = None


class AiApprove(Message, frozen=True):
    """`ai:approve`: the user's answer to the `ai:approval` with this id."""

    id: Id
    ok: bool


class AiStarted(Message, frozen=True):
    """`ai:started`: the assistant began to work on a prompt in the terminal `uuid`."""

    uuid: str
    conversation: int
    prompt: str


class AiStep(Message, frozen=True):
    """One action: a text or key to type, a pause of `ms`, or a request for the screen.

    `risk` says why the action is risky. `line` is the command line that an Enter runs, as the screen shows it.
    """

    type: Literal["keystroke", "delay", "request_screen"]
    text: str | None = None
    key: str | None = None
    ms: int | None = None
    risk: str | None = None
    line: str | None = None


class AiAction(Message, frozen=True):
    """`ai:action`: an action that the assistant performs now. `turn` counts from 1."""

    uuid: str
    conversation: int
    turn: int
    action: AiStep


class AiMessage(Message, frozen=True):
    """`ai:message`: a text for the user, from the model or from the agent (`source`)."""

    uuid: str
    conversation: int
    text: str
    source: Literal["model", "agent"] = "model"


class AiFinished(Message, frozen=True):
    """`ai:finished`: the conversation has ended because the task is done or because it was cancelled (`outcome`)."""

    uuid: str
    conversation: int
    turns: int
    tokens: int
    outcome: Literal["done", "cancelled"]


class AiError(Message, frozen=True):
    """`ai:error`: a conversation failed or could not begin, or a request was refused.

    `conversation` is missing if there was no conversation.
    """

    uuid: str
    error: str
    conversation: int | None = None
    turns: int | None = None
    tokens: int | None = None


class AiAnswered(Message, frozen=True):
    """`ai:answered`: an `ai:approval` is no longer pending. It was answered, or it expired (then `ok` is false)."""

    uuid: str
    conversation: int
    id: str
    ok: bool


class AiConversations(Message, frozen=True):
    """`ai:conversations`: the ids of the terminals in which the assistant works. An `ai:history` of each follows."""

    running: tuple[str, ...]


class AiEvent(Message, frozen=True):
    """One event in an `ai:history`: a message of the assistant, with its `type` and `payload`."""

    type: str
    payload: Any


class AiHistory(Message, frozen=True, omit_defaults=False):
    """`ai:history`: the latest conversation of a terminal.

    `dropped` is the number of its earlier events that are no longer stored.
    """

    uuid: str
    conversation: int
    running: bool
    prompt: str
    events: tuple[AiEvent, ...]
    dropped: int


class AiApproval(Message, frozen=True):
    """`ai:approval`: these actions wait up to `seconds` for an `ai:approve` with this id."""

    uuid: str
    conversation: int
    id: str
    actions: tuple[AiStep, ...]
    seconds: float


AssistantHandlers = TypedDict(
    "AssistantHandlers",
    {
        "ai:prompt": Callable[[Prompt], None],
        "ai:cancel": Callable[[AiCancel], None],
        "ai:approve": Callable[[AiApprove], None],
    },
)
"""Handlers of a phone's requests about the assistant, by event."""
