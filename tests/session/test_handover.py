"""The handover of messages to an open channel: after everything sent by relay has arrived, and within a limit."""

import asyncio

import pytest

from mobifai.session.handover import ChannelHandover
from tests.support.eventually import eventually


class Desk:
    """A handover with its relay, and the sent messages."""

    def __init__(self) -> None:
        self.waits = False
        self.went: list[bool] = []
        self.asked: list[str] = []
        self.change_over = ChannelHandover(lambda: self.waits, self.went.append)


async def test_it_goes_once_the_relay_has_sent_back_what_was_behind_all_else() -> None:
    desk = Desk()
    desk.change_over.begin(desk.asked.append, listens=True)
    for _ in range(20):
        await asyncio.sleep(0)
    assert desk.went == []
    desk.change_over.echoed(desk.asked[0])
    await eventually(lambda: desk.went == [True])
    assert not desk.change_over.pending


async def test_it_waits_for_what_is_not_on_the_wire() -> None:
    desk = Desk()
    desk.waits = True
    desk.change_over.begin(None, listens=True)
    for _ in range(20):
        await asyncio.sleep(0)
    assert (desk.went, desk.change_over.pending) == ([], True)
    desk.waits = False
    await eventually(lambda: desk.went == [True])


@pytest.mark.parametrize("waits", [True, False])
async def test_the_wait_for_a_relay_that_never_sends_it_back_is_limited(
    monkeypatch: pytest.MonkeyPatch, waits: bool
) -> None:
    monkeypatch.setattr("mobifai.session.handover.FLUSH_SECONDS", 0.05)
    desk = Desk()
    desk.waits = waits
    desk.change_over.begin(desk.asked.append, listens=False)
    await eventually(lambda: desk.went == [False])


async def test_an_answer_that_is_another_s_changes_nothing() -> None:
    desk = Desk()
    desk.change_over.begin(desk.asked.append, listens=True)
    desk.change_over.echoed("health-7")
    desk.change_over.echoed("until-channel:1.000000")
    for _ in range(20):
        await asyncio.sleep(0)
    assert desk.went == []
    desk.change_over.stop()


async def test_one_that_is_stopped_never_goes() -> None:
    desk = Desk()
    desk.change_over.begin(None, listens=True)
    desk.change_over.stop()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert desk.went == []
