"""The ledger: use, peak, evictions and refusals, including those of closed containers."""

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.bounds import Bound, ByteQueue, ByteRing, Entry, Ledger
from mobifai.errors import ConfigError, LimitReached
from mobifai.limits import LIMITS, SCREEN_ROOM, TERMINAL_INPUT, TERMINAL_OUTBOX, TERMINAL_RING, TERMINALS, Limit


def entry(ledger: Ledger, limit: Limit) -> Entry:
    return next(entry for entry in ledger.entries() if entry.name == limit.name)


def test_it_has_an_entry_for_every_limit_used_or_not() -> None:
    entries = Ledger().entries()
    assert [entry.name for entry in entries] == list(LIMITS)
    assert all(entry.capacity == LIMITS[entry.name].value for entry in entries)
    assert all(entry.unit == LIMITS[entry.name].unit for entry in entries)
    assert all(
        (entry.instances, entry.used, entry.total, entry.peak, entry.evicted) == (0, 0, 0, 0, 0) for entry in entries
    )


def test_used_is_of_the_fullest_container_and_total_of_all() -> None:
    ledger = Ledger()
    one, other = ledger.open(TERMINAL_INPUT), ledger.open(TERMINAL_INPUT)
    one.set(3)
    other.set(5)
    found = entry(ledger, TERMINAL_INPUT)
    assert (found.instances, found.used, found.total, found.peak) == (2, 5, 8, 5)


def test_peak_and_evictions_survive_the_container() -> None:
    ledger = Ledger({"terminal.ring": 4})
    with ledger.bound(TERMINAL_RING) as bound:
        ByteRing(bound).append(b"abcdefg")
    found = entry(ledger, TERMINAL_RING)
    assert (found.instances, found.used, found.total) == (0, 0, 0)
    assert (found.peak, found.evicted) == (4, 3)


def test_refusals_survive_the_container() -> None:
    ledger = Ledger({"terminal.input": 2})
    with ledger.bound(TERMINAL_INPUT) as bound:
        with pytest.raises(LimitReached):
            ByteQueue(bound).append(b"abc")
    assert entry(ledger, TERMINAL_INPUT).refused == 1


def test_a_peak_is_never_taken_back() -> None:
    ledger = Ledger()
    with ledger.bound(TERMINALS) as bound:
        for used in (1, 9, 4, 0):
            bound.set(used)
    assert entry(ledger, TERMINALS).peak == 9


def test_use_above_the_capacity_is_recorded_for_the_check_to_find() -> None:
    ledger = Ledger({"terminals": 2})
    bound = ledger.open(TERMINALS)
    bound.set(3)
    assert (entry(ledger, TERMINALS).peak, bound.room) == (3, 0)


@pytest.mark.parametrize(("used", "room"), [(0, 8), (7, 1), (8, 0), (9, 0)])
def test_room_is_what_fits_still(used: int, room: int) -> None:
    bound = Ledger({"terminals": 8}).open(TERMINALS)
    bound.set(used)
    assert bound.room == room


def test_closing_twice_changes_nothing() -> None:
    ledger = Ledger()
    bound, other = ledger.open(TERMINALS), ledger.open(TERMINALS)
    other.set(2)
    ledger.close(bound)
    ledger.close(bound)
    assert (entry(ledger, TERMINALS).instances, entry(ledger, TERMINALS).total) == (1, 2)


def test_the_worst_case_counts_what_several_containers_share_once() -> None:
    ledger = Ledger()
    before = ledger.worst_case_bytes
    for _ in range(3):
        ledger.open(TERMINALS)
    assert ledger.worst_case_bytes == before


def test_the_worst_case_is_of_all_that_a_limit_allows_to_be_at_one_time() -> None:
    usual, fewer = Ledger(), Ledger({"terminals": 32})
    each = sum(limit.value * limit.item_bytes for limit in LIMITS.values() if limit.per == "terminals")
    assert usual.worst_case_bytes - fewer.worst_case_bytes == 32 * (each + TERMINALS.item_bytes)


