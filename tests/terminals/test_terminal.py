"""One terminal: its screen, the output that waits for a phone, and pausing the program."""

import asyncio
import mmap
import os
import termios
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mobifai.bounds import Ledger
from mobifai.errors import TerminalError
from mobifai.limits import TERMINAL_RING
from mobifai.terminals import terminal as terminal_module
from mobifai.terminals.feed import TerminalFeed
from mobifai.terminals.output_cursor import READING_STOPS_AT
from mobifai.terminals.shells import ShellSpec, Spawned
from mobifai.terminals.spawning import ring_bytes, start_shell
from mobifai.terminals.store import TabStore
from mobifai.terminals.tabs import Tabs
from mobifai.terminals.terminal import Tab, Terminal
from tests.support.eventually import eventually
from tests.terminals.fakes import FakeSpawner

SPEC = ShellSpec(("/bin/sh",), {}, "/")


@asynccontextmanager
async def a_terminal(ledger: Ledger | None = None) -> AsyncIterator[tuple[Terminal, int]]:
    """A terminal and its other end, to which a test prints as a program does."""
    spawner = FakeSpawner()
    spawned = spawner.spawn("tab", SPEC, lambda: None)
    terminal = Terminal(Tab("tab", "Tab 1", 1), spawned, ledger or Ledger(), lambda _: None)
    try:
        yield terminal, spawner.slaves[spawned.pid]
    finally:
        terminal.close()
        spawner.close()


@asynccontextmanager
async def a_feed(
    ledger: Ledger | None = None, *, acknowledges: bool = False
) -> AsyncIterator[tuple[TerminalFeed, Terminal, int]]:
    """A feed of such a terminal, whose output nobody takes."""
    ledger = ledger or Ledger()
    async with a_terminal(ledger) as (terminal, program):
        feed = TerminalFeed(terminal, ledger, ignore, ignore, acknowledges=acknowledges)
        try:
            yield feed, terminal, program
        finally:
            feed.close()


def taken(feed: TerminalFeed) -> str:
    text = ""
    while feed.waiting:
        text += feed.take(1000).text
    return text


async def test_a_screen_comes_first_and_then_what_follows() -> None:
    async with a_feed() as (feed, terminal, program):
        os.write(program, b"before")
        await eventually(lambda: terminal.ring.end == 6)
        feed.attach()
        first = feed.take(1000)
        assert (first.begins_screen, first.text) == (True, "\x1bcbefore")
        os.write(program, b" after")
        await eventually(lambda: terminal.ring.end == 12)
        rest = feed.take(1000)
        assert (rest.begins_screen, rest.text) == (False, " after")


async def test_a_character_cut_in_two_comes_whole() -> None:
    async with a_feed() as (feed, _, program):
        feed.attach()
        os.write(program, "漢".encode()[:2])
        await eventually(lambda: feed.waiting == 2)
        assert feed.take(10).text == ""
        assert feed.waiting == 0
        os.write(program, "漢".encode()[2:])
        await eventually(lambda: feed.waiting == 3)
        assert feed.take(10).text == "漢"


async def test_output_that_nobody_takes_stops_the_program_and_taking_lets_it_run() -> None:
    async with a_feed() as (feed, terminal, program):
        os.set_blocking(program, False)
        feed.attach()
        async with asyncio.timeout(10):
            while feed.waiting < READING_STOPS_AT:
                with_room(program)
                await asyncio.sleep(0)
        stopped_at = terminal.ring.end
        while with_room(program):
            await asyncio.sleep(0)  # the kernel accepts some more, and then nothing
        assert terminal.ring.end == stopped_at
        taken(feed)
        await eventually(lambda: terminal.ring.end > stopped_at)


async def test_a_phone_that_takes_nothing_stops_the_program_only_for_a_while() -> None:
    async with a_feed() as (feed, terminal, program):
        os.set_blocking(program, False)
        feed.attach()
        async with asyncio.timeout(30):
            while terminal.ring.end < 4 * READING_STOPS_AT:
                with_room(program)
                await asyncio.sleep(0.001)
        chunk = feed.take(1000)
        assert chunk.begins_screen
        assert chunk.skipped == terminal.ring.start


async def test_a_phone_that_does_not_acknowledge_is_asked_how_far_it_is() -> None:
    async with a_feed(Ledger({"terminal.window": 1000}), acknowledges=True) as (feed, terminal, program):
        feed.attach()
        os.write(program, b"x" * 1500)
        await eventually(lambda: terminal.ring.end == 1500)
        assert len(taken(feed)) == 1000
        await eventually(lambda: feed.waiting == 1)
        question = feed.take(1000)
        assert (question.text, question.offset, question.end) == ("", 1000, 1000)
        feed.acknowledge(1000)
        assert len(taken(feed)) == 500


async def test_a_phone_that_says_what_it_has_gets_the_rest() -> None:
    async with a_feed() as (feed, terminal, program):
        os.write(program, b"before after")
        await eventually(lambda: terminal.ring.end == 12)
        feed.seek(terminal.stream, 6)
        feed.attach()
        chunk = feed.take(1000)
        assert (chunk.begins_screen, chunk.text, chunk.offset, chunk.end) == (False, " after", 6, 12)


