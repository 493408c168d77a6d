"""A cursor on a terminal's output: how far one phone has received it, and what it gets next.

Positions count the terminal's bytes from the first one ever printed, as those of its ring do. Output stays in the ring
until it is sent; the cursor only keeps a replay of the screen, while it is being sent. The cursor does no I/O: its
owner stops reading from the terminal while `must_stop` is True. To a phone that acknowledges output, at most a window
is sent without an acknowledgement. The ring keeps this output and the output that waits, so that a phone that
reconnects receives exactly what it lacks.
"""

import codecs
from collections.abc import Callable

import msgspec

from mobifai.bounds import Bound, ByteRing
from mobifai.terminals.congestion_window import ACKNOWLEDGED_EACH, READY_BYTES, CongestionWindow
from mobifai.terminals.modes import Modes
from mobifai.terminals.replay import safe_start, snapshot
from mobifai.terminals.spawning import WINDOW_BYTES

READING_STOPS_AT = 64 << 10
"""Reading stops when this many bytes are not taken yet, or READY_BYTES if the phone acknowledges output."""

LEAST_PIECE = 24 << 10
MOST_PIECE = 48 << 10
"""The smallest and largest chunk: large ones cost less per byte, but a window has to hold several."""

PIECES_UNDER_WAY = 4
"""How many chunks a wide window is split into: some are in flight while another one is rendered or acknowledged."""

