"""The limits of connections, and the choice of the connection to evict."""

import pytest

from mobifai.bounds import Ledger
from mobifai.errors import LimitReached
from mobifai.limits import RELAY_UNSIGNED
from mobifai.relay.connection_slots import KNOWN_FACTOR, AddressGroup, ConnectionSlots

CAPACITY = 8
KNOWN = AddressGroup("home", known=True)


def stranger(number: int) -> AddressGroup:
    return AddressGroup(f"stranger-{number}", known=False)


def places(most: int = 3) -> ConnectionSlots[str]:
    return ConnectionSlots(Ledger({RELAY_UNSIGNED.name: CAPACITY}).open(RELAY_UNSIGNED), most)


@pytest.mark.parametrize(("held", "gone"), [(2, None), (3, "0"), (4, "1")])
def test_an_address_beyond_its_limit_evicts_its_own_oldest_connection(held: int, gone: str | None) -> None:
    some = places()
    some.acquire("other", stranger(2))
    for number in range(held):
        some.acquire(str(number), stranger(1))
    assert some.acquire("new", stranger(1)) == gone
    assert "other" in some


def test_a_known_address_has_a_higher_limit() -> None:
    some = places()
    for number in range(3 * KNOWN_FACTOR):
        assert some.acquire(str(number), KNOWN) is None
    assert some.acquire("new", KNOWN) == "0"


def test_a_quarter_of_the_slots_is_reserved_for_known_addresses() -> None:
    some = places()
    for number in range(CAPACITY - CAPACITY // 4):
        assert some.acquire(str(number), stranger(number)) is None
    assert some.acquire("new", stranger(99)) == "0"
    assert some.acquire("known", KNOWN) is None


def test_the_address_with_most_slots_is_evicted_first() -> None:
    some = places()
    some.acquire("oldest", stranger(1))
    for number in range(5):
        some.acquire(str(number), stranger(2 if number < 3 else number))
    assert some.acquire("new", stranger(9)) == "0"


def test_an_unknown_address_is_evicted_for_a_known_one_which_keeps_its_first_slot() -> None:
    some = places(most=CAPACITY)
    some.acquire("stranger", stranger(1))
    for number in range(CAPACITY - 1):
        some.acquire(str(number), KNOWN)
    assert some.acquire("known", AddressGroup("office", known=True)) == "stranger"
    assert some.acquire("new", stranger(2)) == "0"
    assert some.acquire("again", AddressGroup("office", known=True)) == "new"


def test_known_addresses_with_one_slot_each_are_not_evicted_for_an_unknown_one() -> None:
    some = places()
    for number in range(CAPACITY):
        some.acquire(str(number), AddressGroup(f"home-{number}", known=True))
    with pytest.raises(LimitReached):
        some.acquire("new", stranger(2))
    assert list(some) == [*map(str, range(CAPACITY))]


def test_a_released_slot_can_be_acquired_again() -> None:
    some = places()
    for number in range(3):
        some.acquire(str(number), stranger(1))
    some.release("1")
    some.release("1")
    assert some.acquire("new", stranger(1)) is None
