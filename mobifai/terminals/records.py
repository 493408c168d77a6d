"""The records of tabs, for the next start of the agent: in a database, and as labels of shells in the keeper.

The database survives a restart of the machine. The keeper knows the shells that still run, even if the disk fails.
"""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from mobifai.terminals.shells import ShellSpec, Spawner, working_directory
from mobifai.terminals.store import SavedTab, TabStore
from mobifai.terminals.terminal import Tab, Terminal


class TabRecords:
    """The records of all tabs. A tab whose shell's directory is unknown is stored with that of `new_shell()`."""

    def __init__(self, store: TabStore, spawner: Spawner, new_shell: Callable[[], ShellSpec]) -> None:
        self._store = store
        self._spawner = spawner
        self._new_shell = new_shell

    def load(self) -> list[SavedTab]:
        """Return the stored tabs in their order."""
        return self._store.load()

    def save(self, tab: Tab, cwd: str) -> None:
        """Store a tab with the working directory of its shell."""
        self._store.save(tab, cwd)

    def save_running(self, terminal: Terminal) -> None:
        """Store the tab of a terminal whose shell runs, with its present directory."""
        self._store.save(terminal.tab, self._directory(terminal))

    def _directory(self, terminal: Terminal) -> str:
        with contextlib.suppress(ImportError, OSError):  # the shell is gone, or no descriptor is left to look it up
            return working_directory(terminal.pid)
        return self._new_shell().cwd

    def label(self, tab: Tab, *, ended: bool = False) -> None:
        """Store a tab's name and creation time with the keeper, as its shell's label. `ended`: the shell has ended."""
        label = {"name": tab.name, "created_at": tab.created_at}
        self._spawner.describe(tab.uuid, {**label, "ended": True} if ended else label)

    def keep_ended(self, tab: Tab) -> None:
        """Move the record of a tab whose shell has ended from the store to the keeper, which stores nothing on disk."""
        self.label(tab, ended=True)
        self._store.remove(tab.uuid)

    def remove(self, uuid: str, active: tuple[str, ...]) -> None:
        """Remove a closed tab, and store `active`: the ids of the tabs that are still active."""
        self._store.remove(uuid)
        self._store.set_active(active)

    def set_active(self, uuids: tuple[str, ...]) -> None:
        """Store that the tabs with these ids are active, and that all others are not."""
        self._store.set_active(uuids)


def labelled(tab: Tab, label: Mapping[str, object]) -> Tab:
    """Return `tab` with the name and the creation time in `label`, its shell's label in the keeper.

    The tab itself comes from the database, which may have missed the latest change.
    """
    name, created_at = label.get("name"), label.get("created_at")
    return replace(
        tab,
        name=name if isinstance(name, str) and name else tab.name,
        created_at=created_at if isinstance(created_at, int) else tab.created_at,
    )
