"""The window of a phone that acknowledges: just enough to keep its line busy, whatever happens to acknowledgements."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mobifai.terminals.congestion_window import FLOOR_BYTES, CongestionWindow

CEILING = 128 << 10
CHUNK = 16 << 10


class Line:
    """A line, `rate` bytes a second and `trip` seconds there and back, to a phone that acknowledges each CHUNK."""

    def __init__(self, rate: float, trip: float, window: CongestionWindow | None = None) -> None:
        self.now = 0.0
        self.window = window or CongestionWindow(CEILING, lambda: self.now)
        self.rate, self.trip = rate, trip
        self.sent = self.acknowledged = 0
        self._free_at = 0.0
        self._under_way: list[tuple[float, int]] = []  # the time and the position of each acknowledgement

    def flood(self, seconds: float) -> float:
        """Send as much as the window allows for this time. Return the bytes per second that arrived."""
        began, before = self.now, self.acknowledged
        while self.now < began + seconds:
            if self.sent - self.acknowledged + CHUNK <= self.window.size:
                self.sent += CHUNK
                self.window.sent(self.sent, self.acknowledged)
                self._free_at = max(self._free_at, self.now) + CHUNK / self.rate
                self._under_way.append((self._free_at + self.trip, self.sent))
            else:
                self.now, self.acknowledged = self._under_way.pop(0)
                self.window.acknowledged(self.acknowledged)
        return (self.acknowledged - before) / (self.now - began)

    @property
    def keeps_nobody_waiting(self) -> bool:
        """Return whether little more is in flight than this line carries in some milliseconds."""
        return self.window.size <= max(FLOOR_BYTES, 0.005 * self.rate + 2 * CHUNK)


@given(st.floats(2e5, 5e7), st.floats(1e-4, 0.3))
def test_a_flood_uses_what_the_line_carries_as_far_as_the_ceiling_allows(rate: float, trip: float) -> None:
    line = Line(rate, trip)
    line.flood(3.0)
    possible = min(rate, CEILING / (trip + CHUNK / rate))
    assert line.flood(3.0) > 0.7 * min(possible, (CEILING - CHUNK) / (trip + CHUNK / rate))


@given(st.floats(1e6, 5e7))
def test_on_a_near_line_little_is_under_way(rate: float) -> None:
    line = Line(rate, 0.0001)
    line.flood(1.0)
    assert line.keeps_nobody_waiting


def test_on_a_near_line_as_fast_as_a_machine_is_to_itself_the_window_is_no_limit() -> None:
    line = Line(5e7, 0.0001)
    line.flood(1.0)
    assert line.window.size == CEILING


def test_on_a_far_line_the_ceiling_is_reached() -> None:
    line = Line(1e7, 0.1)
    line.flood(2.0)
    assert line.window.size == CEILING


def test_a_line_that_gets_longer_is_noticed_and_one_that_gets_shorter_too() -> None:
    line = Line(1e7, 0.0005)
    line.flood(1.0)
    line.trip = 0.1
    line.flood(30.0)
    assert line.window.size == CEILING
    line.trip = 0.0005
    line.flood(30.0)
    assert line.keeps_nobody_waiting


def test_a_phone_that_is_new_has_the_ceiling() -> None:
    line = Line(1e7, 0.0005)
    line.flood(1.0)
    line.window.begin()
    assert line.window.size == CEILING


class Strange(RuleBasedStateMachine):
    """Any reports may arrive, in any order and at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.window = CongestionWindow(CEILING, lambda: self.now)

    @rule(seconds=st.floats(0, 1e6))
    def passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(end=st.integers(0, 2**53), acknowledged=st.integers(0, 2**53))
    def sent(self, end: int, acknowledged: int) -> None:
        self.window.sent(end, min(acknowledged, end))

    @rule(position=st.integers(0, 2**53))
    def acknowledged(self, position: int) -> None:
        self.window.acknowledged(position)

    @rule()
    def lost(self) -> None:
        self.window.lost()

    @rule()
    def begins(self) -> None:
        self.window.begin()

    @invariant()
    def it_is_within_its_bounds_and_never_too_small_to_be_acknowledged(self) -> None:
        assert min(FLOOR_BYTES, 2 * CHUNK) <= self.window.size <= CEILING
        assert self.window.size > self.window.ack_threshold


TestStrange = Strange.TestCase


@given(st.integers(4, CEILING))
def test_a_small_ceiling_is_kept_too(ceiling: int) -> None:
    window = CongestionWindow(ceiling, lambda: 0.0)
    assert 0 < window.floor <= window.size == ceiling
    assert window.ack_threshold < window.floor
