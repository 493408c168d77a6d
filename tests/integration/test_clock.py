"""A clock that is wrong, or set while the agent runs; a time zone that changes; and a long time without any visitor."""

import asyncio
import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mobifai.control.client import send_request
from mobifai.errors import StateError
from mobifai.state import StateDir
from soak.phone.event_log import PhoneError
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import (
    answers,
    arrive,
    asked,
    get_in_again,
    holdings,
    relay_stage,
    same_holdings,
    status_when,
)
from tests.support.connected import connected_phone
from tests.support.phones import open_phone
from tests.support.sealed import invited_phone
from tests.support.wall_clock import DAY, YEAR, WallClock

pytestmark = pytest.mark.extended

HOUR = 3600.0
JUMPS = [-10 * YEAR, -31 * DAY, -3600, 3600, 31 * DAY, 10 * YEAR]
ABSOLUTE = {"1970": 10.0, "2038": 2.0**31 + 5, "2106": 2.0**32 + 5, "1910": -1.9e9, "2200": 7.26e9}

WRITE_AHEAD_BYTES = 1_000 * (4_096 + 24)
"""The largest size of SQLite's write-ahead log."""


async def let_in(agent: RunningAgent) -> None:
    """Connect a new phone, use it, and disconnect."""
    invitation = await agent.invite_legacy()
    async with open_phone("python", agent.relay_url, invitation["token"]) as phone:
        await phone.connect()
        await phone.pair(agent.device_id)  # the data channel needs a certificate, which can't be made in 1910
        terminal = await phone.create()
        await phone.type(terminal, "echo new-$((1+1))\r")
        await phone.wait_output(terminal, "new-2")
        await phone.terminate(terminal)


async def nothing_failed(agent: RunningAgent) -> None:
    for question in ("status", "devices", "pair", "check"):
        await asked(agent, question)
    for log in (agent.log, agent.state_dir / "logs" / "mobifai.log"):
        assert "Traceback" not in log.read_text()
        assert "internal error" not in log.read_text()


async def commands_print(agent: RunningAgent) -> None:
    """Check that the commands that show times succeed."""
    assert "python phone" in await agent.command("devices", "list")
    assert "until" in await agent.command("pair")


@pytest.mark.parametrize("when", [*ABSOLUTE, *(f"{years:+d} years" for years in (-10, 10))])
async def test_it_starts_with_a_wrong_clock_and_serves_on_when_that_is_set(tmp_path: Path, when: str) -> None:
    clock = WallClock(tmp_path)
    clock.set(ABSOLUTE[when] if when in ABSOLUTE else time.time() + int(when.split(maxsplit=1)[0]) * YEAR)
    async with serving(tmp_path / "state", environment=clock.environment) as agent:
        await let_in(agent)
        await commands_print(agent)
        clock.shift(0)
        await let_in(agent)
        await nothing_failed(agent)
        before = (await agent.status())["agent_pid"]
        os.kill(before, signal.SIGKILL)
        await status_when(agent, lambda now: now["agent_pid"] != before, "the next agent")
        await nothing_failed(agent)
        assert await agent.stop() == 0


async def test_a_phone_works_through_every_jump_of_the_clock(tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    async with serving(tmp_path / "state", environment=clock.environment) as agent:
        async with connected_phone(agent) as phone:
            terminal = await phone.create()
            for number, jump in enumerate([*JUMPS, 0]):
                clock.shift(jump)
                await phone.type(terminal, f"echo at-{number}-$((1+1))\r")
                await phone.wait_output(terminal, f"at-{number}-2")
                await nothing_failed(agent)
            await get_in_again(phone, agent, channel=True)
            await phone.type(terminal, "echo back-$((1+1))\r")
            await phone.wait_output(terminal, "back-2")


@pytest.mark.parametrize("jump", [-10 * YEAR, 60 * DAY, 10 * YEAR])
async def test_a_known_phone_comes_back_however_the_clock_is_set(tmp_path: Path, jump: float) -> None:
    """The agent knows the phone by its key. The relay's token is valid until the phone is revoked."""
    clock = WallClock(tmp_path)
    async with serving(tmp_path / "state", environment=clock.environment) as agent:
        async with connected_phone(agent, channel=False, encrypted=True) as phone:
            terminal = await phone.create()
            await answers(phone, terminal)
            await phone.leave()
            clock.shift(jump)
            await let_in(agent)
            await arrive(phone, agent.device_id, channel=False)
            await phone.switch(terminal)
            await answers(phone, terminal)


@pytest.mark.parametrize("jump", [-10 * YEAR, 10 * YEAR])
async def test_a_code_is_good_for_ten_minutes_however_the_clock_is_set(tmp_path: Path, jump: float) -> None:
    clock = WallClock(tmp_path)
    async with serving(tmp_path / "state", environment=clock.environment) as agent:
        invitation = await agent.invite_legacy()
        clock.shift(jump)
        async with open_phone("python", agent.relay_url, invitation["token"]) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)


