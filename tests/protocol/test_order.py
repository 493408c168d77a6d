"""One order over two paths: whatever comes when, messages are done by their numbers, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import SealBroken
from mobifai.limits import SESSION_HELD
from mobifai.protocol.frames import decode_numbered_frame
from mobifai.protocol.order import Arrivals, Numbering, Way

RELAY, CHANNEL = Way.RELAY, Way.CHANNEL


def arrivals(capacity: int = 4) -> Arrivals[int]:
    return Arrivals(BoundedMap(Ledger({SESSION_HELD.name: capacity}).open(SESSION_HELD)))


@given(st.data())
def test_whichever_way_messages_take_they_are_done_in_their_order(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 30))
    ways = data.draw(st.lists(st.sampled_from(Way), min_size=count, max_size=count))
    queues = {way: [number for number in range(1, count + 1) if ways[number - 1] is way] for way in Way}
    here, done = arrivals(count), list[int]()
    while any(queues.values()):
        way = data.draw(st.sampled_from([way for way in Way if queues[way]]))
        number = queues[way].pop(0)
        done += here.take(way, number, number)
        assert done == list(range(1, len(done) + 1))
        missing = here.missing_on
        assert missing is None or len(done) + 1 in queues[missing]
    assert done == list(range(1, count + 1))
    assert here.missing_on is None


@pytest.mark.parametrize("number", [1, 2])
def test_what_comes_late_or_twice_is_refused(number: int) -> None:
    here = arrivals()
    assert here.take(RELAY, 1, 1) == [1]
    assert here.take(CHANNEL, 2, 2) == [2]
    with pytest.raises(SealBroken, match="expected message 3"):
        here.take(RELAY, number, 0)


def test_what_has_no_number_is_not_done() -> None:
    here = arrivals()
    assert here.take(CHANNEL, None, 1) == []
    assert here.missing_on is None


def test_what_waits_twice_is_refused() -> None:
    here = arrivals()
    assert here.take(CHANNEL, 2, 2) == []
    with pytest.raises(SealBroken, match="twice"):
        here.take(CHANNEL, 2, 2)


def test_the_path_on_which_a_message_is_missing_is_the_other_one() -> None:
    here = arrivals()
    here.take(CHANNEL, 3, 3)
    assert here.missing_on is RELAY
    here.take(RELAY, 2, 2)
    assert here.missing_on is CHANNEL
    assert here.take(CHANNEL, 1, 1) == [1, 2, 3]


def test_messages_that_are_lost_can_be_done_without() -> None:
    here = arrivals()
    assert [here.take(RELAY, number, number) for number in (4, 5, 7)] == [[], [], []]
    assert here.skip() == [4, 5]
    assert here.skip() == [7]
    assert here.skip() == []
    with pytest.raises(SealBroken):
        here.take(CHANNEL, 3, 3)
    assert here.take(RELAY, 8, 8) == [8]


@pytest.mark.parametrize(("count", "fits"), [(3, True), (4, True), (5, False)])
def test_only_so_many_wait(count: int, fits: bool) -> None:
    here = arrivals(4)
    numbers = list(range(2, 2 + count))
    if fits:
        assert [here.take(CHANNEL, number, number) for number in numbers] == [[]] * count
    else:
        with pytest.raises(SealBroken, match="it did not come"):
            for number in numbers:
                here.take(CHANNEL, number, number)


def test_a_new_session_begins_with_one() -> None:
    here = arrivals()
    here.take(CHANNEL, 7, 7)
    here.begin()
    assert here.take(RELAY, 1, 1) == [1]


def test_only_an_ordered_session_numbers_its_messages_and_signals_have_none() -> None:
    numbering = Numbering()
    assert decode_numbered_frame(numbering.frame("a", {}).decode())[2] is None
    numbering.begin(ordered=True)
    numbers = []
    for event in ("a", "webrtc:offer", "b"):
        numbers.append(decode_numbered_frame(numbering.frame(event, {}).decode())[2])
        numbering.sent(event)
    assert numbers == [1, None, 2]
    assert decode_numbered_frame(numbering.frame("c", {}).decode())[2] == 3
    assert decode_numbered_frame(numbering.frame("c", {}).decode())[2] == 3  # it was not sent
    assert numbering.take() == 3
