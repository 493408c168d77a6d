"""After any failure, the page reconnects automatically, and shows the missed output exactly once."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.browser.programs import COUNTS, command
from tests.browser.scene import Scene, Way, answers, at_the_phone, scripts_for
from tests.integration.relays import NO_STUN, RunningRelay, relaying, sign_in
from tests.support import impaired_link
from tests.support.agent import serving
from tests.support.agent_status import (
    asked,
    at_relay_stage,
    holdings,
    nothing_went_wrong,
    on_path,
    same_holdings,
    status_when,
)
from tests.support.browser import OUTAGE, open_browser
from tests.support.eventually import eventually
from tests.support.frail_wire import FrailWire, frail_wire
from tests.support.impaired_link import CLEAN, Impairment
from tests.support.phone_page import PhonePage

pytestmark = pytest.mark.extended

ways = pytest.mark.parametrize("way", ["channel", "relay"])

SLOWLY = "0.02"
"""Seconds between two numbers: the output of some seconds fits into the page's memory."""


async def start_counting(phone: PhonePage, folder: Path) -> None:
    """Print increasing numbers in the shown terminal."""
    await phone.enter(f"clear; {command(folder, COUNTS, SLOWLY)}")
    await phone.shows("n20.")


def newest(text: str) -> int:
    """Return the last visible number, or 0 without one."""
    return max((int(number) for number in re.findall(r"n(\d+)\.", text)), default=0)


async def goes_on(phone: PhonePage, numbers: int = 20) -> None:
    """Wait until new numbers arrive, which means that there is a path for input too."""
    await phone.shows_newest()
    before = newest(await phone.text())
    await phone.until_text(lambda text: newest(text) > before + numbers, f"{numbers} more to be counted", 60)


async def stop_counting(phone: PhonePage) -> None:
    """Stop the program once numbers arrive again, and check that each number is there once and in order."""
    await goes_on(phone)
    await phone.press("Enter")
    await phone.shows("counted to")
    shown = await phone.whole_text()
    numbers = [int(line[1:-1]) for line in shown if line.startswith("n") and line.endswith(".")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert f"counted to {numbers[-1]}!" in shown


async def the_agent_is_restarted(here: Scene) -> None:
    before = (await asked(here.agent))["agent_pid"]
    await here.agent.command("restart")
    await status_when(here.agent, lambda status: status["agent_pid"] != before, "another agent to serve")


async def the_agent_is_killed(here: Scene) -> None:
    pid = (await asked(here.agent))["agent_pid"]
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: not psutil.pid_exists(pid))


Breaks = Callable[[Scene], Awaitable[None]]


@ways
@pytest.mark.parametrize("breaks", [the_agent_is_restarted, the_agent_is_killed], ids=lambda one: one.__name__)
async def test_the_agent_with_its_own_relay_comes_back(tmp_path: Path, way: Way, breaks: Breaks) -> None:
    async with at_the_phone(tmp_path, way=way) as here:
        here.browser.expect_complaints(OUTAGE)
        await start_counting(here.phone, tmp_path)
        await breaks(here)
        await stop_counting(here.phone)
        await on_path(here.agent, way)
        await here.phone.ready(way)
        await answers(here.phone)


@asynccontextmanager
async def separate_relay(folder: Path) -> AsyncIterator[tuple[RunningRelay, Scene]]:
    """A phone and an agent at a relay in another process."""
    async with relaying(folder / "relay") as relay:
        async with serving(folder / "state", "--relay", relay.url, *NO_STUN, ready=False) as agent:
            await sign_in(agent, relay)
            async with open_browser() as browser:
                phone = PhonePage(await browser.context.new_page())
                await phone.open((await agent.invite())["link"])
                await phone.ready("channel")
                await phone.first_terminal()
                await answers(phone)
                yield relay, Scene(agent, browser, phone)
            nothing_went_wrong(agent)


async def test_a_separate_relay_may_restart_while_a_phone_works(tmp_path: Path) -> None:
    async with separate_relay(tmp_path) as (relay, here):
        here.browser.expect_complaints(OUTAGE)
        await start_counting(here.phone, tmp_path)
        port = int(relay.url.rpartition(":")[2])
        await relay.stop()
        await at_relay_stage(here.agent, "offline")
        async with relaying(tmp_path / "relay", port):
            await at_relay_stage(here.agent, "waiting", 60)
            await stop_counting(here.phone)
            await here.phone.reload()
            await here.phone.ready("channel")
            await answers(here.phone)


