"""The check of a phone's output: it never raises a false alarm, and never misses a missing byte."""

import codecs
import string
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mobifai.bounds import ByteRing, Ledger
from mobifai.limits import TERMINAL_RING
from mobifai.terminals.modes import Modes
from mobifai.terminals.replay import snapshot
from soak import shell
from soak.phone.expected_output import MOST_AHEAD, RESET, SLACK, ExpectedStream, StreamView
from soak.phone.traffic import IntegrityError

CAPACITY = 4000


def lines(first: int, count: int) -> bytes:
    return shell.flood(first, first + count - 1).printed


TEXT = shell.GREETING + lines(1, 400)
"""Output of about 24 KB: six times the size of the ring."""


@dataclass
class Agent:
    """The parts of an agent that handle a terminal's output: the ring, its screen, and the decoder."""

    printed: int = 0
    watched: bool = True
    ring: ByteRing = field(default_factory=lambda: ByteRing(Ledger({TERMINAL_RING.name: CAPACITY}).open(TERMINAL_RING)))
    decoder: codecs.IncrementalDecoder = field(default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"))

    def prints(self, amount: int) -> str:
        """Print more output, and return the part that is sent."""
        data = TEXT[self.printed : self.printed + amount]
        self.printed += len(data)
        self.ring.append(data)
        return self.decoder.decode(data) if self.watched else ""

    def screen(self, piece: int) -> list[str]:
        """Return the screen in pieces."""
        self.decoder.reset()
        self.watched = True
        data = snapshot(self.ring, Modes())
        texts = [self.decoder.decode(data[at : at + piece]) for at in range(0, len(data), piece)]
        return [text for text in texts if text]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("print"), st.integers(1, 3000)),
        st.tuples(st.just("look away"), st.just(0)),
        st.tuples(st.just("look"), st.integers(16, 2000)),
    ),
    max_size=25,
)


def expected() -> ExpectedStream:
    stream = ExpectedStream(CAPACITY)
    stream.will_print(TEXT)
    return stream


@given(steps)
@example([("print", 7), ("look", 16), ("print", 3000), ("look away", 0), ("print", 3000), ("look", 100)])
def test_what_an_agent_sends_is_never_taken_for_a_loss(steps: list[tuple[str, int]]) -> None:
    stream, agent = expected(), Agent()
    view = StreamView(stream)
    for what, amount in [*steps, ("look", 2000), ("print", len(TEXT))]:
        if what == "print" and (text := agent.prints(amount)):
            view.output(text.encode())
        elif what == "look" and not agent.printed:
            agent.watched = True
        elif what == "look":
            first, *rest = agent.screen(amount)
            view.screen(first.encode())
            for text in rest:
                view.output(text.encode())
        elif what == "look away":
            agent.watched = False
        assert not agent.watched or view.position <= agent.printed
    assert view.complete


chunks = st.lists(st.integers(1, 600), min_size=2, max_size=80)


def split(sizes: list[int]) -> list[bytes]:
    text, pieces = TEXT.decode(), []
    for size in sizes:
        pieces.append(text[:size].encode())
        text = text[size:]
    return [piece for piece in [*pieces, text.encode()] if piece]


def _flipped(piece: bytes) -> bytes:
    return bytes([piece[0] ^ 1]) + piece[1:]


Spoil = Callable[[list[bytes], int], list[bytes]]

SPOILT: dict[str, Spoil] = {
    "dropped": lambda pieces, at: pieces[:at] + pieces[at + 1 :],
    "doubled": lambda pieces, at: pieces[: at + 1] + pieces[at:],
    "swapped": lambda pieces, at: pieces[:at] + pieces[at : at + 2][::-1] + pieces[at + 2 :],
    "cut short": lambda pieces, at: [*pieces[:at], pieces[at][:-1], *pieces[at + 1 :]],
    "changed": lambda pieces, at: [*pieces[:at], _flipped(pieces[at]), *pieces[at + 1 :]],
}


