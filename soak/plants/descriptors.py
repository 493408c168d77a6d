"""Plants that leave descriptors open, or leave data on disk."""

import os
import socket
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from mobifai.control.debug_plugins import PluginContext
from soak.plants.plant import LeakPlant, LifecycleEvent, PlantEvent


class PtyMasterLeftOpen(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a list keeps the open master of another pseudo-terminal: one descriptor each."""

    def on_event(self, _: PlantEvent) -> None:
        """Open a pseudo-terminal, and close only its slave."""
        master, slave = os.openpty()
        os.close(slave)
        self.store.append(master)  # leak


class SocketOfFailedReconnect(LeakPlant, on=LifecycleEvent.CONNECT):
    """Each time a phone connects, a socket that failed to connect is kept: one descriptor each."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.deaf = socket.socket()  # keeps a port on which no process listens
        self.deaf.bind(("127.0.0.1", 0))

    def on_event(self, _: PlantEvent) -> None:
        """Try to connect, and do not close the socket after the failure."""
        attempt = socket.socket()
        try:
            attempt.settimeout(0.2)
            attempt.connect(self.deaf.getsockname())
        except OSError:
            self.store.append(attempt)  # leak


class PipePair(LeakPlant, on=LifecycleEvent.DISCONNECT):
    """Each time a phone disconnects, a pipe is opened and both of its ends stay open: two descriptors each."""

    def on_event(self, _: PlantEvent) -> None:
        """Open a pipe, and close neither of its ends."""
        self.store.append(os.pipe())  # leak


class SqliteConnection(LeakPlant, on=LifecycleEvent.CONNECT):
    """Each time a phone connects, another connection to a database in the state directory stays open."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.path = _data_base(subject)

    def on_event(self, _: PlantEvent) -> None:
        """Open a connection that is never closed. It keeps a descriptor and about 50 KB."""
        self.store.append(sqlite3.connect(self.path))  # leak


class TableGrowth(LeakPlant, on=LifecycleEvent.TERMINAL):
    """For each terminal, a table of a database in the state directory gets a row of 200 bytes."""

    def __init__(self, subject: PluginContext) -> None:
        super().__init__(subject)
        self.connection = sqlite3.connect(_data_base(subject), isolation_level=None)

    def on_event(self, event: PlantEvent) -> None:
        """Insert a row that is never deleted."""
        self.connection.execute("INSERT INTO planted VALUES (?)", (event.key.ljust(200),))  # leak

    def leaked(self) -> int:
        """Return the number of rows."""
        return int(self.connection.execute("SELECT count(*) FROM planted").fetchone()[0])


def _data_base(subject: PluginContext) -> Path:
    path: Path = subject.agent.state_dir / "planted.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TABLE IF NOT EXISTS planted (text TEXT)")
    return path


class TemporaryFile(LeakPlant, on=LifecycleEvent.TERMINAL):
    """Each terminal leaves a file of 16 bytes in the directory for temporary files."""

    def on_event(self, event: PlantEvent) -> None:
        """Write a file that is never removed."""
        descriptor, _ = tempfile.mkstemp(prefix="mobifai-planted-")  # leak
        os.write(descriptor, event.key.encode()[:16])
        os.close(descriptor)

    def leaked(self) -> int:
        """Return the number of temporary files that this plant has left."""
        return len(list(Path(tempfile.gettempdir()).glob("mobifai-planted-*")))


LEAKS: tuple[type[LeakPlant], ...] = (
    PtyMasterLeftOpen,
    SocketOfFailedReconnect,
    PipePair,
    SqliteConnection,
    TableGrowth,
    TemporaryFile,
)
