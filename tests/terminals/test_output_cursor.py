"""A phone's output of a terminal when connections break anywhere: all of it, or the number of bytes that are gone."""

import re
from collections import deque
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mobifai.bounds import ByteRing, Ledger
from mobifai.limits import TERMINAL_OUTBOX, TERMINAL_RING, TERMINAL_WINDOW
from mobifai.terminals.congestion_window import READY_BYTES
from mobifai.terminals.modes import Modes
from mobifai.terminals.output_cursor import Chunk, OutputCursor, advertised_window
from mobifai.terminals.replay import RESET
from soak.phone.offsets import StreamOffsets

RING, WINDOW = 400, 120


class Program:
    """A ring with a cursor, into which tests print."""

    def __init__(self, ring: int = RING, window: int = WINDOW, *, acknowledges: bool = True) -> None:
        self.ledger = Ledger({"terminal.ring": ring, "terminal.window": window})
        self.outbox, self.window = self.ledger.open(TERMINAL_OUTBOX), self.ledger.open(TERMINAL_WINDOW)
        self.modes = Modes()
        account = self.ledger.open(TERMINAL_RING)
        self.ring = ByteRing(account)
        self.now = 0.0
        self.cursor = OutputCursor(self.ring, self.modes, account.capacity, self.outbox, self.window, lambda: self.now)
        self.cursor.reset(acknowledges=acknowledges)
        self.cursor.seek(0)
        self.printed = b""

    def print(self, data: bytes) -> int:
        """Print as much as the kernel would accept from a program now. Return the number of bytes."""
        if self.cursor.must_stop:
            return 0
        data = data[: self.cursor.room]
        self.ring.append(data, self.modes.feed)
        self.printed += data
        self.cursor.printed()
        return len(data)

    def take(self, length: int = 50) -> Chunk:
        return self.cursor.take(length)


def test_at_most_a_window_is_under_way_until_it_is_acknowledged() -> None:
    program = Program()
    program.print(b"x" * 200)
    taken = sum(len(program.take(50).data) for _ in range(10) if program.cursor.waiting)
    assert (taken, program.window.used, program.cursor.waiting) == (WINDOW, WINDOW, 0)
    assert program.cursor.out_of_credit
    assert program.cursor.acknowledge(50)
    assert (program.window.used, program.cursor.waiting) == (WINDOW - 50, 50)


def test_little_waits_for_a_phone_that_acknowledges() -> None:
    program = Program(ring=TERMINAL_RING.value, window=TERMINAL_WINDOW.value)
    while program.print(b"x" * 4096):
        pass
    assert program.ring.end == READY_BYTES
    while program.cursor.waiting:
        program.take(16 << 10)
        program.print(b"x" * 4096)
    assert program.window.used == TERMINAL_WINDOW.value


def test_a_ring_holds_a_full_window_what_is_ready_and_one_read() -> None:
    program = Program(ring=TERMINAL_RING.value, window=TERMINAL_WINDOW.value)
    assert program.cursor.window.ceiling == TERMINAL_WINDOW.value
    while not program.cursor.out_of_credit or program.print(b"x" * 4096):
        program.print(b"x" * 4096)
        program.take(16 << 10)
    assert program.ring.start == 0


@given(st.integers(16, TERMINAL_RING.value), st.integers(16, TERMINAL_WINDOW.value))
def test_what_a_phone_may_leave_unsaid_never_fills_the_window_of_any_ring(ring: int, window: int) -> None:
    program = Program(ring=ring, window=window)
    assert advertised_window(ring, window) // 4 <= program.cursor.window.ack_threshold < program.cursor.window.floor


@pytest.mark.parametrize("position", [0, 1, 119, 120])
def test_an_acknowledgement_that_comes_twice_or_too_late_changes_nothing(position: int) -> None:
    program = Program()
    program.print(b"x" * 200)
    for _ in range(3):
        program.take(40)
    program.cursor.acknowledge(120)
    assert not program.cursor.acknowledge(position)
    assert program.cursor.waiting == 80


