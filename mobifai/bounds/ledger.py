"""The account of everything that can grow.

`Ledger` opens a `Bound` for each living container, knows what each uses, and keeps per limit the peak and what was
evicted or refused, also of containers that are gone. It counts; it never stores what it counts.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from mobifai.errors import ConfigError, LimitReached
from mobifai.limits import LIMITS, TERMINAL_OUTBOX, TERMINAL_RING, Limit

MOST_TIMES = 1000
"""A setting may raise a limit so many times: more is a slip of the finger."""

SCREEN_ROOM = 88 << 10
"""What the outbox holds beside a screen: 64 KiB at which reading stops, one read of 16 KiB, the modes."""


class Bound:
    """One living container's account. `used` and `peak` are in the limit's unit."""

    __slots__ = ("_totals", "capacity", "limit", "used")

    def __init__(self, limit: Limit, capacity: int, totals: "_Totals") -> None:
        self.limit = limit
        self.capacity = capacity
        self.used = 0
        self._totals = totals

    def set(self, used: int) -> None:
        """Record what is in use now; above the capacity it is recorded all the same, for the check to find."""
        self.used = used
        if used > self._totals.peak:  # noqa: PLR1730 - several times for every chunk
            self._totals.peak = used

    def evicted(self, amount: int) -> None:
        """Record what was dropped to make room."""
        self._totals.evicted += amount

    def refuse(self, what: str) -> LimitReached:
        """Record a refusal; the error to raise for it."""
        self._totals.refused += 1
        limit = self.limit
        return LimitReached(f"{what}: at most {self.capacity} {limit.unit} ({limit.name}), and {self.used} are in use")

    @property
    def room(self) -> int:
        """How much fits still; never negative."""
        return max(0, self.capacity - self.used)


@dataclass(slots=True)
class _Totals:
    capacity: int
    bounds: dict[int, Bound]  # bounded by the limit named in `per`
    peak: int = 0
    evicted: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger knows of one limit: `used` and `peak` are of the fullest container, `total` of all together."""

    name: str
    unit: str
    capacity: int
    instances: int
    used: int
    total: int
    peak: int
    evicted: int
    refused: int
    when_full: str
    worst_case_bytes: int


class Ledger:
    """All bounds of a process. `overrides` replaces values of `limits.LIMITS` by name.

    Raises ConfigError for a name that is no limit or a value below 1.
    """

    def __init__(self, overrides: Mapping[str, int] | None = None) -> None:
        overrides = overrides or {}
        for name, value in overrides.items():
            _check_override(name, value)
        _check_together(overrides)
        self._totals = {name: _Totals(overrides.get(name, limit.value), {}) for name, limit in LIMITS.items()}

    def capacity(self, limit: Limit) -> int:
        """The value in force for a limit."""
        return self._totals[limit.name].capacity

    def open(self, limit: Limit) -> Bound:
        """Open the account of a new container. Its owner closes it when the container ends."""
        totals = self._totals[limit.name]
        bound = Bound(limit, totals.capacity, totals)
        totals.bounds[id(bound)] = bound
        return bound

    def close(self, bound: Bound) -> None:
        """Close an account; peak and evictions stay known. Closing twice changes nothing."""
        self._totals[bound.limit.name].bounds.pop(id(bound), None)

    @contextmanager
    def bound(self, limit: Limit) -> Iterator[Bound]:
        """Open an account for the length of a scope."""
        opened = self.open(limit)
        try:
            yield opened
        finally:
            self.close(opened)

    def entries(self) -> list[Entry]:
        """One entry for every declared limit, used or not, in the table's order."""
        return [self._entry(name, totals) for name, totals in self._totals.items()]

    @property
    def worst_case_bytes(self) -> int:
        """The memory that everything counted takes when every bound is full, by the limits alone.

        Rings are shared with the keeper, and counted here.
        """
        return sum(self._worst_case(name, totals) for name, totals in self._totals.items())

    def _worst_case(self, name: str, totals: _Totals) -> int:
        limit = LIMITS[name]
        if limit.on_disk:
            return 0
        # Several containers of one limit hold the same things by different keys; `per` says how many there can be.
        return totals.capacity * limit.item_bytes * self._most(limit.per)

    def _most(self, per: str | None) -> int:
        """How many there can be of what this limit bounds."""
        return 1 if per is None else self._totals[per].capacity * self._most(LIMITS[per].per)

    def _entry(self, name: str, totals: _Totals) -> Entry:
        used = [bound.used for bound in totals.bounds.values()]
        return Entry(
            name=name,
            unit=LIMITS[name].unit,
            capacity=totals.capacity,
            instances=len(used),
            used=max(used, default=0),
            total=sum(used),
            peak=totals.peak,
            evicted=totals.evicted,
            refused=totals.refused,
            when_full=LIMITS[name].when_full,
            worst_case_bytes=self._worst_case(name, totals),
        )


def _check_override(name: str, value: int) -> None:
    limit = LIMITS.get(name)
    if limit is None:
        raise ConfigError(f"limits: expected one of {', '.join(LIMITS)}; found {name!r}")
    if limit.fixed:
        raise ConfigError(f"limits.{name}: this limit can't be set; leave it out")
    most = MOST_TIMES * limit.value
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ConfigError(f"limits.{name}: expected a whole number of {limit.unit} from 1 to {most}; found {value!r}")


def _check_together(overrides: Mapping[str, int]) -> None:
    """A screen has to fit into what waits for the phone, beside what is read meanwhile."""
    ring = overrides.get(TERMINAL_RING.name, TERMINAL_RING.value)
    outbox = overrides.get(TERMINAL_OUTBOX.name, TERMINAL_OUTBOX.value)
    least = ring + SCREEN_ROOM
    if outbox < least:
        raise ConfigError(
            f"limits.{TERMINAL_OUTBOX.name}: expected at least {least} bytes beside {TERMINAL_RING.name} = {ring}; "
            f"found {outbox}"
        )
