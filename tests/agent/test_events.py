"""Lifecycle events reach every subscriber, of which there is a limited number."""

import logging

import pytest

from mobifai.agent.events import AgentEvent, EventBus, SessionClosed, SessionOpened
from mobifai.bounds import Ledger
from mobifai.errors import LimitReached
from mobifai.limits import SUBSCRIBERS


class Subscriber:
    """Records the events that it receives."""

    def __init__(self) -> None:
        self.received: list[AgentEvent] = []

    def receive(self, event: AgentEvent) -> None:
        self.received.append(event)


def fails(_: AgentEvent) -> None:
    raise ValueError("a broken subscriber")


def test_subscribers_receive_events_in_order_also_after_one_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    events, subscriber = EventBus(Ledger()), Subscriber()
    events.subscribe(fails)
    events.subscribe(subscriber.receive)
    expected = [SessionOpened("phone"), SessionClosed("phone")]
    with caplog.at_level(logging.ERROR):
        for event in expected:
            events.publish(event)
    assert subscriber.received == expected
    assert "a subscriber could not handle the event SessionOpened" in caplog.text


def test_there_are_as_many_subscribers_as_the_limit_allows() -> None:
    ledger = Ledger()
    events, subscribers = EventBus(ledger), [Subscriber() for _ in range(SUBSCRIBERS.value)]
    for subscriber in subscribers:
        events.subscribe(subscriber.receive)
    with pytest.raises(LimitReached, match="agent.subscribers"):
        events.subscribe(Subscriber().receive)
    events.publish(SessionOpened("phone"))
    assert all(subscriber.received for subscriber in subscribers)


def test_a_bus_that_is_closed_holds_no_subscriber_and_no_account() -> None:
    ledger = Ledger()
    events, subscriber = EventBus(ledger), Subscriber()
    events.subscribe(subscriber.receive)
    events.close()
    events.publish(SessionOpened("phone"))
    assert subscriber.received == []
    assert all(entry.instances == 0 for entry in ledger.entries())
