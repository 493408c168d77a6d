"""The log of a process: its loggers, its counts, and its removal at the end."""

import contextlib
import errno
import io
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import socketio

from mobifai.bounds import Ledger
from mobifai.errors import StateError
from mobifai.logs.rotating_file import log_path
from mobifai.logs.setup import RootLogHandler, set_up_logs
from mobifai.state import StateDir, open_state
from tests.health.clock import Clock

ours = logging.getLogger("mobifai.test")


class Place:
    """Install a log in this process."""

    def __init__(self, state: StateDir, level: str, form: str) -> None:
        self.state = state
        self.clock = Clock()
        self.stream = io.StringIO()
        self.ledger = Ledger({"log.kinds": 4})
        self.logs = RootLogHandler(level, form, self.stream, self.clock)
        self.logs.install()

    def on_screen(self) -> list[str]:
        return [line[17:] for line in self.stream.getvalue().splitlines()]

    def in_file(self) -> list[str]:
        return log_path(self.state.path).read_text().splitlines()


LIBRARIES = ("socketio.client", "socketio.server", "engineio.client", "engineio.server")


@contextmanager
def a_log(tmp_path: Path, level: str = "info", form: str = "text") -> Iterator[Place]:
    for name in LIBRARIES:  # in an earlier test, a library may have installed a handler
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).setLevel(logging.NOTSET)
    before = _loggers()
    with open_state(tmp_path / "state") as state:
        place = Place(state, level, form)
        try:
            yield place
        finally:
            place.logs.close()
            place.logs.close()
    assert _loggers() == before


def _loggers() -> tuple[object, ...]:
    names = ("", "mobifai", "socketio.client", "engineio.client")
    return tuple((logging.getLogger(name).level, list(logging.getLogger(name).handlers)) for name in names)


def test_the_file_says_all_that_people_see_with_date_and_place(tmp_path: Path) -> None:
    with a_log(tmp_path) as place, place.logs.to_file(place.state, place.ledger):
        ours.warning("the phone %s is gone", "p1")
    assert place.on_screen() == ["the phone p1 is gone"]
    greeting, line = place.in_file()
    assert f"process {os.getpid()}" in greeting
    assert line.endswith("WARNING mobifai.test: the phone p1 is gone")


def test_json_has_one_object_a_line(tmp_path: Path) -> None:
    with a_log(tmp_path, form="json") as place, place.logs.to_file(place.state, place.ledger):
        ours.info("two\nlines")
    for lines in (place.stream.getvalue().splitlines(), place.in_file()):
        logged = json.loads(lines[-1])
        assert (logged["level"], logged["logger"], logged["message"]) == ("info", "mobifai.test", "two\nlines")


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_libraries_are_quiet_below_warning(tmp_path: Path, level: str) -> None:
    with a_log(tmp_path, level) as place:
        for name in ("aioice.ice", "aiortc", "engineio.client", "socketio.client", "aiohttp.access", "asyncio"):
            logging.getLogger(name).info("%s chatters", name)
        ours.debug("ours at debug")
        ours.error("ours at error")
        assert place.on_screen() == [*(["ours at debug"] if level == "debug" else []), "ours at error"]


def test_libraries_bring_no_handler_of_their_own(tmp_path: Path) -> None:
    with a_log(tmp_path):
        socketio.AsyncClient()
        socketio.AsyncServer(async_mode="aiohttp")
        for name in LIBRARIES:
            assert logging.getLogger(name).handlers == []


def test_repeats_are_said_once_a_minute_on_both(tmp_path: Path) -> None:
    with a_log(tmp_path) as place, place.logs.to_file(place.state, place.ledger):
        for number in range(5):
            ours.warning("no answer from %d", number)
        place.clock.goes(59)
        place.logs.log_repeats()
        assert place.on_screen() == ["no answer from 0"]
        place.clock.goes(1)
        place.logs.log_repeats()
        assert place.on_screen() == ["no answer from 0", "no answer from 4 ... repeated 4 times in the last minute"]
        assert place.in_file()[-1].endswith(
            "WARNING mobifai.test: no answer from 4 ... repeated 4 times in the last minute"
        )


def test_counted_repeats_are_written_when_the_log_closes(tmp_path: Path) -> None:
    with a_log(tmp_path) as place, place.logs.to_file(place.state, place.ledger):
        ours.info("again")
        ours.info("again")
    assert place.in_file()[-1].endswith("again ... repeated 1 time in the last minute")


