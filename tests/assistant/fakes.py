"""Terminals without shells, and a viewer that records the assistant's events."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from mobifai.errors import TerminalError
from tests.support.eventually import eventually

KEPT_BYTES = 100_000


@dataclass(frozen=True)
class FakeForeground:
    """By default a shell at its prompt."""

    pid: int = 1
    name: str = "bash"
    directory: str = "/"
    canonical: bool = False
    is_prompt: bool = True
    is_busy: bool = False


@dataclass(frozen=True)
class FakeTab:
    name: str = "Tab 1"


class FakeInput:
    """See `TypedInput`."""

    def __init__(self) -> None:
        self.count = 0
        self.line_is_new: bool | None = True


class FakeTerminal:
    """Keeps the input; `program` receives it, and prints by `output`."""

    def __init__(self, uuid: str = "a", program: "Program | None" = None, kept_bytes: int = KEPT_BYTES) -> None:
        self.uuid = uuid
        self.tab = FakeTab()
        self.size = (80, 24)
        self.position = 0
        self.typed = FakeInput()
        self.reads = FakeForeground()
        self.texts: list[str] = []
        self.full = False
        self._kept = b""
        self._kept_bytes = kept_bytes
        self.program = program

    def foreground(self) -> FakeForeground:
        return self.reads

    def replay(self) -> bytes:
        return b"\x1bc" + self._kept

    def output(self, data: str | bytes) -> None:
        data = data.encode() if isinstance(data, str) else data
        self.position += len(data)
        self._kept = (self._kept + data)[-self._kept_bytes :]

    def write(self, text: str) -> None:
        if self.full:
            raise TerminalError("the program in this terminal does not read", self.uuid)
        self.typed.count += 1
        self.texts.append(text)
        if self.program is not None:
            self.program(self, text)

    def clear(self) -> None:
        """Clear the output and the input."""
        self._kept = b""
        self.texts.clear()

    @property
    def text(self) -> str:
        return "".join(self.texts)


Program = Callable[[FakeTerminal, str], None]
"""A program that receives input and prints."""


def echoes_at_a_prompt(terminal: FakeTerminal, text: str) -> None:
    """Act as a shell whose commands print nothing."""
    terminal.output(text.replace("\r", "\r\n$ "))


class FakeTerminals:
    """Some terminals, of which the first is active."""

    def __init__(self, terminals: Iterable[FakeTerminal]) -> None:
        self.terminals = list(terminals)
        self.active = tuple(terminal.uuid for terminal in self.terminals[:1])

    def first_running(self, uuids: Iterable[str]) -> FakeTerminal:
        for uuid in uuids:
            for terminal in self.terminals:
                if terminal.uuid == uuid:
                    return terminal
        raise TerminalError("no terminal is active")


class Notes:
    """A viewer that records every event in the form for a phone."""

    def __init__(self, *, follows_assistant: bool = False) -> None:
        self.follows_assistant = follows_assistant
        self.shown: tuple[str, ...] = ()
        self.said: list[tuple[str, dict[str, Any]]] = []
        self._news = asyncio.Event()

    def send(self, event: str, payload: object) -> None:
        self.said.append((event, msgspec.json.decode(msgspec.json.encode(payload))))
        self._news.set()

    def of(self, event: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.said if name == event]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.said]

    async def until(self, event: str, number: int = 1) -> dict[str, Any]:
        """Wait until this number of an event has arrived. Return the newest one."""
        await eventually(lambda: len(self.of(event)) >= number)
        return self.of(event)[number - 1]

    async def end(self, number: int = 1) -> tuple[str, dict[str, Any]]:
        """Wait until this number of conversations have ended. Return how the last one ended."""

        def ends() -> list[tuple[str, dict[str, Any]]]:
            return [said for said in self.said if said[0] in ("ai:finished", "ai:error")]

        await eventually(lambda: len(ends()) >= number)
        return ends()[number - 1]
