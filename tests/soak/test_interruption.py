"""Signals of a command. Before `hold` they end it; afterwards they are recorded and raise nothing."""

import asyncio
import os
import signal

import pytest

from mobifai.cli.control_client import run
from soak.harness.interruption import SIGNALS, Interruption, recorded_signals


def send(number: int) -> None:
    """Send this process a signal. Its handler has run when this function returns."""
    os.kill(os.getpid(), number)


async def hang(number: int, times: int, then: str) -> str:
    """Send signals to this process, then wait without end. If this is cancelled, return a result anyway."""
    for _ in range(times):
        send(number)
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        send(number)
        await asyncio.sleep(0)
        return then
    raise AssertionError


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_before_anything_has_begun_ends_the_command(number: int) -> None:
    with Interruption() as stop, pytest.raises(KeyboardInterrupt):
        send(number)
    assert stop.asked


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_cancels_the_job_and_one_more_does_not_disturb_its_end(number: int) -> None:
    with Interruption() as stop:
        stop.hold()
        assert run(stop.end(hang(number, 1, "what is known"))) == "what is known"
        assert stop.count == 2


def test_a_signal_that_came_before_the_job_cancels_it_too() -> None:
    with Interruption() as stop:
        stop.hold()
        send(signal.SIGTERM)
        with pytest.raises(asyncio.CancelledError):
            run(stop.end(asyncio.sleep(600)))


def test_a_job_that_may_go_on_after_the_first_signal_is_cancelled_by_the_second() -> None:
    with Interruption() as stop:
        stop.hold()
        send(signal.SIGINT)
        assert run(stop.end(hang(signal.SIGINT, 1, "cancelled"), at=2)) == "cancelled"


def test_what_a_job_raises_is_raised() -> None:
    async def fail() -> None:
        raise ValueError("as it is")

    with Interruption() as stop, pytest.raises(ValueError, match="as it is"):
        run(stop.end(fail()))


def test_a_signal_that_the_parent_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interruption() as stop:
            send(signal.SIGHUP)
            assert not stop.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_handlers_of_before_come_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with Interruption():
        pass
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_an_event_is_set_by_a_signal_also_by_one_that_came_before() -> None:
    async def waits(stop: Interruption, number: int) -> bool:
        async with stop.event() as event:
            send(number)
            async with asyncio.timeout(10):
                return await event.wait()

    with recorded_signals() as stop:
        assert run(waits(stop, signal.SIGTERM))
        assert run(waits(stop, 0))
    for number in SIGNALS:
        assert signal.getsignal(number) is signal.SIG_IGN
        signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)


def test_without_a_signal_the_handlers_of_before_come_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with recorded_signals() as stop:
        assert signal.getsignal(signal.SIGTERM) not in before
    assert not stop.asked
    assert [signal.getsignal(number) for number in SIGNALS] == before
