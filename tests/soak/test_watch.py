"""Watching a running agent: it is counted, but nothing in it is changed, planted or driven."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest

from mobifai.control.client import send_request
from mobifai.errors import StateError
from mobifai.state import StateDir
from soak.gauges import process_stats as outside
from soak.gauges.quiescence import steady_part
from soak.report.directory import ReportDirectory
from soak.run.report_builder import RunInfo
from soak.run.watch import Watch
from soak.view.lines import PlainLines
from tests.soak.soak_runs import Ended, Soaking, soaking
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import phone_of
from tests.support.eventually import eventually

pytestmark = [pytest.mark.extended, pytest.mark.timeout(180)]


async def looked_at(agent: RunningAgent) -> dict[str, float]:
    """Return the counts of an agent that do not vary."""
    reported: Any = await send_request(StateDir(agent.state_dir).control_socket, "soak.sample", {"disturb": False})
    values = {**reported["values"], **outside.process_values(reported["pid"], "agent")}
    return {name: value for name, value in steady_part(values).items() if not name.startswith(("canaries", "tasks:_"))}


async def no_more_than(before: dict[str, float], agent: RunningAgent) -> None:
    """Wait until nothing is more than before. The socket of a request is closed a moment after its answer."""
    more: dict[str, float] = before
    try:
        async with asyncio.timeout(10):
            while more:
                after = await looked_at(agent)
                more = {name: value for name, value in after.items() if value > before.get(name, 0)}
    except TimeoutError:
        raise AssertionError(f"expected no more than before; found {more}") from None


async def ended(run: Soaking) -> Ended:
    """Wait until the watch has ended, without blocking the loop."""
    await eventually(lambda: run.process.poll() is not None, 90)
    return run.wait()


async def test_a_living_agent_is_watched_and_stays_as_it_is(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        before = await looked_at(agent)
        with soaking(tmp_path / "report", "--attach", str(agent.state_dir), "--duration", "12s") as run:
            watched = await ended(run)
        await no_more_than(before, agent)
        assert agent.process.returncode is None
        assert (await agent.status())["terminals"] == []
    report = watched.report
    assert (watched.status, report.verdict) in ((0, "held"), (4, "inconclusive")), watched.err
    assert report.findings == []
    assert report.cycles >= 5
    assert {bound.name for bound in report.bounds} >= {"terminals", "terminal.ring"}
    assert [scenario.name for scenario in report.scenarios] == ["attached"]
    assert (
        report.notes[0] == f"only samples taken while no phone was connected count: {report.cycles} of {report.cycles}"
    )
    assert "watching" in watched.err


async def test_ctrl_c_ends_the_watch_and_not_the_agent(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        with soaking(tmp_path / "report", "--attach", str(agent.state_dir)) as run:
            await eventually(lambda: (run.place / "report.json").exists() or run.process.poll() is not None, 60)
            run.interrupt()
            watched = await ended(run)
        assert await phone_of(agent) is None
    assert (watched.status, watched.report.verdict) == (4, "inconclusive")
    assert watched.report.interrupted
    assert "the watch was interrupted" in watched.report.notes
    (scenario,) = watched.report.scenarios
    assert scenario.reason == f"python.blocks: too few samples ({watched.report.cycles} of 9 needed)"
    assert watched.report.environment["watched"] == str(agent.state_dir)


async def test_no_leak_is_planted_in_an_agent_that_somebody_uses(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        with pytest.raises(StateError, match="expected an agent that `mobifai soak` has started"):
            await send_request(StateDir(agent.state_dir).control_socket, "soak.plant", {"name": "zombie"})


async def test_where_no_agent_runs_there_is_nothing_to_watch(tmp_path: Path) -> None:
    with soaking(tmp_path / "report", "--attach", str(tmp_path / "nobody")) as run:
        said = await ended(run)
    assert (said.status, said.out) == (3, "")
    assert f"no mobifai is running with the state directory {tmp_path / 'nobody'}; start `mobifai serve`" in said.err
    assert not (tmp_path / "nobody").exists()
    assert not run.place.exists()


async def test_an_agent_that_ends_meanwhile_is_noted(tmp_path: Path) -> None:
    info = RunInfo("mobifai soak --attach", "", 1, {}, ("attached",))
    directory = ReportDirectory(tmp_path / "report")
    async with serving(tmp_path / "state") as agent:
        watch = Watch(agent.state_dir, 60, info, PlainLines(io.StringIO()))
        watching = asyncio.ensure_future(watch.run(asyncio.Event(), directory))
        await eventually((directory.path / "report.json").exists, 30)
        await agent.stop()
        report = await watching
    assert (report.verdict, report.interrupted) == ("inconclusive", True)
    assert "the agent stopped answering" in report.notes[-1]
