"""Flow control as dialogues: what feeds and holds do to the program of a terminal."""

import asyncio
from typing import Any, cast

from mobifai.terminals.flow_control import FlowControl, ProgramState
from mobifai.terminals.pty import Pty
from tests.support.eventually import eventually


class FakePty:
    """Records whether the program may print."""

    def __init__(self) -> None:
        self.runs = True

    def pause(self) -> None:
        self.runs = False

    def resume(self) -> None:
        self.runs = True


class FakeFeed:
    """An attached feed that holds the program back, or not."""

    attached = True
    watching = False

    def __init__(self) -> None:
        self.is_full = False

    def holds_back(self) -> bool:
        return self.is_full


class Stage:
    """The flow control of one program, with two viewers."""

    def __init__(self) -> None:
        self.pty = FakePty()
        self.flow = FlowControl(cast("Pty", self.pty))
        self.feeds = FakeFeed(), FakeFeed()
        for feed in self.feeds:
            self.flow.add(cast("Any", feed))
        self.flow.feed_changed()

    def fill(self, first: bool, second: bool) -> None:
        self.feeds[0].is_full, self.feeds[1].is_full = first, second
        self.flow.regulate()


def the_states(stage: Stage, *fills: tuple[bool, bool]) -> list[tuple[str, bool]]:
    states = []
    for first, second in fills:
        stage.fill(first, second)
        states.append((stage.flow.state.value, stage.pty.runs))
    return states


async def test_the_program_waits_while_one_of_its_feeds_is_full() -> None:
    stage = Stage()
    fills = (False, False), (True, False), (True, True), (False, True), (False, False)
    stopped, running = ("stopped", False), ("running", True)
    assert the_states(stage, *fills) == [running, stopped, stopped, stopped, running]


async def test_a_held_program_waits_also_when_no_feed_is_full() -> None:
    stage = Stage()
    stage.flow.hold(1000)
    assert the_states(stage, (False, False), (True, False), (False, False)) == [("held", False)] * 3
    stage.flow.end_hold()
    assert (stage.flow.state, stage.pty.runs) == (ProgramState.STOPPED, False)
    assert the_states(stage, (False, False)) == [("running", True)]


async def test_a_hold_ends_automatically_unless_a_feed_is_full() -> None:
    stage = Stage()
    stage.feeds[0].is_full = True
    stage.flow.hold(0)
    await eventually(lambda: stage.flow.state is ProgramState.STOPPED)
    assert not stage.pty.runs
    stage.fill(False, False)
    stage.flow.hold(0)
    await eventually(lambda: stage.flow.state is ProgramState.RUNNING)
    assert stage.pty.runs


async def test_a_hold_that_is_closed_does_nothing_later() -> None:
    stage = Stage()
    stage.flow.hold(0)
    stage.flow.close()
    for _ in range(3):
        await asyncio.sleep(0)
    assert (stage.flow.state, stage.pty.runs) == (ProgramState.STOPPED, False)