async def test_after_a_month_without_a_phone_new_phones_come_in(tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    async with serving(tmp_path / "state", environment=clock.environment) as agent:
        await let_in(agent)
        clock.pass_by(31 * DAY)
        await let_in(agent)
        await let_in(agent)
        clock.pass_by(10 * YEAR)
        await let_in(agent)
        await let_in(agent)
        assert "sign in" not in agent.log.read_text().lower()
        assert await relay_stage(agent) != "sign-in"


async def goes_by(seconds: float, agent: RunningAgent, clock: WallClock) -> dict[str, Any]:
    """Have all timers of this time run: the agent's status, once it made a health check, or is another agent.

    That takes milliseconds, but where an agent restarts on a busy machine, more than 10 s.
    """

    async def look() -> tuple[object, dict[str, Any]]:
        while True:
            try:
                status = await asked(agent)
            except StateError:  # it is being replaced
                await asyncio.sleep(0.01)
            else:
                return (status["agent_pid"], (status["last_check"] or {}).get("uptime_s")), status

    async with asyncio.timeout(60):
        (before, status), now = await look(), None
        clock.elapse(seconds)
        await send_request(StateDir(agent.state_dir).keeper_socket, "status", {})  # the keeper wakes up
        while now in (None, before):
            await asyncio.sleep(0.002)
            now, status = await look()
        return status


@pytest.mark.timeout(600)
async def test_sixty_days_without_a_visitor_leave_nothing_behind_and_everything_working(tmp_path: Path) -> None:
    """All clocks advance, six hours at a time, with the product's own intervals. Then all phones connect."""
    clock = WallClock(tmp_path)
    settings = tmp_path / "config.toml"
    settings.write_text('[limits]\n"log.file" = 4_096\n')
    environment = {**clock.environment, "MOBIFAI_CONFIG": str(settings)}
    async with (
        serving(tmp_path / "state", environment=environment) as agent,
        invited_phone(agent, webrtc=True) as phone,
    ):
        await arrive(phone, agent.device_id)
        terminal = await phone.create()
        await phone.type(terminal, "X=still-here\r")
        await answers(phone, terminal)
        await phone.leave()
        async with connected_phone(agent) as legacy:
            await answers(legacy, terminal)
            await legacy.leave()
            unused = await agent.invite_legacy()
            shell = (await asked(agent))["terminals"][0]["pid"]
            for quarter in range(60 * 4):
                status = await goes_by(DAY / 4, agent, clock)
                assert all(entry["used"] <= entry["capacity"] for entry in status["bounds"])
                if quarter == 20 * 4:
                    await agent.command("restart")
                    pid = status["agent_pid"]
                    await status_when(agent, lambda now, pid=pid: now["agent_pid"] != pid, "the next agent", 60)
                if quarter == 22 * 4:
                    before, size = await holdings(agent), size_of(agent)
            assert status["uptime_s"] > 39 * DAY
            await same_holdings(agent, before)
            assert size_of(agent) < size + 5 * 4_096 + WRITE_AHEAD_BYTES
            assert len(list((agent.state_dir / "logs").iterdir())) == 5
            assert [one["pid"] for one in status["terminals"]] == [shell]

            await arrive(phone, agent.device_id)
            await phone.switch(terminal)
            await phone.type(terminal, "echo $X-$((1+1))\r")
            await phone.wait_output(terminal, "still-here-2")
            await phone.leave()
            with pytest.raises(PhoneError, match="expired; sign in again"):
                await legacy.connect()
        async with open_phone("python", agent.relay_url, unused["token"]) as late:
            with pytest.raises(PhoneError, match="is no longer valid"):
                await late.connect()
        await let_in(agent)
        async with connected_phone(agent, encrypted=True) as another:
            await another.switch(terminal)
            await answers(another, terminal)
        await nothing_failed(agent)


async def test_a_daily_restart_comes_once_a_day_and_costs_nothing(tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    async with serving(tmp_path / "state", "--restart-daily", "04:30", environment=clock.environment) as agent:
        async with connected_phone(agent, channel=False, encrypted=True) as phone:
            terminal = await phone.create()
            await answers(phone, terminal)
            await phone.leave()
            first = (await asked(agent))["agent_pid"]  # may be gone after an hour, depending on the time of day
            agents = [(await goes_by(HOUR, agent, clock))["agent_pid"] for _ in range(3 * 24)]
            lives = Counter([first, *agents])
            assert len(lives) == 4
            assert [lives[pid] for pid in list(lives)[1:-1]] == [24, 24]
            await arrive(phone, agent.device_id, channel=False)
            await phone.switch(terminal)
            await answers(phone, terminal)
        await nothing_failed(agent)


def size_of(agent: RunningAgent) -> int:
    """Return the size of the state directory in bytes."""
    return sum(file.stat().st_size for file in agent.state_dir.rglob("*") if file.is_file())


async def test_the_time_zone_may_change_while_it_runs(tmp_path: Path) -> None:
    zone = tmp_path / "zone"
    zone.symlink_to("/usr/share/zoneinfo/Pacific/Niue")
    if not zone.exists():
        pytest.skip("this machine has no time zones")
    async with serving(tmp_path / "state", environment={"TZ": f":{zone}"}) as agent:
        await let_in(agent)
        zone.unlink()
        zone.symlink_to("/usr/share/zoneinfo/Pacific/Kiritimati")
        await let_in(agent)
        await nothing_failed(agent)
