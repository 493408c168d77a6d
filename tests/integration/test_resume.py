"""After any interruption, a phone with offsets gets exactly the rest, or the number of lost bytes."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from mobifai.limits import TERMINAL_WINDOW
from soak.phone.interface import PhoneInterface
from soak.phone.offsets import FEATURES, RESUME, Reply, StreamOffset
from tests.integration.counting import numbers, start_counting, stop_counting
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import (
    answers,
    arrive,
    asked,
    get_in_again,
    nothing_went_wrong,
    on_path,
    until_running,
    until_stopped,
)
from tests.support.connected import both_paths, phone_with_terminal
from tests.support.eventually import eventually
from tests.support.phones import Kind, phone_kinds

pytestmark = pytest.mark.extended

LAST = 400_000
FLOOD = f"seq -f n%.0f 1 {LAST}\r"


@asynccontextmanager
async def following(
    directory: Path, kind: Kind, *, channel: bool, features: tuple[str, ...] = FEATURES
) -> AsyncIterator[tuple[RunningAgent, PhoneInterface, str]]:
    """Connect a phone that reports its offsets, with a terminal."""
    async with serving(directory / "state") as agent:
        async with phone_with_terminal(agent, kind, channel=channel, features=features) as (phone, terminal):
            yield agent, phone, terminal
        nothing_went_wrong(agent)


def place(phone: PhoneInterface, terminal: str) -> StreamOffset:
    """Return the phone's offset."""
    assert phone.offsets is not None
    return phone.offsets.of(terminal)


def assert_once_and_in_order(received: list[int]) -> None:
    """Check that every number from 1 occurs once, in order."""
    assert len(received) > 100
    assert received == list(range(1, len(received) + 1))


@phone_kinds
@both_paths
async def test_a_phone_that_comes_back_gets_exactly_the_rest(tmp_path: Path, kind: Kind, channel: bool) -> None:
    async with following(tmp_path, kind, channel=channel) as (agent, phone, terminal):
        screens = phone.events("process:screen")
        await start_counting(phone, terminal, tmp_path)
        for lost in range(1, 4):
            await phone.wait_output(terminal, lambda text, lost=lost: len(numbers(text)) > 300 * lost)
            await get_in_again(phone, agent, channel=channel)
        assert_once_and_in_order(await stop_counting(phone, terminal))
        assert phone.events("process:screen") == screens
        assert place(phone, terminal).skipped == 0


@phone_kinds
@both_paths
async def test_it_does_so_too_after_the_agent_crashed(tmp_path: Path, kind: Kind, channel: bool) -> None:
    async with following(tmp_path, kind, channel=channel) as (agent, phone, terminal):
        await start_counting(phone, terminal, tmp_path)
        for number in (signal.SIGSEGV, signal.SIGKILL):
            said = len(numbers(phone.output(terminal)))
            await phone.wait_output(terminal, lambda text, said=said: len(numbers(text)) > said + 300)
            pid = (await asked(agent))["agent_pid"]
            os.kill(pid, number)
            await eventually(lambda pid=pid: not psutil.pid_exists(pid))
            await get_in_again(phone, agent, channel=channel)
        assert_once_and_in_order(await stop_counting(phone, terminal))


@phone_kinds
async def test_a_channel_that_dies_in_a_flood_loses_nothing(tmp_path: Path, kind: Kind) -> None:
    async with following(tmp_path, kind, channel=True) as (agent, phone, terminal):
        await phone.type(terminal, FLOOD)
        for part in (1, 2, 3):
            await phone.wait_output(terminal, f"\nn{part * LAST // 5}\r", timeout=60)
            await phone.drop_channel()
            await on_path(agent, "relay", phone)
            await phone.channel_open()
            await on_path(agent, "channel", phone)
        text = await phone.wait_output(terminal, f"\nn{LAST}\r", timeout=60)
        assert numbers(text) == list(range(1, LAST + 1))
        assert place(phone, terminal).skipped == 0


@both_paths
async def test_a_hidden_terminal_goes_on_where_it_was_when_it_is_shown_again(tmp_path: Path, channel: bool) -> None:
    async with following(tmp_path, "node", channel=channel) as (agent, phone, terminal):
        await start_counting(phone, terminal, tmp_path)
        await phone.wait_output(terminal, lambda text: len(numbers(text)) > 300)
        other = await phone.create()
        printed = (await asked(agent))["buffer_bytes"]
        await answers(phone, other)
        while (await asked(agent))["buffer_bytes"] < printed + 2000:
            await answers(phone, other)
        screens = phone.events("process:screen")
        await phone.switch(terminal)
        assert_once_and_in_order(await stop_counting(phone, terminal))
        assert phone.events("process:screen") == screens


@both_paths
async def test_a_phone_that_renders_nothing_costs_its_window_and_stops_no_program_for_long(
    tmp_path: Path, channel: bool
) -> None:
    async with following(tmp_path, "python", channel=channel) as (agent, phone, terminal):
        replies, kept_back = phone._reply, list[tuple[Reply, str]]()
        phone._reply = lambda said, path: kept_back.append((said, path))  # type: ignore[method-assign]
        shell = psutil.Process((await asked(agent))["terminals"][0]["pid"])
        await phone.type(terminal, FLOOD.replace(str(LAST), "100000000"))
        await eventually(lambda: len(shell.children()) > 0)
        (program,) = shell.children()
        await until_stopped(program)
        window = next(entry for entry in (await asked(agent))["bounds"] if entry["name"] == TERMINAL_WINDOW.name)
        assert TERMINAL_WINDOW.value // 2 < window["used"] <= TERMINAL_WINDOW.value
        await until_running(program)  # it was stopped only for this time
        phone._reply = replies  # type: ignore[method-assign]
        # No acknowledgement is repeated: the agent requests it.
        await phone.until(lambda: place(phone, terminal).skipped > 0, "to get the number of missed bytes", 20)
        await phone.type(terminal, "\x03")
        await answers(phone, terminal)
        assert any(said[0] == "terminal:ack" for said, _ in kept_back)


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("terminal:ack", {"uuid": "t", "end": 5}),
        ("terminal:resume", {"terminals": []}),
    ],
)
async def test_a_legacy_app_does_not_use_it(tmp_path: Path, event: str, payload: dict[str, object]) -> None:
    async with following(tmp_path, "python", channel=False, features=()) as (_, phone, terminal):
        await phone.send(event, payload)
        refused = await phone.expect("process:error")
        assert "among the features" in refused["error"]
        await answers(phone, terminal)


async def test_a_phone_that_does_not_say_how_far_it_is_gets_the_screen(tmp_path: Path) -> None:
    async with following(tmp_path, "python", channel=False, features=(RESUME,)) as (agent, phone, terminal):
        phone._reply = lambda said, path: None  # type: ignore[method-assign]
        mark = phone.mark()
        await phone.vanish()
        await arrive(phone, agent.device_id, channel=False)
        screen = await phone.expect("process:screen", since=mark)
        assert screen["uuid"] == terminal