@pytest.mark.parametrize("position", [121, 200, 2**53])
def test_what_was_never_sent_can_t_be_acknowledged(position: int) -> None:
    program = Program()
    program.print(b"x" * 200)
    for _ in range(3):
        program.take(40)
    assert not program.cursor.acknowledge(position)
    assert program.window.used == 120


def test_a_phone_that_is_asked_again_how_far_it_is_gets_nothing_to_show() -> None:
    program = Program()
    program.print(b"x" * 200)
    while program.cursor.waiting:
        program.take(40)
    program.cursor.ask()
    assert program.cursor.waiting == 1
    assert program.take() == Chunk(b"", offset=120, end=120)
    assert program.cursor.waiting == 0


def test_the_ring_keeps_what_is_not_acknowledged() -> None:
    program = Program()
    while program.print(b"x" * 30):
        while program.cursor.waiting:
            program.take()
    assert program.ring.start == 0
    assert program.cursor.must_stop


def test_a_phone_that_lags_lets_the_program_run_and_learns_what_it_missed() -> None:
    program = Program()
    program.print(b"a" * 100)
    program.take(60)
    program.cursor.detach()
    for _ in range(30):
        assert program.print(b"b" * 30) == 30
    chunk = program.take(1000)
    assert chunk.begins_screen
    assert (chunk.end, chunk.skipped) == (1000, program.ring.start - 60)


def test_a_phone_that_lags_and_comes_back_in_time_misses_nothing() -> None:
    program = Program()
    program.print(b"a" * 100)
    program.take(60)
    program.cursor.detach()
    program.print(b"b" * 30)
    assert program.take(40) == Chunk(b"a" * 40, offset=60, end=100)


@given(st.binary(max_size=300))
def test_halves_joined_are_the_chunk_and_cut_no_character(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    chunk = Chunk(data, begins_screen=True, offset=7, end=7 + len(data), skipped=3)
    halves = chunk.halves()
    if halves is None:
        assert len(data) < 8  # too short for two characters of four bytes
        return
    first, second = halves
    assert first.text + second.text == text
    assert (first.offset, first.end, second.offset, second.end) == (7, second.offset, first.end, chunk.end)
    assert (first.begins_screen, second.begins_screen) == (True, False)
    assert (first.skipped, second.skipped) == (3, None)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=20), st.integers(4, 50))
def test_text_is_the_same_however_the_bytes_come(parts: list[bytes], length: int) -> None:
    program, text = Program(ring=4000, window=4000), ""
    for part in parts:
        program.print(part)
        while program.cursor.waiting:
            text += program.take(length).text
    rest = program.ring.end - (program.take(length).end or 0)
    assert rest < 4
    whole = program.printed[: len(program.printed) - rest]
    assert text == whole.decode("utf-8", "replace")