_LONGEST_CHARACTER = 4


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """A piece of output, of whole characters.

    `begins_screen`: the chunk begins a replay of the screen, with a reset. `offset` is the position of the chunk's
    first byte, and `end` the position after its last one. Chunks of a replay have no `offset`, and only the last one
    has an `end`. `skipped` is the number of bytes that the phone has missed for good; None if it is not known to have
    received any.
    """

    data: bytes
    begins_screen: bool = False
    offset: int | None = None
    end: int | None = None
    skipped: int | None = None

    @property
    def text(self) -> str:
        """The chunk as text. Bytes that are not UTF-8 become U+FFFD."""
        return self.data.decode("utf-8", "replace")

    def halves(self) -> "tuple[Chunk, Chunk] | None":
        """Split the chunk in two, or return None for a single character or a few bytes that are not UTF-8."""
        middle = _whole(self.data[: len(self.data) // 2]) or _whole(
            self.data[: len(self.data) // 2 + _LONGEST_CHARACTER]
        )
        if middle in (0, len(self.data)):
            return None
        cut = self.offset + middle if self.offset is not None else None
        return (
            Chunk(self.data[:middle], self.begins_screen, self.offset, cut, self.skipped),
            Chunk(self.data[middle:], offset=cut, end=self.end),
        )


def _whole(data: bytes) -> int:
    """Return the number of bytes in `data`, not counting those of an unfinished character at its end."""
    tail = data[-_LONGEST_CHARACTER:]
    return len(data) - len(tail) + codecs.utf_8_decode(tail, "replace", False)[1]


def spare_bytes(ring: int) -> int:
    """Return the number of bytes that a ring of this size leaves free for one read."""
    return min(WINDOW_BYTES, ring // 2)


def ceiling(ring: int, window: int) -> int:
    """Return the most bytes that may be in flight: the window, but no more than fit into the ring beside one read.

    `ring` and `window` are sizes in bytes.
    """
    return min(window, ring - spare_bytes(ring))


def advertised_window(ring: int, window: int) -> int:
    """Return the window to advertise to a phone, in bytes. The phone may acknowledge output in quarters of it.

    `ring` and `window` are the sizes, in bytes, of a terminal's ring and of the limit `terminal.window`.
    """
    return min(4 * ACKNOWLEDGED_EACH, ceiling(ring, window))


class OutputCursor:
    """The cursor of one phone on one terminal.

    `capacity` is the ring's size in bytes, and `modes` are the terminal modes at its start. `waiting` is the ledger's
    entry for output that was not taken, `window` the entry for output in flight. `clock` returns seconds.
    """

    def __init__(
        self,
        ring: ByteRing,
        modes: Modes,
        capacity: int,
        waiting: Bound,
        window: Bound,
        clock: Callable[[], float],
    ) -> None:
        self._ring = ring
        self._modes = modes
        self._capacity = capacity
        self._spare = spare_bytes(capacity)
        self._stop_at = min(READING_STOPS_AT, capacity - self._spare)
        self._account = waiting
        self._under_way = window
        self.window = CongestionWindow(ceiling(capacity, window.capacity), clock)
        self._acknowledges = False
        self._at: int | None = None
        self._acknowledged = 0
        self._kept_from = 0
        self._screen = b""
        self._screen_begins = False
        self._screen_end = 0
        self._skipped: int | None = None
        self._shown_to = -1
        self._asks = False
        self.detached = False

    # -- the phone and its position

    def reset(self, *, acknowledges: bool) -> None:
        """Start over with a phone whose position is unknown. `acknowledges`: it reports what it has rendered."""
        self._acknowledges = acknowledges
        self.window.begin()
        self.invalidate()

    def invalidate(self) -> None:
        """Forget the position: the phone gets a replay next."""
        self.window.lost()
        self._at, self._asks, self.detached = None, False, False
        self._drop_screen()

    def seek(self, position: int) -> None:
        """Continue from a position that the phone has reached. A position beyond the output counts as unknown."""
        self.invalidate()
        if position <= self._ring.end:
            self._at = self._acknowledged = self._kept_from = position
        self._count()

    def pause(self) -> None:
        """Send nothing for now. The position stays known, unless a replay was being sent."""
        self._asks, self.detached = False, False
        self._drop_screen()
        self._count()

    def detach(self) -> None:
        """Let the ring evict output that the phone has not taken. The phone's position stays known."""
        self.detached = True
        self._drop_screen()
        self._count()

    def _drop_screen(self) -> None:
        self._screen, self._screen_begins = b"", False

    def acknowledge(self, position: int) -> bool:
        """Record that the phone has rendered the output up to `position`. Return whether that is new.

        A position beyond the sent output is ignored.
        """
        if self._at is None or not self._acknowledged < position <= self._at:
            return False
        self._acknowledged = position
        self.window.acknowledged(position)
        self._count()
        return True

    def ask(self) -> None:
        """Send an empty chunk next, which makes the phone report its position again."""
        self._asks = self._at is not None

    # -- amounts

    @property
    def _follows(self) -> bool:
        """Whether the ring still has the phone's next byte."""
        return self._at is not None and self._ring.start <= self._at

    @property
    def behind(self) -> int:
        """Bytes of output that were not sent to the phone yet, or 0 if they are only an unfinished character."""
        at, ring = self._at, self._ring
        if at is None or at < ring.start:
            return len(self._screen) or len(ring)
        return ring.end - at if ring.end != self._shown_to else 0

    @property
    def _credit(self) -> int:
        if not self._acknowledges or self._at is None:
            return self._capacity
        credit = self.window.size - (self._at - self._acknowledged)
        return credit if credit >= _LONGEST_CHARACTER else 0

    @property
    def chunk_size(self) -> int:
        """Preferred chunk size in bytes, when nobody waits for an echo."""
        if not self._acknowledges:
            return MOST_PIECE
        return min(max(LEAST_PIECE, self.window.size // PIECES_UNDER_WAY), MOST_PIECE)

    @property
    def _may_show(self) -> bool:
        """Whether a replay may begin: nearly all output that was sent before must be acknowledged."""
        under_way = self._at - self._acknowledged if self._acknowledges and self._at is not None else 0
        return under_way <= self.window.ack_threshold

    @property
    def waiting(self) -> int:
        """Bytes of output that `take` can return now."""
        if self._asks:
            return 1
        if self._follows:
            return min(self.behind, self._credit)
        return self.behind if self._screen or self._may_show else 0

    @property
    def out_of_credit(self) -> bool:
        """Whether output waits only for an acknowledgement."""
        return self.behind > 0 and (self._credit == 0 if self._follows else not (self._screen or self._may_show))

    @property
    def room(self) -> int:
        """Bytes that can be read from the terminal before the ring evicts output that the phone lacks; at least one."""
        if self.detached or not (self._screen or self._follows):
            return self._capacity
        return max(1, self._capacity - (self._ring.end - self._needed_from))

    @property
    def _needed_from(self) -> int:
        """The position of the oldest byte that the ring must keep."""
        if self._at is None:
            return self._screen_end
        return max(self._acknowledged, self._kept_from) if self._acknowledges else self._at

    @property
    def must_stop(self) -> bool:
        """Whether reading has to stop until output is taken or acknowledged."""
        if self.detached or not (self._screen or self._follows):
            return False
        next_one = self._screen_end if self._at is None else self._at
        most = min(self._stop_at, READY_BYTES) if self._acknowledges else self._stop_at
        return self._ring.end - next_one >= most or self.room < self._spare

    # -- taking

    def printed(self) -> None:
        """Update the ledger after the terminal has printed into the ring."""
        self._count()

    def take(self, length: int) -> Chunk:
        """Return the next output, at most `length` bytes but at least a character; an empty chunk if there is none."""
        if self._asks:
            self._asks = False
            return Chunk(b"", offset=self._at, end=self._at)
        self.detached = False
        if not self._screen and not self._follows:
            self._begin_screen()
        chunk = self._take_screen(length) if self._screen else self._take_output(length)
        self._count()
        return chunk

    def _begin_screen(self) -> None:
        screen = snapshot(self._ring, self._modes) if self._ring.end else b""
        whole = _whole(screen)
        self._skipped = max(0, safe_start(self._ring, self._modes) - self._at) if self._at is not None else None
        self._screen, self._screen_begins = screen[:whole], True
        self._screen_end = self._kept_from = self._ring.end - (len(screen) - whole)
        # it counts as in flight, as far as a window can hold it, until it is acknowledged
        self._acknowledged = self._screen_end - min(whole, self.window.size)
        self._at = None if self._screen else self._screen_end

    def _take_screen(self, length: int) -> Chunk:
        data = self._screen[:length]
        data = data[: _whole(data)] or self._screen[:_LONGEST_CHARACTER]
        begins, skipped = self._screen_begins, self._skipped
        self._screen, self._screen_begins, self._skipped = self._screen[len(data) :], False, None
        if not self._screen:
            self._at = self._screen_end
        return Chunk(data, begins, end=self._at, skipped=skipped)

    def _take_output(self, length: int) -> Chunk:
        assert self._at is not None  # noqa: S101 - it follows
        data = self._ring.read(self._at, min(length, self._credit))
        if whole := _whole(data):
            data = data[:whole]
        elif self._at + len(data) == self._ring.end:
            data, self._shown_to = b"", self._ring.end
        offset, self._at = self._at, self._at + len(data)
        if self._acknowledges and data:
            self.window.sent(self._at, self._acknowledged)
        return Chunk(data, offset=offset, end=self._at)

    def _count(self) -> None:
        counted = self._screen or (self._follows and not self.detached)
        next_one = self._screen_end if self._at is None else self._at
        self._account.set(len(self._screen) + self._ring.end - next_one if counted else 0)
        self._under_way.set(self._at - self._acknowledged if self._acknowledges and self._at is not None else 0)