@pytest.mark.parametrize("stream", ["another", None])
async def test_a_phone_that_has_another_shell_s_output_gets_the_screen(stream: str | None) -> None:
    async with a_feed() as (feed, terminal, program):
        os.write(program, b"before after")
        await eventually(lambda: terminal.ring.end == 12)
        feed.seek(stream, 6)
        feed.attach()
        assert feed.take(1000).text == "\x1bcbefore after"


def with_room(program: int) -> int:
    try:
        return os.write(program, b"x" * 4096)
    except BlockingIOError:
        return 0


async def test_without_a_phone_nothing_waits_and_the_program_runs() -> None:
    async with a_feed() as (feed, terminal, program):
        for _ in range(50):
            os.write(program, b"y" * 4000)
            end = terminal.ring.end
            await eventually(lambda end=end: terminal.ring.end > end)
        assert feed.waiting == 0
        assert len(terminal.ring) == TERMINAL_RING.value


@pytest.mark.parametrize(("cols", "rows"), [(0, 24), (80, 0), (1001, 24), (80, 100_000), (-1, -1)])
async def test_a_size_that_no_screen_has_is_refused(cols: int, rows: int) -> None:
    async with a_terminal() as (terminal, _):
        with pytest.raises(TerminalError, match=r"from 1 to 1000; found"):
            terminal.resize(cols, rows)


async def test_a_program_that_says_it_is_huge_is_taken_for_as_large_as_a_screen_can_be() -> None:
    async with a_terminal() as (terminal, program):
        termios.tcsetwinsize(program, (65535, 65535))
        assert terminal.size == (1000, 1000)


async def test_an_echo_is_there_when_a_key_has_been_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's echo, and early output of a program, without an iteration of the loop."""
    monkeypatch.setattr(terminal_module, "ECHO_SECONDS", 30.0)  # on a loaded machine
    async with a_feed() as (feed, terminal, program):
        modes = termios.tcgetattr(program)
        modes[3] |= termios.ECHO
        termios.tcsetattr(program, termios.TCSANOW, modes)
        feed.attach()
        terminal.write("x", by_hand=True)
        assert taken(feed) == "x"
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(program, termios.TCSANOW, modes)
        answers = threading.Thread(target=lambda: os.write(program, b"<" + os.read(program, 10) + b">"))
        answers.start()
        terminal.write("y", by_hand=True)
        assert taken(feed) in ("<xy>", "<x>")
        answers.join()