def test_a_scope_that_fails_closes_its_account() -> None:
    ledger = Ledger()
    with pytest.raises(RuntimeError):
        with ledger.bound(TERMINALS):
            raise RuntimeError("no")
    assert entry(ledger, TERMINALS).instances == 0


def test_a_closed_account_is_not_kept() -> None:
    class Watched(Bound):
        __slots__ = ("__weakref__",)

    ledger = Ledger()
    opened = ledger.open(TERMINALS)
    watched = Watched(opened.limit, opened.capacity, opened._totals)
    opened._totals.bounds[id(watched)] = watched
    seen = weakref.ref(watched)
    ledger.close(watched)
    del watched
    gc.collect()
    assert seen() is None


def test_an_override_is_in_force_for_its_limit_alone() -> None:
    ledger = Ledger({"terminals": 3})
    assert (ledger.capacity(TERMINALS), ledger.open(TERMINALS).capacity, entry(ledger, TERMINALS).capacity) == (3, 3, 3)
    assert ledger.capacity(TERMINAL_RING) == TERMINAL_RING.value


def test_ledgers_do_not_share_accounts() -> None:
    one, other = Ledger(), Ledger()
    one.open(TERMINALS).set(5)
    assert entry(other, TERMINALS).peak == 0


@pytest.mark.parametrize("value", [0, -1, True, False, 1.0, "12", None, [1], 64001])
def test_a_value_that_is_no_number_in_reason_is_refused(value: object) -> None:
    with pytest.raises(
        ConfigError, match=r"limits\.terminals: expected a whole number of items from 1 to 64000; found"
    ):
        Ledger({"terminals": value})  # type: ignore[dict-item]


@pytest.mark.parametrize("name", ["", "terminal", "TERMINALS", "terminals "])
def test_a_name_that_is_no_limit_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(ConfigError, match=r"limits: expected one of terminals, .*; found"):
        Ledger({name: 1})


SETTABLE = sorted(name for name, limit in LIMITS.items() if not limit.fixed and name != "terminal.outbox")


@pytest.mark.parametrize("name", [name for name, limit in LIMITS.items() if limit.fixed])
def test_a_limit_that_other_code_relies_on_can_not_be_set(name: str) -> None:
    with pytest.raises(ConfigError, match="can't be changed"):
        Ledger({name: LIMITS[name].value})


@pytest.mark.parametrize(("ring", "outbox", "fits"), [(10_000, 100_112, True), (10_000, 100_111, False)])
def test_a_screen_has_to_fit_into_what_waits_for_the_phone(ring: int, outbox: int, fits: bool) -> None:
    overrides = {"terminal.ring": ring, "terminal.outbox": outbox}
    if fits:
        assert Ledger(overrides)
    else:
        with pytest.raises(ConfigError, match=r"terminal\.outbox: expected at least 100112"):
            Ledger(overrides)


def test_a_larger_ring_makes_the_outbox_larger() -> None:
    assert Ledger({"terminal.ring": 200_000}).capacity(TERMINAL_OUTBOX) == 200_000 + SCREEN_ROOM


@given(st.dictionaries(st.sampled_from(SETTABLE), st.integers(1, 100)))
def test_any_numbers_in_reason_are_taken(overrides: dict[str, int]) -> None:
    entries = Ledger(overrides).entries()
    assert {entry.name: entry.capacity for entry in entries} == {
        name: overrides.get(name, limit.value) for name, limit in LIMITS.items()
    }


def test_every_limit_gives_a_reason_and_names_a_limit_that_bounds_its_number() -> None:
    for name, limit in LIMITS.items():
        assert limit.name == name
        assert limit.value >= 1
        assert len(limit.reason) > 20
        assert limit.per is None or limit.per in LIMITS


def test_no_limit_bounds_its_own_number() -> None:
    for limit in LIMITS.values():
        chain = [limit.name]
        while (above := LIMITS[chain[-1]].per) is not None:
            assert above not in chain
            chain.append(above)
