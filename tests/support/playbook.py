"""Dialogues with a state machine, in the manner of mitmproxy's Playbook: `>>` is an event, `<<` its expected result.

    assert (
        Playbook(Pairing(...))
        >> when.relay_connected(0)
        << only(SendToRelay, event="register")
        << PairingStage.REGISTERING
    )

An event calls a method of the machine, which returns commands. The dialogue must expect each of them, in order: by a
value that equals it, by its type, or by `only`, which compares some of its attributes. A member of an enum is the stage
that the machine must be in. A dialogue is true at its end if no command is left over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Any


@dataclass(frozen=True)
class Event:
    """A call of one of the machine's methods."""

    name: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    def __str__(self) -> str:
        given = [*map(repr, self.arguments), *(f"{name}={value!r}" for name, value in self.options.items())]
        return f"{self.name}({', '.join(given)})"


class _When:
    """Makes events: `when.initiate(message)`."""

    def __getattr__(self, name: str) -> Callable[..., Event]:
        return lambda *arguments, **options: Event(name, arguments, options)


when = _When()


@dataclass(frozen=True)
class Only:
    """Equals a command of this type whose attributes have these values."""

    kind: type
    attributes: dict[str, Any]

    def matches(self, command: object) -> bool:
        """Compare the attributes that are given."""
        return isinstance(command, self.kind) and all(
            getattr(command, name) == value for name, value in self.attributes.items()
        )


def only(kind: type, **attributes: Any) -> Only:
    """Expect a command of a type, of which only these attributes matter."""
    return Only(kind, attributes)


class Playbook:
    """A dialogue with `machine`. `stage_of` returns its stage, which is its attribute `stage` otherwise."""

    def __init__(self, machine: Any, stage_of: Callable[[Any], Enum] = attrgetter("stage")) -> None:
        self._machine = machine
        self._stage_of = stage_of
        self._left: list[object] = []
        self.last: Any = None
        """The command that was expected last, which the next event may answer."""
        self._transcript: list[str] = []

    def __rshift__(self, event: Event) -> "Playbook":
        self._expect_nothing_more()
        self._transcript.append(f">> {event}")
        self._left = list(getattr(self._machine, event.name)(*event.arguments, **event.options))
        return self

    def __lshift__(self, expected: object) -> "Playbook":
        if isinstance(expected, Enum):
            self._expect_nothing_more()
            stage = self._stage_of(self._machine)
            self._compare(expected, stage, stage is expected)
        else:
            self.last = self._left.pop(0) if self._left else None
            self._compare(expected, self.last, _matches(expected, self.last))
        return self

    def __bool__(self) -> bool:
        self._expect_nothing_more()
        return True

    def _compare(self, expected: object, found: object, equal: bool) -> None:
        assert equal, self._message(f"<< {expected}   expected", f"<< {found}   found")
        self._transcript.append(f"<< {found}")

    def _expect_nothing_more(self) -> None:
        assert not self._left, self._message(*(f"<< {command}   not expected" for command in self._left))

    def _message(self, *lines: str) -> str:
        return "\n".join(["", *self._transcript, *lines])


def _matches(expected: object, command: object) -> bool:
    if isinstance(expected, Only):
        return expected.matches(command)
    return isinstance(command, expected) if isinstance(expected, type) else command == expected
