"""Real shells in tabs, with an assistant whose model is scripted and which asks before risky actions."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mobifai.assistant.config import ApprovalMode
from mobifai.assistant.scripted_model import ScriptedModel
from mobifai.assistant.service import Assistant
from mobifai.assistant.viewers import Viewers
from mobifai.bounds import Ledger
from mobifai.protocol import messages
from mobifai.terminals.local_spawner import LocalSpawner
from mobifai.terminals.shells import ShellSpec, shell_environment
from mobifai.terminals.store import TabStore
from mobifai.terminals.tabs import Tabs
from mobifai.terminals.terminal import Terminal
from tests.assistant.fakes import Notes
from tests.assistant.place import FAST
from tests.support.eventually import eventually

SHELLS = {
    "bash": ("bash", "--norc", "--noprofile"),
    "zsh": ("zsh", "-f"),
    "fish": ("fish", "--no-config"),
    "dash": ("dash",),
}
"""The shells to test, if they are installed."""

PRESENT = [name for name in SHELLS if shutil.which(name)]


@dataclass
class Shell:
    """A tab with a shell, and the assistant that types into it."""

    assistant: Assistant
    tabs: Tabs
    notes: Notes
    directory: Path

    @property
    def terminal(self) -> Terminal:
        return self.tabs.terminals[0]

    def screen(self) -> str:
        return self.terminal.replay().decode("utf-8", "replace")

    async def shows(self, text: str) -> None:
        await eventually(lambda: text in self.screen())

    async def prompt(self) -> None:
        """Wait for the shell's prompt."""
        await eventually(lambda: self.terminal.position > 0 and self.terminal.foreground().is_prompt)

    def ask(self) -> None:
        """Run a conversation with the model's script."""
        self.assistant.prompt(messages.Prompt(prompt="do it"), self.notes)

    async def asked(self, number: int = 1) -> dict[str, Any]:
        """Wait for this number of approvals. Return the last one."""
        return await self.notes.until("ai:approval", number)

    def answer(self, asked: dict[str, Any], ok: bool) -> None:
        self.assistant.approve(messages.AiApprove(id=asked["id"], ok=ok), self.notes)


@asynccontextmanager
async def a_shell(
    directory: Path, name: str, *steps: Any, cols: int = 80, prompt: str | None = None, **settings: Any
) -> AsyncIterator[Shell]:
    """Run a shell of this name in a directory."""
    ledger, outlet = Ledger(), Notes()
    environment = {
        **shell_environment({"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(directory)}, name),
        "LANG": "C.UTF-8",
        "HISTFILE": str(directory / ".history"),
        **({"PS1": prompt} if prompt is not None else {}),
    }
    path = shutil.which(name) or name
    spec = ShellSpec((path, *SHELLS[name][1:]), environment, str(directory))
    config = replace(FAST, approvals=ApprovalMode.RISKY, quiet_limit_seconds=2.0, **settings)
    async with AsyncExitStack() as scope:
        spawner = await scope.enter_async_context(LocalSpawner(ledger))
        store = scope.enter_context(TabStore(directory / "tabs.sqlite"))
        tabs = Tabs(ledger, spawner, store, lambda: spec, lambda: 1)
        viewers = Viewers()
        viewers.add(outlet)
        scope.callback(tabs.close)
        state = directory / "state"
        state.mkdir()
        assistant = await scope.enter_async_context(
            Assistant(config, state, ledger, tabs, viewers, environ={}, model=lambda: ScriptedModel(steps))
        )
        tabs.open("tab", cols=cols, rows=20)
        tabs.activate(("tab",))
        shell = Shell(assistant, tabs, outlet, directory)
        await shell.prompt()
        yield shell