@given(chunks, st.data(), st.sampled_from(sorted(SPOILT)))
def test_a_chunk_that_is_lost_doubled_swapped_or_changed_is_noticed(
    sizes: list[int], data: st.DataObject, how: str
) -> None:
    pieces = split(sizes)
    spoilt = SPOILT[how](pieces, data.draw(st.integers(0, len(pieces) - 1)))
    assume(b"".join(spoilt) != TEXT)
    view = StreamView(expected())
    try:
        for piece in spoilt:
            view.output(piece)
    except IntegrityError as error:
        assert error.amount > 0
    else:
        assert not view.complete


@given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)), st.integers(200, 3000))
def test_a_screen_may_begin_only_where_a_ring_may(seen: int, start: int, length: int) -> None:
    stream = expected()
    view = StreamView(stream)
    seen, start = len(TEXT[:seen].decode(errors="ignore").encode()), TEXT.rfind(b"\n", 0, start) + 1
    screen = TEXT[start : start + length]
    assume(len(screen) >= 200)
    view.output(TEXT[:seen])
    allowed = start == 0 and seen <= CAPACITY
    allowed |= max(1, seen - CAPACITY) <= start <= len(TEXT) - CAPACITY + SLACK
    if allowed:
        view.screen(RESET + screen)
        assert view.position == start + len(screen)
    else:
        with pytest.raises(IntegrityError, match="expected a screen of the last 4000"):
            view.screen(RESET + screen)


def test_nothing_may_be_missing_of_less_than_a_ring() -> None:
    stream = ExpectedStream(CAPACITY)
    stream.will_print(lines(1, 40))
    view = StreamView(stream)
    view.output(lines(1, 10))
    with pytest.raises(IntegrityError, match="begins at byte") as found:
        view.screen(RESET + lines(13, 10))
    assert found.value.amount == len(lines(11, 2))


def test_an_error_says_what_was_expected_where_and_what_became_of_it() -> None:
    stream = ExpectedStream(CAPACITY)
    stream.will_print(lines(1, 40))
    view = StreamView(stream)
    view.output(lines(1, 3))
    with pytest.raises(
        IntegrityError, match=rf"expected '4 .* at byte {len(lines(1, 3))}, found '6 .*: 120 bytes were lost"
    ):
        view.output(lines(6, 2))
    with pytest.raises(IntegrityError, match=r"expected '4 .*, found '2 .* bytes were repeated"):
        view.output(lines(2, 2))
    with pytest.raises(IntegrityError, match=r"which is nowhere in the stored part of the expected output"):
        view.output(b"nothing of the kind")
    view.output(lines(4, 37))
    with pytest.raises(IntegrityError, match=r"expected nothing after byte"):
        view.output(b"!")


def test_after_a_lost_path_a_gap_has_to_be_closed_by_a_screen() -> None:
    view = StreamView(expected())
    view.output(TEXT[:100])
    view.blink()
    view.output(TEXT[3000:4000])
    view.output(TEXT[4000:])
    assert not view.complete
    start = TEXT.index(b"\n", len(TEXT) - CAPACITY) + 1
    view.screen(RESET + TEXT[start:])
    assert view.complete


def test_while_a_path_is_lost_nothing_else_is_taken() -> None:
    view = StreamView(expected())
    view.output(TEXT[:1000])
    view.blink()
    with pytest.raises(IntegrityError):
        view.output(TEXT[500:900])


def test_a_screen_begins_with_a_reset() -> None:
    with pytest.raises(IntegrityError, match="begins with a reset"):
        StreamView(expected()).screen(TEXT[:100])


def test_the_memory_of_a_long_stream_is_about_that_of_a_ring() -> None:
    stream = ExpectedStream(CAPACITY)
    view = StreamView(stream)
    for first in range(1, 40_000, 1000):
        more = lines(first, 1000)
        stream.will_print(more)
        view.output(more)
        assert stream.total - stream.first < CAPACITY + SLACK + (64 << 10) + len(more)
    assert view.complete


def test_what_nobody_has_seen_is_bounded() -> None:
    stream = ExpectedStream(CAPACITY)
    stream.will_print(bytes(MOST_AHEAD))
    with pytest.raises(ValueError, match="at most"):
        stream.will_print(string.ascii_letters.encode())
