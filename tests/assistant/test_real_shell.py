"""A whole task in a real shell: the model makes a file with vim, looks at it, and checks it with cat.

It needs vim. The test is skipped without it; continuous integration installs it.
"""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mobifai.assistant.model import ModelRequest
from mobifai.assistant.scripted_model import ScriptedModel
from mobifai.assistant.service import Assistant
from mobifai.assistant.viewers import Viewers
from mobifai.bounds import Ledger
from mobifai.protocol import messages
from mobifai.terminals.events import TerminalClosed
from mobifai.terminals.local_spawner import LocalSpawner
from mobifai.terminals.shells import ShellSpec, shell_environment
from mobifai.terminals.store import TabStore
from mobifai.terminals.tabs import Tabs
from tests.assistant.fakes import Notes
from tests.assistant.place import FAST, LOOK, presses, says, types

VIM = shutil.which("vim") or shutil.which("vi")
needs_vim = pytest.mark.skipif(
    VIM is None, reason="this test drives vim, which is not installed here (apt install vim)"
)


@asynccontextmanager
async def a_shell(directory: Path, script: list[Any]) -> AsyncIterator[tuple[Assistant, Tabs, Notes]]:
    """Run a shell in a directory, and an assistant with this script."""
    ledger, outlet = Ledger({"assistant.turns": 500}), Notes()
    environment = {**shell_environment({"PATH": "/usr/bin:/bin"}, "/bin/sh"), "PS1": "$ ", "LANG": "C.UTF-8"}
    spec = ShellSpec(("/bin/sh",), environment, str(directory))
    async with AsyncExitStack() as scope:
        spawner = await scope.enter_async_context(LocalSpawner(ledger))
        store = scope.enter_context(TabStore(directory / "tabs.sqlite"))
        tabs = Tabs(
            ledger,
            spawner,
            store,
            lambda: spec,
            lambda: 1,
            lambda event: assistant.terminal_closed(event.terminal.uuid) if isinstance(event, TerminalClosed) else None,
        )
        viewers = Viewers()
        viewers.add(outlet)
        scope.callback(tabs.close)
        assistant = await scope.enter_async_context(
            Assistant(FAST, directory, ledger, tabs, viewers, environ={}, model=lambda: ScriptedModel(script))
        )
        tabs.open("tab", cols=70, rows=20)
        tabs.activate(("tab",))
        yield assistant, tabs, outlet
    assert all(entry.peak <= entry.capacity for entry in ledger.entries())


def screen_of(question: ModelRequest) -> str:
    block = question.messages[-1]["content"][0]
    text = block["text"] if block["type"] == "text" else block["content"][0]["text"]
    found = re.search(r'<screen id="(\w+)">\n(.*)\n</screen id="\1">', text, re.DOTALL)
    assert found is not None
    return found[2]


class Script:
    """Steps that each wait for their moment. The last one ends the task."""

    def __init__(self, *steps: tuple[Callable[[str], object], list[dict[str, Any]]]) -> None:
        self._steps = list(steps)
        self.screens: list[str] = []

    async def __call__(self, question: ModelRequest) -> Any:
        screen = screen_of(question)
        seen, actions = self._steps[0]
        if not seen(screen):
            await asyncio.sleep(0.02)
            return [LOOK]
        self.screens.append(screen)
        self._steps.pop(0)
        return actions


@needs_vim
async def test_a_file_is_made_with_vim_and_checked(tmp_path: Path) -> None:
    lines = [f"line {number} of the file" for number in range(1, 31)]
    script = Script(
        (lambda screen: screen.endswith("$"), [types(f"{VIM} -u NONE -N --noplugin note.txt\n"), LOOK]),
        (lambda screen: '"note.txt"' in screen and "\n~\n" in screen, [types("i"), types("\n".join(lines)), LOOK]),
        (lambda screen: lines[-1] in screen, [presses("Escape"), types("gg"), LOOK]),
        (lambda screen: screen.startswith(f"{lines[0]}\n"), [presses("Down"), presses("End"), types("a!"), LOOK]),
        (lambda screen: f"{lines[1]}!" in screen, [presses("Escape"), types(":wq\n"), LOOK]),
        (lambda screen: screen.endswith("\n$") and "~" not in screen, [types("tail -n +2 note.txt\n"), LOOK]),
        (lambda screen: screen.endswith(f"{lines[-1]}\n$"), [says("It is there.")]),
    )
    async with a_shell(tmp_path, [script]) as (assistant, _, notes):
        assistant.prompt(messages.Prompt(prompt="Make note.txt"), notes)
        event, payload = await notes.end()
        assert event == "ai:finished", (payload, script.screens)
        assert notes.of("ai:message")[-1]["text"] == "It is there."
    lines[1] += "!"
    assert (tmp_path / "note.txt").read_text() == "\n".join(lines) + "\n"
    in_vim = script.screens[3].split("\n")
    assert in_vim[:19] == [lines[0], lines[1].removesuffix("!"), *lines[2:19]]
    assert script.screens[-1].count("line 17 of the file") == 1


async def test_a_shell_that_ends_ends_the_conversation(tmp_path: Path) -> None:
    script = Script((lambda screen: screen.endswith("$"), [types("exit\n"), LOOK]), (lambda screen: False, []))
    async with a_shell(tmp_path, [script]) as (assistant, _, notes):
        assistant.prompt(messages.Prompt(prompt="leave"), notes)
        event, payload = await notes.end()
        assert (event, payload["error"]) == ("ai:error", "the terminal in which the assistant worked was closed")