@pytest.mark.parametrize("why", ["no echo", "a long text", "hidden", "stopped"])
async def test_what_has_no_echo_or_shows_none_is_typed_all_the_same(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if why != "no echo":
        monkeypatch.setattr(terminal_module, "ECHO_SECONDS", float("inf"))
    async with a_feed() as (feed, terminal, program):
        if why != "hidden":
            feed.attach()
        if why == "stopped":
            terminal.flow.hold(60)
        text = "x" * (terminal_module.ECHO_BYTES + 1) if why == "a long text" else "x"
        terminal.write(text, by_hand=True)
        assert os.read(program, 100).decode() == text
        assert feed.waiting == 0


async def test_a_program_without_echo_is_polled_once_until_it_prints_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A phone may send many keys to a program that shows none."""
    looks = 0

    def give_way() -> None:
        nonlocal looks
        looks += 1

    monkeypatch.setattr("mobifai.terminals.pty._give_way", give_way)
    async with a_feed() as (feed, terminal, program):
        feed.attach()
        for times in (1, 2):
            before = looks
            terminal.write("x", by_hand=True)
            assert looks > before
            before = looks
            for _ in range(50):
                terminal.write("x", by_hand=True)
            assert looks == before
            os.write(program, b"printed")
            await eventually(lambda times=times: terminal.ring.end == 7 * times)  # type: ignore[misc]


async def test_a_program_that_ends_at_a_key_has_ended_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal_module, "ECHO_SECONDS", 30.0)
    spawner, ledger, ended = FakeSpawner(), Ledger(), list[Terminal]()
    spawned = spawner.spawn("tab", SPEC, lambda: None)
    terminal = Terminal(Tab("tab", "Tab 1", 1), spawned, ledger, ended.append)
    feed = TerminalFeed(terminal, ledger, ignore, ignore, acknowledges=False)
    try:
        feed.attach()
        os.write(spawner.slaves[spawned.pid], b"bye")
        spawner.close_slave(spawned.pid)
        terminal.write("x", by_hand=True)
        terminal.write("y", by_hand=True)
        assert taken(feed) == "bye"
        await eventually(lambda: ended == [terminal])
        terminal.write("z", by_hand=True)
    finally:
        feed.close()
        terminal.close()
        spawner.close()
    assert ended == [terminal]


async def test_input_that_nobody_reads_is_refused_at_its_limit() -> None:
    async with a_terminal(Ledger({"terminal.input": 1000})) as (terminal, _):
        with pytest.raises(TerminalError, match="does not read"):
            for _ in range(1000):
                terminal.write("z" * 100)


async def test_only_a_terminal_that_was_inactive_long_enough_shrinks() -> None:
    async with a_terminal() as (terminal, program):
        os.write(program, b"k" * 2000)
        await eventually(lambda: terminal.ring.end >= 2000)
        terminal.set_active(True)
        assert not terminal.trim(0, 100)
        terminal.set_active(False)
        assert not terminal.trim(300, 100)
        assert terminal.trim(0, 100)
        assert len(terminal.ring) == 100
        assert not terminal.trim(0, 100)
        os.write(program, b"more")
        await eventually(lambda: terminal.ring.read(terminal.ring.start).endswith(b"kmore"))


async def test_a_shrunken_screen_gives_its_memory_back() -> None:
    async with a_terminal() as (terminal, program):
        for _ in range(40):
            os.write(program, b"m" * 3000)
            end = terminal.ring.end
            await eventually(lambda end=end: terminal.ring.end > end)
        terminal.set_active(False)
        terminal.trim(0, 10_000)
        assert len(terminal.ring) == 10_000
        assert set(terminal.ring.read(terminal.ring.start)) == {ord("m")}


async def test_an_adopted_shell_shows_what_the_agent_before_had_read() -> None:
    memory, spawner = mmap.mmap(-1, ring_bytes(TERMINAL_RING.value)), FakeSpawner()
    try:
        first = spawner.spawn("tab", SPEC, lambda: None)
        first.memory.close()
        masters_twin = os.dup(first.master)
        before = Terminal(
            Tab("tab", "Tab 1", 1), Spawned(first.pid, first.master, memory, shared=True), Ledger(), ignore
        )
        os.write(spawner.slaves[first.pid], b"\x1b[?2004hread before the crash")
        await eventually(lambda: before.ring.end == 29)
        copy = mmap.mmap(-1, ring_bytes(TERMINAL_RING.value))
        copy[:] = memory[:]
        before.close()
        after = Terminal(
            Tab("tab", "Tab 1", 1),
            Spawned(first.pid, masters_twin, copy, shared=True, adopted=True),
            Ledger(),
            ignore,
        )
        assert after.stream == before.stream
        feed = TerminalFeed(after, Ledger(), ignore, ignore, acknowledges=False)
        feed.attach()
        assert feed.take(1000).text == "\x1bc\x1b[?2004hread before the crash"
        feed.close()
        after.close()
    finally:
        spawner.close()


@pytest.mark.parametrize("size", [1000, 100_000])
async def test_a_keeper_that_is_older_than_the_limit_gives_a_smaller_ring_which_works(size: int) -> None:
    spawner, ledger = FakeSpawner(), Ledger()
    try:
        first = spawner.spawn("tab", SPEC, lambda: None)
        first.memory.close()
        memory = mmap.mmap(-1, ring_bytes(size))
        terminal = Terminal(
            Tab("tab", "Tab 1", 1),
            Spawned(first.pid, first.master, memory, shared=True, adopted=True),
            ledger,
            ignore,
        )
        printed = b""
        while len(printed) <= 2 * TERMINAL_RING.value:
            line = b"%0999d\n" % len(printed)
            os.write(spawner.slaves[first.pid], line)
            printed += line
            end = len(printed)
            await eventually(lambda end=end: terminal.ring.end == end)
        assert terminal.ring.capacity == size
        assert terminal.ring.read(terminal.ring.start) == printed[-size:]
        terminal.close()
    finally:
        spawner.close()


def ignore(_: object) -> None:
    pass


def test_a_shell_that_is_not_there_is_named() -> None:
    with pytest.raises(Exception, match=r"could not start the shell /no/such/shell.*choose another"):
        start_shell(["/no/such/shell"], {}, "/", (24, 80))


def test_a_directory_that_is_not_there_is_named() -> None:
    with pytest.raises(Exception, match=r"expected a directory to start a shell in; found /no/such/directory"):
        start_shell(["/bin/sh"], {}, "/no/such/directory", (24, 80))


def test_a_machine_without_terminals_left_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError(28, "out of pty devices")

    monkeypatch.setattr("os.openpty", none_left)
    with pytest.raises(Exception, match="out of pty devices"):
        start_shell(["/bin/sh"], {}, "/", (24, 80))


async def test_a_clock_that_goes_back_does_not_change_the_order_of_tabs(tmp_path: Path) -> None:
    clock = iter([time.time_ns() // 10**6, 5, 3])
    spawner = FakeSpawner()
    with TabStore(tmp_path / "tabs.sqlite") as store:
        tabs = Tabs(Ledger(), spawner, store, lambda: SPEC, lambda: next(clock))
        for name in ("one", "two", "three"):
            tabs.open(name, name)
        assert [terminal.tab.name for terminal in tabs.terminals] == ["one", "two", "three"]
        tabs.close()
        assert [saved.tab.name for saved in store.load()] == ["one", "two", "three"]
    spawner.close()
