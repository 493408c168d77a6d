"""The actions that a model can request: the tool that it calls, the schema of its input, and the limits on both.

An action beyond a limit is shortened if that is harmless. Otherwise it is refused, together with all that follow. The
model is notified in both cases. Text to type is never shortened, because half a command is a different command. This
module does no I/O.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from mobifai.assistant import keys
from mobifai.limits import MAX_AI_DELAY, MAX_AI_KEYSTROKE, MAX_AI_MESSAGE

TOOL = "act"


class _Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="type"):
    """The base class of the actions that a model can request."""


class Keystroke(_Action, frozen=True, tag="keystroke"):
    """The action to type a text, or to press one key. `risky`: the model declares that the keystroke may do harm."""

    text: str | None = None
    key: str | None = None
    risky: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError unless there is either a text or a known key. msgspec converts it to a ValidationError."""
        if (self.text is None) == (self.key is None):
            raise ValueError(f"expected either text or key; found {'neither' if self.text is None else 'both'}")
        if self.key is not None and self.key not in keys.NAMES:
            raise ValueError(f"key: expected one of {', '.join(keys.NAMES)}; found {self.key[:40]!r}")


class Delay(_Action, frozen=True, tag="delay"):
    """The action to wait for `ms` milliseconds."""

    ms: int


class SendMessage(_Action, frozen=True, tag="message"):
    """The action to show the user a text."""

    text: str


class RequestScreen(_Action, frozen=True, tag="request_screen"):
    """The action to show the model the screen again. `start` and `end` select a part of it, counted in characters."""

    start: int | None = None
    end: int | None = None


ModelAction = Keystroke | Delay | SendMessage | RequestScreen


class Actions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The input of the tool `act`: the actions that the model requests, in order."""

    actions: tuple[ModelAction, ...]


def _object(kind: str, required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"type": {"type": "string", "const": kind}, **required, **(optional or {})},
        "required": ["type", *required],
        "additionalProperties": False,
    }


_RISKY = {"risky": {"type": "boolean", "description": "whether it may do harm that can't be undone"}}
_NUMBER = {"type": "integer"}

INPUT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "actions": {
            "type": "array",
            "description": "run in this order",
            "items": {
                "anyOf": [
                    _object("keystroke", {"text": {"type": "string"}, **_RISKY}),
                    _object("keystroke", {"key": {"type": "string", "enum": list(keys.NAMES)}, **_RISKY}),
                    _object("delay", {"ms": _NUMBER}),
                    _object("message", {"text": {"type": "string"}}),
                    _object("request_screen", {}, {"start": _NUMBER, "end": _NUMBER}),
                ]
            },
        }
    },
    "required": ["actions"],
    "additionalProperties": False,
}
"""The JSON Schema of the input of `act`. It has no limits on numbers and lengths, since the API does not allow these
for strict tools."""

TOOLS: Sequence[Mapping[str, Any]] = (
    {
        "name": TOOL,
        "description": "Act on the terminal. If the last action is request_screen you get another turn.",
        "input_schema": INPUT_SCHEMA,
        "strict": True,
    },
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The actions of a turn that are to be run.

    `words` are notes for the model about actions that were shortened or refused. `refused`: some actions are not run.
    """

    actions: tuple[ModelAction, ...]
    words: tuple[str, ...] = ()
    refused: bool = False

    @property
    def typed(self) -> int:
        """The number of characters that the actions type. A key counts as one."""
        return sum(_length(action) for action in self.actions)

    @property
    def looks_on(self) -> RequestScreen | None:
        """The last action if it requests the screen, else None. Such an action gives the model another turn."""
        last = self.actions[-1] if self.actions else None
        return last if isinstance(last, RequestScreen) else None


def within_bounds(actions: Sequence[ModelAction], most_actions: int, most_typed: int) -> Plan:
    """Return a plan with the first of these actions that respect the limits.

    It has at most `most_actions` actions and `most_typed` typed characters. An action that can't be run ends the plan.
    """
    planned: list[ModelAction] = []
    words: list[str] = []
    typed = 0
    for number, action in enumerate(actions, 1):
        typed += _length(action)
        refusal = _refusal(action)
        if number > most_actions:
            refusal = f"at most {most_actions} actions are run in one turn"
        elif typed > most_typed:
            refusal = f"at most {most_typed} characters are typed in one turn"
        if refusal:
            words.append(f"Action {number} and all after it were not run: {refusal}.")
            return Plan(tuple(planned), tuple(words), refused=True)
        fitting, word = _cut(action)
        planned.append(fitting)
        words += [f"Action {number}: {word}."] if word else []
    return Plan(tuple(planned), tuple(words))


_UNTYPED = re.compile(r"[^\t\n\r\x20-\x7e\x80-\U0010ffff]|[\x80-\x9f]")


def _length(action: ModelAction) -> int:
    return len(action.text or " ") if isinstance(action, Keystroke) else 0


def _refusal(action: ModelAction) -> str:
    if not isinstance(action, Keystroke) or action.text is None:
        return ""
    if len(action.text) > MAX_AI_KEYSTROKE:
        return f"a keystroke has at most {MAX_AI_KEYSTROKE} characters, this one {len(action.text)}"
    odd = _UNTYPED.search(action.text)
    return f"text has no control characters, this one has {odd.group()!a}; use key" if odd else ""


def _cut(action: ModelAction) -> tuple[ModelAction, str]:
    if isinstance(action, Delay) and not 0 <= action.ms <= MAX_AI_DELAY:
        ms = min(max(action.ms, 0), MAX_AI_DELAY)
        return Delay(ms), f"a delay is 0 to {MAX_AI_DELAY} ms; it was cut to {ms}"
    if isinstance(action, SendMessage) and len(action.text) > MAX_AI_MESSAGE:
        return SendMessage(
            action.text[:MAX_AI_MESSAGE]
        ), f"a message has at most {MAX_AI_MESSAGE} characters; it was cut"
    return action, ""


def typed_text(keystroke: Keystroke, application: bool) -> str:
    """Return the characters to write to the terminal for a keystroke. Line ends become the Enter key.

    `application`: the program in the terminal has enabled application cursor keys.
    """
    if keystroke.key is not None:
        return keys.encode(keystroke.key, application)
    return (keystroke.text or "").replace("\r\n", "\r").replace("\n", "\r")


def described(action: ModelAction) -> str:
    """Describe an action in words, for the audit log."""
    match action:
        case Keystroke(key=None):
            return f"text {action.text}"
        case Keystroke():
            return f"key {action.key}"
        case Delay():
            return f"delay {action.ms} ms"
        case SendMessage():
            return f"message {action.text}"
        case _:
            return "request_screen"