def test_kinds_count_in_the_ledger(tmp_path: Path) -> None:
    with a_log(tmp_path) as place, place.logs.to_file(place.state, place.ledger):
        for number in range(9):
            ours.info("%s", f"message {number}")
        entry = next(entry for entry in place.ledger.entries() if entry.name == "log.kinds")
        assert (entry.instances, entry.peak, entry.evicted) == (1, 4, 5)
    assert all(entry.instances == 0 for entry in place.ledger.entries())


def test_an_error_that_ends_the_process_is_in_the_file(tmp_path: Path) -> None:
    with a_log(tmp_path) as place:
        with pytest.raises(StateError), place.logs.to_file(place.state, place.ledger):
            raise StateError("port 8765 is taken; choose another")
        with pytest.raises(ZeroDivisionError), place.logs.to_file(place.state, place.ledger):
            _ = 1 // 0
    text = "\n".join(place.in_file())
    assert "ended: port 8765 is taken; choose another\n" in text
    assert "  ZeroDivisionError: integer division or modulo by zero" in text
    assert place.on_screen() == []


def test_a_traceback_is_in_the_file_and_not_on_the_screen(tmp_path: Path) -> None:
    with a_log(tmp_path) as place, place.logs.to_file(place.state, place.ledger):
        try:
            raise OSError("away")  # noqa: TRY301 - the traceback is what is tested
        except OSError:
            ours.exception("a call failed")
    assert place.on_screen() == ["a call failed"]
    assert place.in_file()[-1] == "  OSError: away"


def test_a_file_that_can_not_be_written_is_said_on_the_screen_once(tmp_path: Path) -> None:
    with a_log(tmp_path) as place:
        (place.state.path / "logs").write_text("in the way")
        with place.logs.to_file(place.state, place.ledger):
            ours.info("one")
            ours.info("two")
    said = place.on_screen()
    assert len(said) == 3
    assert "logs/mobifai.log can't be written" in said[0]
    assert said[1:] == ["one", "two"]


class _FullDisk(io.StringIO):
    def write(self, _: str, /) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _Closed(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.close()


@pytest.mark.parametrize("broken", [_FullDisk, _Closed, lambda: None])
def test_a_screen_that_is_gone_does_not_stop_the_file(tmp_path: Path, broken: Callable[[], io.StringIO | None]) -> None:
    with a_log(tmp_path) as place, _installed(RootLogHandler("info", "text", broken(), place.clock)) as logs:
        with logs.to_file(place.state, place.ledger):
            ours.info("written")
        assert place.in_file()[-1].endswith("written")


@contextmanager
def _installed(logs: RootLogHandler) -> Iterator[RootLogHandler]:
    logs.install()
    try:
        yield logs
    finally:
        logs.close()


def test_a_second_log_takes_the_place_of_the_first(tmp_path: Path) -> None:
    with a_log(tmp_path) as place, _installed(RootLogHandler("info", "text", io.StringIO(), place.clock)):
        ours.info("to the second")
        assert place.on_screen() == []
        assert sum(isinstance(handler, RootLogHandler) for handler in logging.getLogger().handlers) == 1


def test_threads_may_log_concurrently(tmp_path: Path) -> None:
    def speak(name: int) -> None:
        for number in range(200):
            ours.info("%s", f"{name} {number % 7}")

    with a_log(tmp_path) as place, place.logs.to_file(place.state, place.ledger):
        threads = [threading.Thread(target=speak, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    counted = 0
    for line in place.in_file()[1:]:
        _, found, rest = line.partition(" ... repeated ")
        counted += int(rest.split()[0]) if found else 1
    assert counted == 800


def test_commands_log_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    logs = set_up_logs("info", "text")
    try:
        ours.info("hello")
    finally:
        logs.close()
    out, err = capsys.readouterr()
    assert (out, err[9:]) == ("", "INFO    hello\n")


def test_a_reader_that_does_not_read_blocks_nobody() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    os.set_blocking(writer, True)
    with os.fdopen(reader, "rb"), os.fdopen(writer, "w") as stream:
        logs = RootLogHandler("info", "text", stream, time.monotonic)
        began = time.monotonic()
        for number in range(100):
            logs.emit(logging.LogRecord("mobifai", logging.INFO, "", 0, f"line {number}", None, None))
        assert time.monotonic() - began < 5
        os.read(reader, 1 << 20)
        logs.emit(logging.LogRecord("mobifai", logging.INFO, "", 0, "read again", None, None))
        assert b"read again" in os.read(reader, 1 << 20)
