"""The output that a terminal must print, and the check that phones receive it byte for byte and in order. Does no I/O.

An `ExpectedStream` holds the output that is still needed: what a screen may replay, and what no phone has seen. A
`StreamView` records how much of it one phone has seen. Output must continue where the phone's view ends. A screen must
begin at an offset at which the agent's ring may begin (see mobifai.bounds.byte_ring and mobifai.terminals.replay).
"""

from soak.phone.traffic import IntegrityError

RESET = b"\x1bc"
"""The first bytes of every screen."""
SLACK = 1024 + 8
"""Most bytes between the start of the ring and the start of a screen: the rest of a character and of a line."""
MOST_AHEAD = 16 << 20
"""Most expected bytes that no phone has seen."""
PLACES = 4096
"""Most offsets that are considered as the start of a screen with a given text."""
_TRIM = 64 << 10
_SHOWN = 40


class ExpectedStream:
    """The output of one terminal from its first byte on. Positions count bytes.

    `capacity` is the size of the agent's ring in bytes. `least_kept` is the smallest number of bytes that a ring has
    after it was full. It is less than `capacity` if the agent may have trimmed the ring.
    """

    def __init__(self, capacity: int, least_kept: int | None = None) -> None:
        self.capacity = capacity
        self.least_kept = capacity if least_kept is None else least_kept
        self.seen = 0
        """The position up to which at least one phone has seen the output."""
        self._kept = bytearray()  # bounded by capacity, _TRIM and MOST_AHEAD
        self._base = 0

    @property
    def first(self) -> int:
        """The position of the first stored byte."""
        return self._base

    @property
    def total(self) -> int:
        """The position at the end of all expected output."""
        return self._base + len(self._kept)

    def will_print(self, data: bytes) -> None:
        """Append expected output. Raises ValueError if more than MOST_AHEAD bytes of the output are unseen."""
        unseen = self.total + len(data) - self.seen
        if unseen > MOST_AHEAD:
            raise ValueError(f"expected at most {MOST_AHEAD} bytes of output that no phone has seen; found {unseen}")
        self._kept += data

    def at(self, position: int, length: int) -> bytes:
        """Return up to `length` expected bytes from a position on, as far as they are stored."""
        return bytes(self._kept[position - self._base : position - self._base + length])

    def saw(self, position: int) -> None:
        """Record that a phone has seen all output before a position. Drop stored output that is no longer needed."""
        self.seen = max(self.seen, position)
        superfluous = self.seen - self.capacity - SLACK - self._base
        if superfluous > _TRIM:
            del self._kept[:superfluous]
            self._base += superfluous

    def screens(self, data: bytes) -> list[int]:
        """Return the positions at which a screen with the content `data` may begin."""
        places = [0] if self._base == 0 and self.seen <= self.capacity and self._kept.startswith(data) else []
        first = max(1, self.seen - self.capacity, self._base)
        last = self.total - self.least_kept + SLACK  # a ring that does not begin at 0 is full
        if self.total > self.least_kept:
            places += self.places(data, first, last)
        return places

    def places(self, data: bytes, first: int, last: int) -> list[int]:
        """Return the positions from `first` to `last` at which the bytes `data` are in the output, at most PLACES."""
        found: list[int] = []
        at = first - self._base - 1
        end = last - self._base + len(data)
        while len(found) < PLACES and (at := self._kept.find(data, max(0, at + 1), max(0, end))) >= 0:
            found.append(at + self._base)
        return found


class StreamView:
    """The part of a stream that one phone has seen. It begins at position 0."""

    def __init__(self, stream: ExpectedStream) -> None:
        self._stream = stream
        self._places = [0]
        self._blinking = False

    @property
    def position(self) -> int:
        """The position up to which this phone has seen the stream."""
        return self._places[-1]

    @property
    def complete(self) -> bool:
        """Whether the phone has seen all expected output."""
        return self.position == self._stream.total and not self._blinking

    def blink(self) -> None:
        """Allow a gap in the output until the next screen, because a transport was lost with output in flight."""
        self._blinking = True

    def output(self, data: bytes) -> None:
        """Process output that the phone received. Raises IntegrityError if it does not continue the expected stream."""
        stream = self._stream
        going = [place for place in self._places if stream.at(place, len(data)) == data]
        if not going and self._blinking:
            going = stream.places(data, self._places[0], stream.total - len(data))
        if not going:
            raise self._broken(data)
        self._moved([place + len(data) for place in going])

    def screen(self, data: bytes) -> None:
        """Process the text of `process:screen`, which is the first part of a screen.

        Raises IntegrityError if it can't be the current screen of the terminal.
        """
        if not data.startswith(RESET):
            raise IntegrityError(f"expected a screen that begins with a reset; found {_short(data)}", len(data))
        data = data.removeprefix(RESET)
        places = self._stream.screens(data)
        if not places:
            raise self._no_screen(data)
        self._blinking = False
        self._moved([place + len(data) for place in places])

    def _moved(self, places: list[int]) -> None:
        self._places = places
        if not self._blinking:
            self._stream.saw(places[0])

    def _broken(self, data: bytes) -> IntegrityError:
        place, same = max(((place, self._alike(place, data)) for place in self._places), key=lambda found: found[1])
        at, found = place + same, data[same:]
        stream = self._stream
        expected = stream.at(at, _SHOWN)
        message = f"expected {_short(expected)} at byte {at}, found {_short(found)}"
        elsewhere = _nearest(stream.places(found, stream.first, stream.total - len(found)), at)
        if not expected:
            message = f"expected nothing after byte {at}, found {_short(found)}"
        if elsewhere is None:
            return IntegrityError(f"{message}, which is nowhere in the stored part of the expected output", len(found))
        difference = abs(at - elsewhere)
        amount = "1 byte was" if difference == 1 else f"{difference} bytes were"
        what = "lost" if elsewhere > at else "repeated"
        return IntegrityError(f"{message}, which belongs at byte {elsewhere}: {amount} {what}", difference)

    def _alike(self, place: int, data: bytes) -> int:
        """Return how many bytes of `data` match the stream at a position."""
        expected = self._stream.at(place, len(data))
        low, high = 0, min(len(expected), len(data))
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if expected[:middle] == data[:middle] else (low, middle - 1)
        return low

    def _no_screen(self, data: bytes) -> IntegrityError:
        stream = self._stream
        anywhere = stream.places(data, stream.first, stream.total - len(data))
        message = (
            f"expected a screen of the last {stream.capacity} bytes before a position from {stream.seen} to "
            f"{stream.total}, found {_short(data)}"
        )
        if not anywhere:
            return IntegrityError(f"{message}, which was never printed in this order", len(data))
        return IntegrityError(f"{message}, which begins at byte {anywhere[-1]}", abs(anywhere[-1] - stream.seen))


def _nearest(places: list[int], to: int) -> int | None:
    return min(places, key=lambda place: abs(place - to), default=None)


def _short(data: bytes) -> str:
    return repr(data[:_SHOWN])[1:] + ("..." if len(data) > _SHOWN else "")