@asynccontextmanager
async def behind_a_frail_wire(folder: Path, way: Way, *more: str) -> AsyncIterator[tuple[FrailWire, Scene]]:
    """A phone whose connection to the relay can be broken."""
    async with serving(folder / "state") as agent, frail_wire(agent.relay_url) as wire:
        async with open_browser(*scripts_for(way), *more) as browser:
            browser.expect_complaints(OUTAGE)
            phone = PhonePage(await browser.context.new_page())
            link = (await agent.invite())["link"]
            await phone.open(f"{wire.url}/#{link.partition('#')[2]}")
            await phone.ready(way)
            await phone.first_terminal()
            await answers(phone)
            yield wire, Scene(agent, browser, phone)
        nothing_went_wrong(agent)


async def test_a_connection_that_closes_is_replaced(tmp_path: Path) -> None:
    async with behind_a_frail_wire(tmp_path, "relay") as (wire, here):
        await start_counting(here.phone, tmp_path)
        for _ in range(3):
            before = wire.connections
            await wire.cut()
            await eventually(lambda before=before: wire.connections > before, 30)
            await here.phone.ready("relay")
        await stop_counting(here.phone)


async def test_a_phone_that_wakes_shows_the_output_of_its_sleep(tmp_path: Path) -> None:
    async with behind_a_frail_wire(tmp_path, "relay") as (wire, here):
        await start_counting(here.phone, tmp_path)
        await here.phone.sleep()
        wire.silence()
        printed = (await asked(here.agent))["buffer_bytes"]
        await status_when(here.agent, lambda status: status["buffer_bytes"] > printed + 500, "more to be printed", 60)
        await wire.mend()
        await here.phone.wake()
        await here.phone.ready("relay")
        await stop_counting(here.phone)


@pytest.mark.skipif(bool(impaired_link.why_not()), reason=impaired_link.why_not() or "there is one")
@pytest.mark.timeout(240)
async def test_a_network_may_vanish_silently_and_come_back(tmp_path: Path) -> None:
    async with impaired_link.impaired_link() as link, serving(tmp_path / "state", "--host", link.near) as agent:
        async with open_browser(inside=link.inside) as browser:
            browser.expect_complaints(OUTAGE)
            phone = PhonePage(await browser.context.new_page())
            await phone.open((await agent.invite())["link"])
            await phone.ready("channel")
            await phone.first_terminal()
            await start_counting(phone, tmp_path)
            await phone.sleep()
            await link.impair(Impairment(loss=1))
            await on_path(agent, None, timeout=90)
            await link.impair(CLEAN)
            await phone.wake()
            await phone.ready()
            await stop_counting(phone)
            await answers(phone)
        nothing_went_wrong(agent)


@pytest.mark.skipif(bool(impaired_link.why_not()), reason=impaired_link.why_not() or "there is one")
async def test_a_phone_with_a_new_address_reconnects_automatically(tmp_path: Path) -> None:
    async with impaired_link.impaired_link() as link, serving(tmp_path / "state", "--host", link.near) as agent:
        async with open_browser(inside=link.inside) as browser:
            browser.expect_complaints(OUTAGE)
            phone = PhonePage(await browser.context.new_page())
            await phone.open((await agent.invite())["link"])
            await phone.ready("channel")
            await phone.first_terminal()
            before = await holdings(agent)
            await start_counting(phone, tmp_path)
            for _ in range(2):
                await link.move_far()
                async with asyncio.timeout(15):
                    await goes_on(phone)
            await stop_counting(phone)
            await same_holdings(agent, before)
        nothing_went_wrong(agent)


async def test_what_is_typed_into_a_broken_connection_is_refused_and_not_typed_later(tmp_path: Path) -> None:
    async with behind_a_frail_wire(tmp_path, "relay") as (wire, here):
        await here.phone.enter("echo safe-$((1+1))")
        await here.phone.shows("safe-2")
        await wire.refuse()
        await here.phone.until_away()
        await here.phone.enter("echo dangerous-$((1+1))")
        await wire.mend()
        await here.phone.ready("relay")
        await answers(here.phone)
        assert not any("dangerous" in line for line in await here.phone.whole_text())


async def test_another_phone_waits_and_is_served_when_the_first_one_leaves(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here, open_browser() as browser:
        second = PhonePage(await browser.context.new_page())
        await second.open((await here.agent.invite())["link"])
        await second.says("if another phone is using it")
        await here.phone.page.close()
        await second.ready()
        await answers(second)
