"""Who gets a place, and who makes room for whom."""

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
def test_an_address_loses_its_own_oldest(held: int, gone: str | None) -> None:
    some = places()
    some.acquire("other", stranger(2))
    for number in range(held):
        some.acquire(str(number), stranger(1))
    assert some.acquire("new", stranger(1)) == gone
    assert "other" in some


def test_a_known_address_may_hold_more() -> None:
    some = places()
    for number in range(3 * KNOWN_FACTOR):
        assert some.acquire(str(number), KNOWN) is None
    assert some.acquire("new", KNOWN) == "0"


def test_strangers_leave_a_quarter_of_the_places_to_known_addresses() -> None:
    some = places()
    for number in range(CAPACITY - CAPACITY // 4):
        assert some.acquire(str(number), stranger(number)) is None
    assert some.acquire("new", stranger(99)) == "0"
    assert some.acquire("known", KNOWN) is None


def test_who_holds_most_makes_room_first() -> None:
    some = places()
    some.acquire("oldest", stranger(1))
    for number in range(5):
        some.acquire(str(number), stranger(2 if number < 3 else number))
    assert some.acquire("new", stranger(9)) == "0"


def test_a_stranger_makes_room_for_a_known_address_which_keeps_at_least_one_place() -> None:
    some = places(most=CAPACITY)
    some.acquire("stranger", stranger(1))
    for number in range(CAPACITY - 1):
        some.acquire(str(number), KNOWN)
    assert some.acquire("known", AddressGroup("office", known=True)) == "stranger"
    assert some.acquire("new", stranger(2)) == "0"
    assert some.acquire("again", AddressGroup("office", known=True)) == "new"


def test_known_addresses_with_one_place_each_make_room_for_no_stranger() -> None:
    some = places()
    for number in range(CAPACITY):
        some.acquire(str(number), AddressGroup(f"home-{number}", known=True))
    with pytest.raises(LimitReached):
        some.acquire("new", stranger(2))
    assert list(some) == [*map(str, range(CAPACITY))]


def test_a_place_that_is_free_again_is_given_to_the_next() -> None:
    some = places()
    for number in range(3):
        some.acquire(str(number), stranger(1))
    some.release("1")
    some.release("1")
    assert some.acquire("new", stranger(1)) is None
