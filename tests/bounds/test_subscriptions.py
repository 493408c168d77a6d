"""Subscriptions: a listener is called for every event of its scope, and for no other."""

from contextlib import ExitStack

import pytest

from mobifai.bounds import Ledger, Subscriptions
from mobifai.errors import LimitReached
from mobifai.limits import SUBSCRIBERS


def a_source(capacity: int = 3) -> tuple[Subscriptions[[str]], Ledger]:
    ledger = Ledger({"subscribers": capacity})
    return Subscriptions(ledger.open(SUBSCRIBERS)), ledger


def test_listeners_are_called_in_the_order_in_which_they_came() -> None:
    source, _ = a_source()
    heard: list[str] = []
    with source.subscribe(lambda event: heard.append(f"first {event}")):
        with source.subscribe(lambda event: heard.append(f"second {event}")):
            source.notify("x")
    assert heard == ["first x", "second x"]


def test_nothing_is_heard_before_and_after_the_scope() -> None:
    source, _ = a_source()
    heard: list[str] = []
    source.notify("before")
    with source.subscribe(heard.append):
        source.notify("during")
    source.notify("after")
    assert heard == ["during"]
    assert len(source) == 0


def test_a_scope_that_fails_ends_all_the_same() -> None:
    source, _ = a_source()
    with pytest.raises(RuntimeError):
        with source.subscribe(lambda _event: None):
            raise RuntimeError("no")
    assert len(source) == 0


def test_the_same_callback_twice_is_two_listeners() -> None:
    source, _ = a_source()
    heard: list[str] = []
    with source.subscribe(heard.append):
        with source.subscribe(heard.append):
            source.notify("x")
        source.notify("y")
    assert heard == ["x", "x", "y"]


def test_a_listener_may_unsubscribe_while_it_is_called() -> None:
    source, _ = a_source()
    heard: list[str] = []
    scope = ExitStack()

    def once(event: str) -> None:
        heard.append(f"once {event}")
        scope.close()

    scope.enter_context(source.subscribe(once))
    with source.subscribe(lambda event: heard.append(f"always {event}")):
        source.notify("x")
        source.notify("y")
    assert heard == ["once x", "always x", "always y"]


def test_a_listener_whose_scope_another_one_ended_is_not_called_any_more() -> None:
    source, _ = a_source()
    heard: list[str] = []
    scope = ExitStack()
    with source.subscribe(lambda _event: scope.close()):
        scope.enter_context(source.subscribe(heard.append))
        source.notify("x")
    assert heard == []


def test_a_listener_that_comes_during_an_event_hears_the_next_one_first() -> None:
    source, _ = a_source()
    heard: list[str] = []
    with ExitStack() as scope:

        def invite(event: str) -> None:
            if event == "x":
                scope.enter_context(source.subscribe(heard.append))

        scope.enter_context(source.subscribe(invite))
        source.notify("x")
        source.notify("y")
    assert heard == ["y"]


@pytest.mark.parametrize("count", [2, 3])
def test_up_to_its_capacity_it_takes_listeners(count: int) -> None:
    source, _ = a_source(3)
    heard: list[str] = []
    with ExitStack() as scope:
        for _ in range(count):
            scope.enter_context(source.subscribe(heard.append))
        source.notify("x")
    assert heard == ["x"] * count


def test_one_listener_too_many_is_refused_and_the_others_stay() -> None:
    source, ledger = a_source(3)
    heard: list[str] = []
    with ExitStack() as scope:
        for _ in range(3):
            scope.enter_context(source.subscribe(heard.append))
        with pytest.raises(LimitReached, match=r"one more listener: at most 3 items \(subscribers\)"):
            scope.enter_context(source.subscribe(heard.append))
        source.notify("x")
    entry = next(entry for entry in ledger.entries() if entry.name == "subscribers")
    assert heard == ["x"] * 3
    assert (entry.used, entry.peak, entry.refused) == (0, 3, 1)
