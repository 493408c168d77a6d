"""Examining an agent in use: phones continue, leaks are named, and all tracing is removed."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mobifai.control.client import send_request, stream_events
from mobifai.errors import StateError
from mobifai.state import StateDir
from profiles.replay import attach_command
from profiles.report.directory import read_profile
from profiles.results import ProfileReport
from soak import shell
from soak.harness.agent_process import AgentUnderTest, agent_under_test
from soak.scenarios import phone_visits as visits
from soak.scenarios import reconnects
from soak.scenarios.context import ScenarioContext
from soak.scenarios.terminal_checks import CheckedTabs
from tests.support.agent import mobifai, serving
from tests.support.shell_line import run_line

pytestmark = [pytest.mark.extended, pytest.mark.timeout(300)]

FLOOD = 2_000_000
PERSON = 2.0
"""Seconds that an echo may take on a loaded machine. A hundredth of that is usual."""


@asynccontextmanager
async def under_test(folder: Path, plant: str | None = None) -> AsyncIterator[AgentUnderTest]:
    """Run an agent that phones can use."""
    settings = folder / "config.toml"
    settings.write_text("")
    async with agent_under_test(folder / "agent", settings, ["--shell", shell.COMMAND], plant=plant) as target:
        yield target


async def attach(state_dir: Path, place: Path, seconds: int) -> tuple[int, ProfileReport]:
    """Run `mobifai profile attach`, and return its result."""
    words = [
        "profile",
        "attach",
        "--for",
        f"{seconds}s",
        "--report",
        str(place),
        "--state-dir",
        str(state_dir),
        "--json",
    ]
    process = await asyncio.create_subprocess_exec(
        *mobifai(), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    assert out, err.decode()
    assert json.loads(out)["mode"] == "attach"
    return process.returncode, read_profile(place)


async def is_traced(target: AgentUnderTest) -> bool:
    """Return whether anything traces in an agent under test. An examination can only begin if nothing does."""
    try:
        await target.ask("profile.begin")
    except StateError:
        return True
    await target.ask("profile.end")
    return False


async def test_under_a_flood_the_echo_stays_usable_nothing_is_lost_and_the_look_comes_off(tmp_path: Path) -> None:
    async with under_test(tmp_path) as target:
        context = ScenarioContext(target, Random(1), 2)  # noqa: S311 - the same every time
        tabs = CheckedTabs(context)
        phone = await reconnects.arrive(tabs, channel=True)
        quiet, busy = await tabs.open(phone), await tabs.open(phone)
        looking = asyncio.create_task(attach(target.state_dir, tmp_path / "report", 8))
        slowest = 0.0
        clock = asyncio.get_running_loop().time
        while not looking.done():
            await phone.switch(quiet, busy)
            await tabs.type(phone, busy, tabs.flood(busy, FLOOD))
            began = clock()
            await tabs.run(phone, quiet, shell.say("still here"))
            slowest = max(slowest, clock() - began)
            await tabs.settled(phone, busy)
        status, report = await looking
        await tabs.kill_all(phone)
        await visits.everybody_leaves(context)
        assert status in (0, 1), report
        assert report.overhead.windows == 8
        assert 0 < report.overhead.peak_bytes < 64 << 20
        assert not await is_traced(target)
        assert context.traffic.lost == 0
    assert slowest < PERSON, f"the slowest echo took {slowest:.2f} s"


async def test_what_leaks_in_a_running_agent_is_named(tmp_path: Path) -> None:
    async with under_test(tmp_path, "dict-by-session") as target:
        context = ScenarioContext(target, Random(1), 2)  # noqa: S311 - the same every time
        tabs = CheckedTabs(context)
        phone = await reconnects.arrive(tabs)
        looking = asyncio.create_task(attach(target.state_dir, tmp_path / "report", 8))
        while not looking.done():
            await tabs.leave(phone, await tabs.open(phone))
        status, report = await looking
        await visits.everybody_leaves(context)
    assert status == 1
    lines = {(Path(one.file).name, one.function): one for one in report.culprits}
    found = lines["python_objects.py", "DictBySession.on_event"]
    assert ".sessions" in found.retained_by
    assert found.replay.startswith("mobifai profile attach --state-dir ")


async def test_the_command_of_a_look_is_the_same_look_from_another_folder(tmp_path: Path) -> None:
    async with serving(tmp_path / "a person's agent") as agent:
        status, _, err = await run_line(attach_command(agent.state_dir, 1.5), tmp_path / "elsewhere")
    assert status == 4, err  # its windows are too short for a verdict
    report = read_profile(tmp_path / "elsewhere" / "profile-report")
    assert (report.mode, report.settings.seconds) == ("attach", 1.5)
    assert report.settings.state_dir == str(agent.state_dir)


async def test_a_second_look_leaves_next_to_nothing(tmp_path: Path) -> None:
    async with under_test(tmp_path) as target:
        for number in range(2):
            status, report = await attach(target.state_dir, tmp_path / f"report-{number}", 2)
            assert (status, report.verdict) == (4, "inconclusive"), report  # its windows are too short for more
            assert "windows of 0.2 s are too short to show growth; use --for 8 s or longer" in report.unjudged[0].why
        before = await target.ask("soak.sample")
        await attach(target.state_dir, tmp_path / "report-2", 2)
        after = await target.ask("soak.sample")
    grown = after["values"]["python.blocks"] - before["values"]["python.blocks"]
    assert grown < 200
    assert {name: value for name, value in after["values"].items() if name.startswith(("threads:", "tasks:"))} == {
        name: value for name, value in before["values"].items() if name.startswith(("threads:", "tasks:"))
    }


async def test_a_command_that_goes_away_takes_the_look_with_it(tmp_path: Path) -> None:
    async with under_test(tmp_path) as target:
        events = stream_events(
            StateDir(target.state_dir).control_socket, "profile.watch", {"seconds": 600, "windows": 8}
        )
        assert (await anext(events))["window"] == 0
        assert await is_traced(target)
        await events.aclose()
        async with asyncio.timeout(30):
            while await is_traced(target):
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("wanted", [{"seconds": 0}, {"seconds": 1e9}, {"seconds": 5, "windows": 1}])
async def test_a_look_without_bounds_is_refused(tmp_path: Path, wanted: dict[str, Any]) -> None:
    async with serving(tmp_path / "state") as agent:
        with pytest.raises(StateError, match="expected an examination of at most"):
            async for _ in stream_events(StateDir(agent.state_dir).control_socket, "profile.watch", wanted):
                pass


async def test_single_steps_are_for_agents_under_test_alone(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        for question in ("profile.begin", "profile.window", "profile.end"):
            with pytest.raises(StateError, match="this request is allowed only in an agent under test"):
                await send_request(StateDir(agent.state_dir).control_socket, question)
