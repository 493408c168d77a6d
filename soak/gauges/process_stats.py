"""Counts a process from outside: descriptors, threads, child processes, files, and rows of databases.

Keeps nothing between two counts. Values that the system does not provide are missing in the results.
"""

import collections
import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import psutil

from mobifai.health.process_stats import descriptor_kinds

UNSTEADY = ("-wal", "-shm", "-journal")
"""Suffixes of SQLite's temporary files, which are not counted."""

FILES_COUNTED = 100_000


def process_values(pid: int, label: str = "") -> dict[str, float]:
    """Return the number of threads of a process, and of its descriptors by kind; {} if the process has ended.

    `label` becomes a part of the names: `descriptors:LABEL socket`.
    """
    kind_of, threads = (f"{label} ", f"{label}, of the system") if label else ("", "of the system")
    try:
        process = psutil.Process(pid)
        kinds = descriptor_kinds(pid) or {"any": process.num_fds()}
        values: dict[str, float] = {f"descriptors:{kind_of}{kind}": amount for kind, amount in kinds.items()}
        return {**values, f"threads:{threads}": process.num_threads()}
    except psutil.Error:
        return {}


def map_values(pid: int) -> dict[str, float]:
    """Return the number of memory maps of a process, as `maps`; {} if it is unknown.

    The kernel merges adjacent private maps, so a new map does not always increase the number.
    """
    with suppress(OSError):
        return {"maps": Path(f"/proc/{pid}/maps").read_bytes().count(b"\n")}
    return {}


def is_alive(pid: int) -> bool:
    """Return whether a process exists and has not ended."""
    with suppress(psutil.Error):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def budgets(pid: int) -> dict[str, float]:
    """Return the resident memory of a process as `rss.bytes`, and its virtual memory as `maps.bytes`.

    Return {} if the process has ended. These two values are never judged.
    """
    with suppress(psutil.Error):
        memory = psutil.Process(pid).memory_info()
        return {"rss.bytes": memory.rss, "maps.bytes": memory.vms}
    return {}


def family_values(mark: Path, counted: Collection[int]) -> dict[str, float]:
    """Count the processes whose temporary directory is `mark`, including orphans.

    Return their number by program (`processes:PROGRAM`), and the bytes of memory that only one process uses
    (`children.bytes`). The memory of the processes in `counted` (process ids) is not added, because these are counted
    from inside.
    """
    names: collections.Counter[str] = collections.Counter()
    memory = 0
    for process in marked(mark):
        with suppress(psutil.Error):
            names[process.name()] += 1
            memory += 0 if process.pid in counted else process.memory_full_info().uss
    values: dict[str, float] = {f"processes:{name}": amount for name, amount in names.items()}
    return {**values, "children.bytes": memory}


def marked(mark: Path) -> Iterator[psutil.Process]:
    """Yield every process of this user whose temporary directory is `mark`."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get("TMPDIR") == str(mark):
                yield process


def zombies(root: int) -> dict[str, float]:
    """Return the number of zombies among the descendants of the process `root`, as `zombies`.

    A zombie has ended, but its parent has not waited for it. Return {} if `root` has ended.
    """
    with suppress(psutil.Error):
        children = psutil.Process(root).children(recursive=True)
        return {"zombies": sum(_is_zombie(child) for child in children)}
    return {}


def _is_zombie(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    return False


def disk_values(folders: Mapping[str, Path]) -> dict[str, float]:
    """Return the number of files in each of `folders` (`files:LABEL`), and of rows in each table (`rows:FILE/TABLE`).

    The keys of `folders` are the labels. The tables are those of all SQLite databases in the folders.
    """
    values: dict[str, float] = {}
    for label, folder in folders.items():
        files = list(_files(folder))
        values[f"files:{label}"] = len(files)
        for file in files:
            if file.suffix == ".sqlite":
                values.update(_rows(file))
    return values


def _files(folder: Path) -> Iterator[Path]:
    found = 0
    for directory, _, names in os.walk(folder):
        for name in names:
            if not name.endswith(UNSTEADY) and found < FILES_COUNTED:
                found += 1
                yield Path(directory, name)


def _rows(file: Path) -> dict[str, float]:
    with suppress(sqlite3.Error), closing(_opened(file)) as base:
        tables = [name for (name,) in base.execute("select name from sqlite_master where type = 'table'")]
        counts = {table: base.execute(f"select count(*) from {_quoted(table)}").fetchone()[0] for table in tables}  # noqa: S608
        return {f"rows:{file.name}/{table}": amount for table, amount in counts.items()}
    return {}


def _opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=1)


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
