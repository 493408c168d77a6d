"""A database continues in memory while its file can't be written, and is written completely afterwards."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mobifai.database import RETRY_SECONDS, Database, WriteFailed
from mobifai.database_file import LOCKED_SECONDS
from mobifai.problems import Problems

SCHEMA = "CREATE TABLE things (name TEXT PRIMARY KEY) STRICT"
ADD = "INSERT INTO things VALUES (?)"


class Clock:
    """A clock that advances enough between two readings."""

    def __init__(self, step: float = RETRY_SECONDS + 1) -> None:
        self.step = step
        self._now = 0.0

    def __call__(self) -> float:
        self._now += self.step
        return self._now


@contextmanager
def opened(path: Path, problems: Problems | None = None, clock: Clock | None = None) -> Iterator[Database]:
    with closing(made(path, problems or Problems(), clock or Clock())) as database:
        yield database


def made(path: Path, problems: Problems, clock: Clock) -> Database:
    return Database(path, SCHEMA, 1, problems, contents="things", clock=clock)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program locks the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def names(database: Database) -> set[str]:
    return {str(name) for (name,) in database.execute("SELECT name FROM things")}


def test_a_file_that_is_locked_at_the_start_is_read_and_written_later(tmp_path: Path) -> None:
    path, problems = tmp_path / "d.sqlite", Problems()
    with opened(path) as database:
        database.execute(ADD, ("before",))
    with locked(path):
        database = made(path, problems, Clock())
        assert names(database) == {"before"}
        database.write_best_effort(ADD, ("meanwhile",))
        assert ["things will be lost on a restart" in one for one in problems] == [True]
        with pytest.raises(WriteFailed):
            database.execute(ADD, ("required",))
    database.write_best_effort(ADD, ("after",))
    assert list(problems) == []
    database.close()
    with opened(path) as again:
        assert names(again) == {"before", "meanwhile", "after"}


def test_a_file_that_is_locked_while_it_is_in_use_costs_nothing_that_may_wait(tmp_path: Path) -> None:
    path, problems = tmp_path / "d.sqlite", Problems()
    with opened(path, problems) as database:
        with locked(path):
            database.write_best_effort(ADD, ("one",))
            with pytest.raises(WriteFailed, match="free some space"):
                with database:
                    database.execute(ADD, ("two",))
                    database.execute(ADD, ("three",))
            assert names(database) == {"one"}
        with database:
            database.execute(ADD, ("four",))
        assert list(problems) == []
    with opened(path) as again:
        assert names(again) == {"one", "four"}


def test_an_error_within_a_change_undoes_all_of_it(tmp_path: Path) -> None:
    with opened(tmp_path / "d.sqlite") as database:
        with pytest.raises(RuntimeError):
            with database:
                database.execute(ADD, ("one",))
                raise RuntimeError
        assert names(database) == set()


def test_a_file_that_goes_while_it_is_in_use_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "d.sqlite"
    with opened(path) as database:
        database.execute(ADD, ("one",))
        for file in tmp_path.iterdir():
            file.write_bytes(b"garbage" * 1000)
        database.write_best_effort(ADD, ("two",))
        database.write_best_effort(ADD, ("three",))
        assert names(database) == {"one", "two", "three"}


def test_an_unreadable_file_is_never_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, problems = tmp_path / "d.sqlite", Problems()
    with opened(path) as database:
        database.execute(ADD, ("precious",))
    content = path.read_bytes()
    with monkeypatch.context() as patched:

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        patched.setattr("mobifai.database_file.open_file", refuse)
        patched.setattr("mobifai.database_file.read_whole", refuse)
        other = made(path, problems, Clock())
    other.write_best_effort(ADD, ("new",))
    with pytest.raises(WriteFailed):
        other.execute(ADD, ("required",))
    assert names(other) == {"new"}
    other.close()
    assert path.read_bytes() == content
    assert ["can't be read" in one for one in problems] == [True]


def test_a_file_that_is_locked_for_long_does_not_hold_up_every_change(tmp_path: Path) -> None:
    clock = Clock(step=0.0)
    with opened(tmp_path / "d.sqlite", clock=clock) as database:
        with locked(tmp_path / "d.sqlite"):
            began = time.monotonic()
            for number in range(100):
                database.write_best_effort(ADD, (str(number),))
            assert time.monotonic() - began < 20 * LOCKED_SECONDS
        database.write_best_effort(ADD, ("last",))
    with opened(tmp_path / "d.sqlite") as again:
        assert len(names(again)) == 101
