"""Branches that test the gate: five leak in different ways, two grow intentionally, three do neither.

A branch is a few edits of this project's own sources. Owns the repository that it makes of them.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("mobifai", "soak", "profiles", "hatch_build.py", "pyproject.toml", "README.md", "LICENSE", "requirements")

TABS, REGISTRY, AGENT = "mobifai/terminals/tabs.py", "mobifai/session/registry.py", "mobifai/agent/agent.py"
SERVICE, MODES = "mobifai/assistant/service.py", "mobifai/terminals/modes.py"

ACCEPTED = """
[[accepted]]
figure = "{figure}"
grows_by = {grows_by}
reason = "{reason}"
expires = 2999-12-31
"""


@dataclass(frozen=True)
class Edit:
    """Replaces `old`, which occurs exactly once in the file, by `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Branch:
    """`names` is the gauge that must show a leak, `marked` a part of the line that must be named.

    `accepted` has pairs (figure, grows by) of the branch's accepted growth.
    """

    name: str
    scenario: str
    edits: tuple[Edit, ...]
    names: str = ""
    marked: str = ""
    accepted: tuple[tuple[str, int], ...] = ()

    @property
    def leaks(self) -> bool:
        """Return whether the gate has to fail."""
        return bool(self.names)


LEAKS = (
    Branch(
        "closed-terminals-are-kept", "terminals",
        (
            Edit(TABS, "        self._active: tuple[str, ...] = ()\n",
                 "        self._active: tuple[str, ...] = ()\n        self._ended_ones: list[Terminal] = []\n"),
            Edit(TABS, "        terminal.close()\n",
                 "        terminal.close()\n        self._ended_ones.append(terminal)\n"),
        ),
        names="canaries:mobifai.terminals.terminal.Terminal", marked="self._ended_ones.append(terminal)",
    ),
    Branch(
        "prompts-are-kept", "conversations",
        (
            Edit(SERVICE, "        run = AgentLoop(next(self._numbers), prompt, terminal, self._context, report)\n",
                 "        run = AgentLoop(next(self._numbers), prompt, terminal, self._context, report)\n"
                 "        _recent.append(bytes(900) + prompt.encode())\n"),
            Edit(SERVICE, 'AUDIT_FILE = "assistant.log"\n',
                 'AUDIT_FILE = "assistant.log"\n\n_recent: list[bytes] = []\n'),
        ),
        names="heap.bytes", marked="_recent.append(",
    ),
    Branch(
        "a-pipe-for-each-phone", "mixed",
        (
            Edit(REGISTRY, "        session.start()\n", "        os.pipe()\n        session.start()\n"),
            Edit(REGISTRY, "import logging\n", "import logging\nimport os\n"),
        ),
        names="descriptors:agent pipe", marked="os.pipe()",
    ),
    Branch(
        "a-task-for-each-terminal", "terminals",
        (
            Edit(TABS, "        self._records.save(tab, spec.cwd)\n",
                 "        self._records.save(tab, spec.cwd)\n"
                 "        asyncio.ensure_future(self._look_after(tab.uuid))\n"),
            Edit(TABS, "    def _name(self, wanted: str | None) -> str:\n",
                 "    async def _look_after(self, uuid: str) -> None:\n"
                 '        """Wait until it is gone."""\n'
                 "        while True:\n"
                 "            await asyncio.sleep(30_000)\n\n"
                 "    def _name(self, wanted: str | None) -> str:\n"),
        ),
        names="tasks:Tabs._look_after", marked="asyncio.ensure_future(",
    ),
    Branch(
        "accounts-stay-open", "terminals",
        (
            Edit(TABS, "        self._terminals[tab.uuid] = terminal\n",
                 "        self._ledger.open(TERMINALS)\n        self._terminals[tab.uuid] = terminal\n"),
        ),
        names="instances:terminals", marked="self._ledger.open(TERMINALS)",
    ),
)  # fmt: skip

ON_PURPOSE = (
    Branch(
        "a-table-at-the-start", "terminals",
        (
            Edit(AGENT, "        self.relay_target = relay_target\n",
                 "        self._table = b'.' * 3_000_000\n        self.relay_target = relay_target\n"),
        ),
        accepted=(("idle.heap", 3_100_000), ("idle.pages", 4_500_000), ("used.heap:*", 3_100_000)),
    ),
    Branch(
        "more-libraries-at-the-start", "terminals",
        (
            Edit(AGENT, "import asyncio\n",
                 "import asyncio\nimport pydoc_data.topics  # noqa: F401\nimport unittest.mock  # noqa: F401\n"
                 "import xmlrpc.server  # noqa: F401\nimport wsgiref.simple_server  # noqa: F401\n"),
        ),
        accepted=(
            *((f"{when}.objects", 60_000) for when in ("imports", "idle")), ("imports.modules", 100),
            *((f"{when}.heap", 6_000_000) for when in ("imports", "idle")), ("idle.pages", 9_000_000),
            ("used.objects:*", 60_000), ("used.heap:*", 6_000_000),
        ),
    ),
)  # fmt: skip

CLEAN = (
    Branch(
        "a-method-of-its-own", "terminals",
        (
            Edit(TABS, "        del self._terminals[terminal.uuid]\n"
                 "        self._active = tuple(uuid for uuid in self._active if uuid != terminal.uuid)\n",
                 "        self._forget(terminal.uuid)\n"),
            Edit(TABS, "    # -- across restarts\n",
                 "    def _forget(self, gone: str) -> None:\n        del self._terminals[gone]\n"
                 "        self._active = tuple(uuid for uuid in self._active if uuid != gone)\n\n"
                 "    # -- across restarts\n"),
        ),
    ),
    Branch(
        "a-bounded-cache", "terminals",
        (
            Edit(TABS, "def _ignore(_: TerminalEvent) -> None:\n",
                 "@functools.lru_cache(maxsize=64)\ndef _label(number: int) -> str:\n"
                 '    """The name of a tab that was given none."""\n    return f"Tab {number}"\n\n\n'
                 "def _ignore(_: TerminalEvent) -> None:\n"),
            Edit(TABS, '(name := f"Tab {n}")', "(name := _label(n))"),
            Edit(TABS, "import asyncio\n", "import asyncio\nimport functools\n"),
        ),
    ),
    Branch(
        "a-module-of-its-own", "conversations",
        (
            Edit(SERVICE, 'AUDIT_FILE = "assistant.log"\n', "AUDIT_FILE = names.AUDIT_FILE\n"),
            Edit(SERVICE, "from mobifai.assistant.audit import Audit\n",
                 "from mobifai.assistant import names\nfrom mobifai.assistant.audit import Audit\n"),
            Edit("mobifai/assistant/names.py", "",
                 '"""Names of files that the assistant writes."""\n\nAUDIT_FILE = "assistant.log"\n'),
        ),
    ),
)  # fmt: skip

BRANCHES = (*LEAKS, *ON_PURPOSE, *CLEAN)


def repository(place: Path) -> Path:
    """Create a repository with these sources as its branch `main`."""
    place.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, place / part, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, place / part)
    (place / "profiles" / "accepted.toml").unlink(missing_ok=True)
    git(place, "init", "--quiet", "--initial-branch", "main")
    commit(place, "Existing files")
    return place


def check_out(place: Path, branch: Branch) -> None:
    """Make a branch of `main`, with its edits in one commit."""
    git(place, "checkout", "--quiet", "-b", branch.name, "main")
    for edit in branch.edits:
        file = place / edit.file
        text = file.read_text() if file.exists() else ""
        assert text.count(edit.old) == 1 or not text, f"{edit.file}: {edit.old!r}"
        file.write_text(text.replace(edit.old, edit.new) if text else edit.new)
    entries = [
        ACCEPTED.format(figure=figure, grows_by=grows_by, reason="made to try the gate")
        for figure, grows_by in branch.accepted
    ]
    (place / "profiles" / "accepted.toml").write_text("".join(entries))
    commit(place, branch.name)


def commit(place: Path, message: str) -> None:
    """Commit everything."""
    git(place, "add", "--all")
    git(place, "-c", "user.name=Tests", "-c", "user.email=tests@localhost", "commit", "--quiet", "-m", message)


def git(place: Path, *words: str) -> None:
    """Run git there."""
    subprocess.run(["git", "-C", str(place), *words], check=True, capture_output=True)
