"""A clock that is wrong, or set while the agent runs; a time zone that changes; and a long time without any visitor."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.integration.insight import answers, arrive, asked, get_in_again, status_when
from tests.support.agent import RunningAgent, serving
from tests.support.phones import open_phone
from tests.support.sealed import invited_phone
from tests.support.wall_clock import DAY, YEAR, WallClock

JUMPS = [-10 * YEAR, -31 * DAY, -3600, 3600, 31 * DAY, 10 * YEAR]
ABSOLUTE = {"1970": 10.0, "2038": 2.0**31 + 5, "2106": 2.0**32 + 5, "1910": -1.9e9, "2200": 7.26e9}


async def let_in(agent: RunningAgent) -> None:
    """A new phone comes, works, and goes."""
    invitation = await agent.invite_legacy()
    async with open_phone("python", agent.relay_url, invitation["token"]) as phone:
        await phone.connect()
        await phone.pair(agent.device_id)
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
    """What shows times does not fail."""
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
        invitation = await agent.invite_legacy()
        async with open_phone("python", agent.relay_url, invitation["token"]) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            await phone.channel_open()
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
    """Its key tells the agent who it is; the relay's token is good until the phone is revoked."""
    clock = WallClock(tmp_path)
    async with serving(tmp_path / "state", environment=clock.environment) as agent:
        async with invited_phone(agent) as phone:
            await arrive(phone, agent.device_id, channel=False)
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
        assert (await agent.status())["relay"] != "sign-in"


async def test_sixty_days_without_a_visitor_leave_nothing_behind_and_everything_working(tmp_path: Path) -> None:
    """The clock is set on day by day, the agent's own timers run as often as they would, and then everybody comes."""
    clock = WallClock(tmp_path)
    options = ("--time-scale", "100", "--health-interval", "60", "--restart-daily", "04:30")
    async with serving(tmp_path / "state", *options, environment=clock.environment) as agent:
        invitation = await agent.invite_legacy()
        async with open_phone("python", agent.relay_url, invitation["token"]) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            terminal = await phone.create()
            await phone.type(terminal, "X=still-here; echo ready-$((1+1))\r")
            await phone.wait_output(terminal, "ready-2")
        shell = (await agent.status())["terminals"][0]["pid"]
        sizes = []
        for _ in range(3):
            for _ in range(20):
                clock.pass_by(DAY)
            previous = (await agent.status())["agent_pid"]
            await agent.command("restart")  # as every day at 04:30
            status = await status_when(agent, lambda now, old=previous: now["agent_pid"] != old, "the next agent")
            await agent.command("status", "--check")
            assert all(entry["used"] <= entry["capacity"] for entry in status["bounds"])
            sizes.append(sum(file.stat().st_size for file in agent.state_dir.rglob("*") if file.is_file()))
        assert sizes[-1] < sizes[0] + 1_000_000
        assert [one["pid"] for one in status["terminals"]] == [shell]
        await let_in(agent)
        async with open_phone("python", agent.relay_url, (await agent.invite_legacy())["token"]) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            await phone.type(terminal, "echo $X-$((1+1))\r")
            await phone.switch(terminal)
            await phone.wait_output(terminal, "still-here-2")
        await nothing_failed(agent)


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
