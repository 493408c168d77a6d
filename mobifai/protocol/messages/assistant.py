"""The assistant: the prompt (section 5), and what this project adds."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from mobifai import limits
from mobifai.protocol.messages.fields import Id, Message


class Prompt(Message, frozen=True):
    """`ai:prompt`."""

    prompt: Annotated[str, Meta(min_length=1, max_length=limits.MAX_PROMPT)]
    uuid: Id | None = None


class AiCancel(Message, frozen=True):
    """`ai:cancel`: stop what runs in this terminal, or in all of them."""

    uuid: Id | None = None


class AiApprove(Message, frozen=True):
    """`ai:approve`: the answer to the `ai:approval` of this id."""

    id: Id
    ok: bool


class AiStarted(Message, frozen=True):
    """`ai:started`: the assistant works on a prompt, in this terminal."""

    uuid: str
    conversation: int
    prompt: str


class AiStep(Message, frozen=True):
    """One action: a text or key that is typed, a pause of `ms`, or a look at the screen. `risk` says why it is one.

    `line`: the command line that an Enter runs, as the screen shows it.
    """

    type: Literal["keystroke", "delay", "request_screen"]
    text: str | None = None
    key: str | None = None
    ms: int | None = None
    risk: str | None = None
    line: str | None = None


class AiAction(Message, frozen=True):
    """`ai:action`: what the assistant does now, in this turn (from 1)."""

    uuid: str
    conversation: int
    turn: int
    action: AiStep


class AiMessage(Message, frozen=True):
    """`ai:message`: what the model says to the person, or the agent about the model (`source`)."""

    uuid: str
    conversation: int
    text: str
    source: Literal["model", "agent"] = "model"


class AiFinished(Message, frozen=True):
    """`ai:finished`: the conversation is over, as the model or the person wanted."""

    uuid: str
    conversation: int
    turns: int
    tokens: int
    outcome: Literal["done", "cancelled"]


class AiError(Message, frozen=True):
    """`ai:error`: the conversation is over, or (without `conversation`) could not begin, or a request was refused."""

    uuid: str
    error: str
    conversation: int | None = None
    turns: int | None = None
    tokens: int | None = None


class AiAnswered(Message, frozen=True):
    """`ai:answered`: an `ai:approval` does not wait any more, whoever answered it, or nobody (`ok` is false)."""

    uuid: str
    conversation: int
    id: str
    ok: bool


class AiConversations(Message, frozen=True):
    """`ai:conversations`: in these terminals the assistant is at work; an `ai:history` of each follows."""

    running: tuple[str, ...]


class AiEvent(Message, frozen=True):
    """One event of an `ai:history`: what the message of this type said."""

    type: str
    payload: Any


class AiHistory(Message, frozen=True, omit_defaults=False):
    """`ai:history`: the newest conversation of a terminal. `dropped`: how many events before these are gone."""

    uuid: str
    conversation: int
    running: bool
    prompt: str
    events: tuple[AiEvent, ...]
    dropped: int


class AiApproval(Message, frozen=True):
    """`ai:approval`: these actions wait for an `ai:approve` with this id, for so many seconds."""

    uuid: str
    conversation: int
    id: str
    actions: tuple[AiStep, ...]
    seconds: float
