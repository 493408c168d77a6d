"""Counts of a process from outside: descriptors by kind, zombies, orphans, files, rows. A process that ends is no
error.
"""

import mmap
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from soak.gauges import process_stats as outside
from tests.soak.soak_runs import wait_until

NOBODY = 2**22 + 1
"""A process id that no process has (proc(5): the largest is 2^22)."""

linux = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="kinds of descriptors come from /proc")


@contextmanager
def running(code: str, folder: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Start a Python process that executes `code`, reports that it has done so, and waits for the end of its input."""
    environment = {**os.environ, **({"TMPDIR": str(folder)} if folder else {})}
    process = subprocess.Popen(
        [sys.executable, "-c", f"import os, sys\n{code}\nprint(1, flush=True)\nsys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        yield process
    finally:
        process.communicate()


# -- one process


@linux
def test_descriptors_are_distinguished_by_kind() -> None:
    opened = (
        "import socket\n"
        "kept = [socket.socket() for _ in range(3)], os.pipe(), os.openpty(), open('/dev/null'), open(os.__file__)"
    )
    with running("") as plain, running(opened) as process:
        before, after = (outside.process_values(one.pid, "agent") for one in (plain, process))
    more = {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}
    assert more.pop("descriptors:agent socket") == 3
    assert more.pop("descriptors:agent pipe") == 2
    assert sum(more.values()) == 4
    assert all(name.startswith("descriptors:agent ") for name in more)


@linux
def test_memory_maps_are_counted_and_a_process_that_is_gone_has_none() -> None:
    before = outside.map_values(os.getpid())["maps"]
    kept = [mmap.mmap(-1, mmap.PAGESIZE) for _ in range(50)]  # shared maps, which the kernel does not merge
    more = outside.map_values(os.getpid())["maps"] - before
    for one in kept:
        one.close()
    assert 50 <= more <= 53  # Python's allocator may have mapped an arena meanwhile
    assert outside.map_values(NOBODY) == {}


def test_threads_are_those_of_the_system() -> None:
    started = "import threading\nfor _ in range(3): threading.Thread(target=sys.stdin.read, daemon=True).start()"
    with running(started) as process:
        values = outside.process_values(process.pid, "agent")
        memory = outside.budgets(process.pid)
    assert values["threads:agent, of the system"] == 4
    assert memory["maps.bytes"] > memory["rss.bytes"] > 1_000_000


def test_what_is_gone_has_no_values() -> None:
    assert outside.process_values(NOBODY, "agent") == {}
    assert outside.budgets(NOBODY) == {}
    assert outside.zombies(NOBODY) == {}
    with running("") as process:
        pass
    assert outside.process_values(process.pid, "agent") == {}


# -- the family


def test_children_are_found_by_their_temporary_directory_and_the_agent_is_not_weighed(tmp_path: Path) -> None:
    with running("", tmp_path) as agent, running("", tmp_path) as child, running("", tmp_path / "other"):
        assert {one.pid for one in outside.marked(tmp_path)} == {agent.pid, child.pid}
        values = outside.family_values(tmp_path, {agent.pid})
        all_weighed = outside.family_values(tmp_path, {NOBODY})
        name = psutil.Process(agent.pid).name()
    assert values[f"processes:{name}"] == 2
    assert 0 < values["children.bytes"] < all_weighed["children.bytes"]
    assert outside.family_values(tmp_path, {NOBODY}) == {"children.bytes": 0}


def test_an_orphan_of_a_double_fork_is_found_until_it_is_gone(tmp_path: Path) -> None:
    orphaned = (
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork(): os._exit(0)\n"
        "    os.close(0); os.close(1)\n"
        "    import time; time.sleep(600)\n"
        "os.wait()"
    )
    with running(orphaned, tmp_path) as agent:
        (orphan,) = [one for one in outside.marked(tmp_path) if one.pid != agent.pid]
        assert psutil.Process(agent.pid).children(recursive=True) == []
        assert (
            sum(v for n, v in outside.family_values(tmp_path, {agent.pid}).items() if n.startswith("processes:")) == 2
        )
    os.kill(orphan.pid, signal.SIGKILL)
    wait_until(
        lambda: outside.family_values(tmp_path, {agent.pid}) == {"children.bytes": 0}, "the orphan to be gone", 10
    )


def test_children_that_nobody_waited_for_are_zombies() -> None:
    code = "for _ in range(2):\n    if os.fork() == 0: os._exit(0)\nkept = os.fork() or sys.stdin.read()"
    with running("") as process:
        assert outside.zombies(process.pid) == {"zombies": 0}
    with running(code) as process:
        wait_until(lambda: outside.zombies(process.pid) == {"zombies": 2}, "two zombies", 10)


def test_grandchildren_count_among_zombies() -> None:
    code = "if os.fork() == 0:\n    if os.fork() == 0: os._exit(0)\n    sys.stdin.read(); os._exit(0)"
    with running(code) as process:
        wait_until(lambda: outside.zombies(process.pid) == {"zombies": 1}, "a zombie", 10)


# -- files and rows


def test_files_are_counted_at_any_depth_but_those_of_sqlite_that_come_and_go(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in ("one", "a/two", "a/b/three", "base.sqlite-wal", "base.sqlite-shm", "a/base.sqlite-journal"):
        (tmp_path / name).touch()
    assert outside.disk_values({"state": tmp_path, "temporary": tmp_path / "a" / "b"}) == {
        "files:state": 3,
        "files:temporary": 1,
    }
    assert outside.disk_values({"state": tmp_path / "nowhere"}) == {"files:state": 0}


def test_the_rows_of_every_table_are_counted_also_while_it_is_written(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "base.sqlite", isolation_level=None)) as base:
        base.execute("pragma journal_mode = wal")
        base.execute('create table "two ""words" (x)')
        base.execute("create table empty (x)")
        base.executemany('insert into "two ""words" values (?)', [(1,), (2,), (3,)])
        base.execute("begin immediate")
        base.execute("insert into empty values (1)")
        assert outside.disk_values({"state": tmp_path}) == {
            "files:state": 1,
            'rows:base.sqlite/two "words': 3,
            "rows:base.sqlite/empty": 0,
        }
        base.execute("rollback")


def test_a_name_with_signs_is_no_address(tmp_path: Path) -> None:
    folder = tmp_path / "a?b#c%20d"
    folder.mkdir()
    with closing(sqlite3.connect(folder / "base.sqlite")) as base:
        base.execute("create table one (x)")
    assert outside.disk_values({"state": folder}) == {"files:state": 1, "rows:base.sqlite/one": 0}


def test_a_file_that_is_no_data_base_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "base.sqlite").write_text("nothing of the kind, and long enough to be looked at " * 10)
    assert outside.disk_values({"state": tmp_path}) == {"files:state": 1}
