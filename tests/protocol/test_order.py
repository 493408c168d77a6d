"""One order over two paths: however messages arrive, they are handled by their numbers, or not at all."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.bounds import BoundedMap, Ledger
from mobifai.errors import EncryptionError
from mobifai.limits import SESSION_HELD
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
    here.channel_begins(1)
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
    with pytest.raises(EncryptionError, match="expected message 3"):
        here.take(RELAY, number, 0)


def test_what_has_no_number_is_not_done() -> None:
    here = arrivals()
    assert here.take(CHANNEL, None, 1) == []
    assert here.missing_on is None


def test_what_waits_twice_is_refused() -> None:
    here = arrivals()
    assert here.take(CHANNEL, 2, 2) == []
    with pytest.raises(EncryptionError, match="repeated"):
        here.take(CHANNEL, 2, 2)


def test_the_path_on_which_a_message_is_missing_is_the_other_one() -> None:
    here = arrivals()
    here.channel_begins(1)
    here.take(CHANNEL, 3, 3)
    assert here.missing_on is RELAY
    here.take(RELAY, 2, 2)
    assert here.missing_on is CHANNEL
    assert here.take(CHANNEL, 1, 1) == [1, 2, 3]


def test_messages_that_a_channel_had_are_lost_with_it() -> None:
    here = arrivals()
    here.channel_begins(1)
    assert [here.take(RELAY, number, number) for number in (4, 5, 7)] == [[], [], []]
    assert here.channel_lost() == [4, 5, 7]
    with pytest.raises(EncryptionError):
        here.take(CHANNEL, 3, 3)
    assert here.take(RELAY, 9, 9) == [9]


def test_what_a_channel_before_has_lost_is_missing_on_no_other() -> None:
    here = arrivals()
    here.channel_begins(1)
    assert here.take(RELAY, 3, 3) == []
    assert here.channel_begins(5) == [3]
    assert here.take(RELAY, 6, 6) == []
    assert here.missing_on is CHANNEL
    assert here.take(CHANNEL, 5, 5) == [5, 6]


@dataclass
class Sender:
    """The peer of a session: it sends by the relay, and by a data channel whose end it may notice late."""

    numbering: Numbering
    relay: list[tuple[str, int]] = field(default_factory=list)
    channel: list[int] | None = None
    is_cut: bool = False
    by_relay: list[int] = field(default_factory=list)

    def say_by_relay(self) -> None:
        number = self.numbering.take("a")
        assert number is not None
        self.relay.append(("a", number))
        self.by_relay.append(number)

    def say_by_channel(self) -> None:
        number = self.numbering.take("a")
        if self.channel is not None and not self.is_cut and number is not None:
            self.channel.append(number)

    def answer(self) -> None:
        number = self.numbering.take("webrtc:answer")
        assert number is not None
        self.relay.append(("webrtc:answer", number))
        self.channel, self.is_cut = [], False


@given(st.data())
def test_nothing_that_the_relay_carries_is_lost_late_or_waited_for_in_vain_when_channels_come_and_go(
    data: st.DataObject,
) -> None:
    numbering = Numbering()
    numbering.begin(ordered=True)
    there, here, done = Sender(numbering), arrivals(1000), list[int]()
    knows_channel = is_offered = False
    for _ in range(data.draw(st.integers(1, 60))):
        possible = ["say by relay"]
        if there.channel is not None:
            possible += ["say by channel"] + ["cut"] * (not there.is_cut)
        if is_offered:
            possible.append("answer")
        if there.relay:
            possible.append("relay delivers")
        if there.channel and knows_channel and not there.is_cut:
            possible.append("channel delivers")
        if there.is_cut and knows_channel:
            possible.append("end is noticed")
        if not knows_channel and not is_offered and not any(event != "a" for event, _ in there.relay):
            possible.append("offer")
        match data.draw(st.sampled_from(possible)):
            case "say by relay":
                there.say_by_relay()
            case "say by channel":
                there.say_by_channel()
            case "cut":
                there.is_cut = True
            case "answer":
                is_offered = False
                there.answer()
            case "offer":
                is_offered = True
            case "relay delivers":
                event, number = there.relay.pop(0)
                if event == "a":
                    done += here.take(RELAY, number, number)
                else:
                    knows_channel = True
                    done += here.channel_begins(number)
            case "channel delivers":
                assert there.channel
                number = there.channel.pop(0)
                done += here.take(CHANNEL, number, number)
            case "end is noticed":
                knows_channel = False
                done += here.channel_lost()
        if here.missing_on is RELAY:
            assert there.relay
        if here.missing_on is CHANNEL:
            assert knows_channel
            assert there.channel or there.is_cut
    while there.relay:
        event, number = there.relay.pop(0)
        done += here.take(RELAY, number, number) if event == "a" else here.channel_begins(number)
    done += here.channel_lost()
    assert done == sorted(done)
    assert set(there.by_relay) <= set(done)


@pytest.mark.parametrize(("count", "fits"), [(3, True), (4, True), (5, False)])
def test_only_so_many_wait(count: int, fits: bool) -> None:
    here = arrivals(4)
    numbers = list(range(2, 2 + count))
    if fits:
        assert [here.take(CHANNEL, number, number) for number in numbers] == [[]] * count
    else:
        with pytest.raises(EncryptionError, match="too many later ones wait"):
            for number in numbers:
                here.take(CHANNEL, number, number)


def test_a_new_session_begins_with_one() -> None:
    here = arrivals()
    here.take(CHANNEL, 7, 7)
    here.begin()
    assert here.take(RELAY, 1, 1) == [1]


def test_only_an_ordered_session_numbers_its_messages_and_signals_are_not_counted() -> None:
    numbering = Numbering()
    assert numbering.next is None
    assert numbering.take("a") is None
    numbering.begin(ordered=True)
    numbers = []
    for event in ("a", "webrtc:offer", "b"):
        numbers.append(numbering.next)
        numbering.sent(event)
    assert numbers == [1, 2, 2]
    assert numbering.next == 3
    assert numbering.take("c") == 3
    assert numbering.take("webrtc:answer") == 4
    assert numbering.take("d") == 4