class Line(RuleBasedStateMachine):
    """A program, a line that breaks, and a phone that reconnects. Messages on the line may be lost."""

    @initialize(ring=st.sampled_from([100, RING, 4000]), window=st.sampled_from([20, WINDOW, 5000]), ack=st.booleans())
    def start(self, ring: int, window: int, ack: bool) -> None:
        self.acknowledges = ack
        self.program = Program(ring, window, acknowledges=ack)
        self.phone = StreamOffsets(("ack", "resume") if ack else ("resume",))
        self.shown = b""
        self.begins_at = 0
        self.number = 0
        self.to_phone: deque[tuple[str, dict[str, Any]]] = deque()
        self.to_agent: deque[tuple[str, dict[str, Any]]] = deque()
        self.forwarded = True
        self.phone.sync(self.sync(resume=False), "wire")

    def sync(self, *, resume: bool) -> dict[str, Any]:
        window = {"window": 4 * self.program.cursor.window.ack_threshold} if self.acknowledges else {}
        return {"processes": [{"uuid": "t", "stream": "s"}], "resume": resume, **window}

    @rule(lines=st.integers(1, 12))
    def prints(self, lines: int) -> None:
        for _ in range(lines):
            self.program.print(b"%07d\n" % self.number)
            self.number += 1

    @rule(seconds=st.sampled_from([0.0001, 0.05, 3.0, 60.0]))
    def passes(self, seconds: float) -> None:
        self.program.now += seconds

    @rule(length=st.integers(4, 200), times=st.integers(1, 8))
    def sends(self, length: int, times: int) -> None:
        for _ in range(times if self.forwarded else 0):
            if self.program.cursor.waiting:
                chunk = self.program.take(length)
                payload = {"uuid": "t", "data": chunk.data, "offset": chunk.offset, "end": chunk.end}
                payload["skipped"] = chunk.skipped
                known = {name: value for name, value in payload.items() if value is not None}
                self.to_phone.append(("process:screen" if chunk.begins_screen else "terminal:output", known))

    @rule(times=st.integers(1, 8))
    def arrives(self, times: int) -> None:
        for _ in range(min(times, len(self.to_phone))):
            event, payload = self.to_phone.popleft()
            if event == "processes:sync":
                self.to_agent.extend(self.phone.sync(payload, "wire"))
                continue
            hears = self.phone.screen if event == "process:screen" else self.phone.output
            show, answers = hears(payload, "wire")
            self.to_agent.extend(answers)
            if show and event == "process:screen":
                self.shown, self.begins_at = b"", -1
            if show:
                self.shown += payload["data"]
                self.check(payload)

    def check(self, payload: dict[str, Any]) -> None:
        """The shown text is the printed text, from its first byte to the phone's offset."""
        end = self.phone.of("t").end
        if end is None:
            return
        shown = re.sub(rb"\A\x1bc", b"", self.shown)
        if self.begins_at < 0:
            self.begins_at = end - len(shown)
        assert shown == self.program.printed[self.begins_at : end], payload

    @rule(times=st.integers(1, 8), twice=st.booleans(), lost=st.booleans())
    def deliver(self, times: int, twice: bool, lost: bool) -> None:
        for _ in range(min(times, len(self.to_agent))):
            event, payload = self.to_agent.popleft()
            for _ in range(2 if twice and event == "terminal:ack" else 1):
                if event == "terminal:resume":
                    (position,) = payload["terminals"]
                    cursor = self.program.cursor
                    cursor.seek(position["end"]) if "end" in position else cursor.invalidate()
                    self.forwarded = True
                elif not lost:
                    self.program.cursor.acknowledge(payload["end"])

    @rule()
    def breaks_and_is_joined_again(self) -> None:
        self.to_phone.clear()
        self.to_agent.clear()
        self.program.cursor.pause()
        self.program.cursor.reset(acknowledges=self.acknowledges)
        self.forwarded = False
        self.to_phone.append(("processes:sync", self.sync(resume=True)))

    @rule()
    def says_again_where_it_is(self) -> None:
        """As when a sync by another path crosses this phone's own request."""
        self.to_agent.append(("terminal:resume", {"terminals": [self.phone._resume_entry("t")]}))

    @precondition(lambda self: self.forwarded)
    @rule()
    def is_slow(self) -> None:
        self.program.cursor.detach()

    @rule()
    def is_asked(self) -> None:
        if self.program.cursor.out_of_credit:
            self.program.cursor.ask()

    @invariant()
    def bounds_hold(self) -> None:
        for bound in (self.program.outbox, self.program.window):
            assert 0 <= bound.used <= bound.capacity

    def teardown(self) -> None:
        """After any events, a phone with a stable line soon has all output."""
        if not hasattr(self, "program"):
            return
        self.program.print(b"the end\n")
        for _ in range(4000):
            self.is_asked()
            self.sends(100, 8)
            self.arrives(8)
            self.deliver(8, twice=False, lost=False)
            if self.phone.of("t").end == self.program.ring.end:
                break
        assert self.phone.of("t").end == self.program.ring.end
        assert self.shown.endswith(self.program.printed[-8:])


TestLine = Line.TestCase
TestLine.settings = settings(max_examples=500, stateful_step_count=40)


def test_a_screen_begins_with_a_reset() -> None:
    program = Program()
    program.print(b"hello\n")
    program.cursor.invalidate()
    assert program.take(100).data == RESET + b"hello\n"
