"""The ledger: current use, peak, evictions and refusals of everything that can grow.

`Ledger` opens a `Bound` for each container. For each limit it keeps the peak and the number of evictions and refusals,
including those of containers that are closed. It stores counts only, not the contents of the containers.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from mobifai.errors import ConfigError, LimitReached
from mobifai.limits import LIMITS, SCREEN_ROOM, TERMINAL_OUTBOX, TERMINAL_RING, Limit

MOST_TIMES = 1000
"""The greatest factor by which a setting may raise a limit. A greater one is rejected as a probable typing error."""


class Bound:
    """The ledger's entry for one open container. `used` and `capacity` are in the limit's unit."""

    __slots__ = ("_totals", "capacity", "limit", "used")

    def __init__(self, limit: Limit, capacity: int, totals: "_Totals") -> None:
        self.limit = limit
        self.capacity = capacity
        self.used = 0
        self._totals = totals

    def set(self, used: int) -> None:
        """Record how much the container uses, in the limit's unit. A value above the capacity is recorded too."""
        self.used = used
        if used > self._totals.peak:  # noqa: PLR1730 - several times for every chunk
            self._totals.peak = used

    def evicted(self, amount: int) -> None:
        """Record that `amount` items or bytes (the limit's unit) were evicted from the container."""
        self._totals.evicted += amount

    def refuse(self, what: str) -> LimitReached:
        """Record that the container refused `what`, a noun phrase. Return the error for the caller to raise."""
        self._totals.refused += 1
        limit = self.limit
        return LimitReached(
            f"no room for {what}: at most {self.capacity} {limit.unit} ({limit.name}), and {self.used} are in use"
        )

    @property
    def room(self) -> int:
        """The part of the capacity that is not used, in the limit's unit; never negative."""
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
    """The figures of one limit.

    `instances` is the number of open containers. `used` is the use of the fullest open container, `peak` the highest
    use of any container so far, and `total` the sum over all open containers, each in `unit`.
    """

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

    Raises ConfigError for the name of an unknown or fixed limit, and for a value below 1 or above MOST_TIMES times the
    declared value.
    """

    def __init__(self, overrides: Mapping[str, int] | None = None) -> None:
        overrides = overrides or {}
        for name, value in overrides.items():
            _check_override(name, value)
        values = {name: limit.value for name, limit in LIMITS.items()} | _outbox_for(overrides) | dict(overrides)
        self._totals = {name: _Totals(value, {}) for name, value in values.items()}

    def capacity(self, limit: Limit) -> int:
        """Return the value of a limit in this process: the declared value, or the setting that replaces it."""
        return self._totals[limit.name].capacity

    def open(self, limit: Limit) -> Bound:
        """Open and return the bound of a new container. The container's owner has to close the bound."""
        totals = self._totals[limit.name]
        bound = Bound(limit, totals.capacity, totals)
        totals.bounds[id(bound)] = bound
        return bound

    def close(self, bound: Bound) -> None:
        """Close a bound. The ledger keeps the peak and the number of evictions of its limit. Idempotent."""
        self._totals[bound.limit.name].bounds.pop(id(bound), None)

    @contextmanager
    def bound(self, limit: Limit) -> Iterator[Bound]:
        """Open a bound for a container that exists in this scope, and close the bound at the end of the scope."""
        opened = self.open(limit)
        try:
            yield opened
        finally:
            self.close(opened)

    def entries(self) -> list[Entry]:
        """Return one entry for every declared limit, used or not, in the order of `limits.LIMITS`."""
        return [self._entry(name, totals) for name, totals in self._totals.items()]

    @property
    def worst_case_bytes(self) -> int:
        """The memory in bytes that all containers would take if every limit were reached, computed from the limits.

        The rings, which the agent shares with the keeper, are included.
        """
        return sum(self._worst_case(name, totals) for name, totals in self._totals.items())

    def _worst_case(self, name: str, totals: _Totals) -> int:
        limit = LIMITS[name]
        if limit.on_disk:
            return 0
        # Open containers are not counted: several may hold the same items by different keys. `per` limits the items.
        return totals.capacity * limit.item_bytes * self._most(limit.per)

    def _most(self, per: str | None) -> int:
        """Return how many containers of a limit may exist. `per` names the limit on their number; None means one."""
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
        raise ConfigError(f"limits.{name}: this limit can't be changed; remove this setting")
    most = MOST_TIMES * limit.value
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ConfigError(f"limits.{name}: expected a whole number of {limit.unit} from 1 to {most}; found {value!r}")


def _outbox_for(overrides: Mapping[str, int]) -> dict[str, int]:
    """Return `{name: value}` with the value of the limit TERMINAL_OUTBOX, which a larger ring raises.

    An outbox has to hold the replay of a whole ring, and the output that is read while the replay is sent. Raises
    ConfigError if the overrides set a smaller outbox.
    """
    ring = overrides.get(TERMINAL_RING.name, TERMINAL_RING.value)
    least = ring + SCREEN_ROOM
    outbox = overrides.get(TERMINAL_OUTBOX.name, max(least, TERMINAL_OUTBOX.value))
    if outbox < least:
        raise ConfigError(
            f"limits.{TERMINAL_OUTBOX.name}: expected at least {least} bytes for {TERMINAL_RING.name} = {ring}; "
            f"found {outbox}"
        )
    return {TERMINAL_OUTBOX.name: outbox}
