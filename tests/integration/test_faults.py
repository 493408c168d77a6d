"""Faults of the machine, one at a time: no shell ends, refusals have a reason, and everything recovers."""

import os
import resource
import shutil
import signal
import sys
from pathlib import Path

import psutil
import pytest

from soak.phone.event_log import PhoneError
from tests.integration.counting import numbers, start_counting, stop_counting
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import answers, asked, get_in_again, status_when
from tests.support.connected import phone_with_terminal
from tests.support.eventually import eventually
from tests.support.memory_group import memory_group
from tests.support.wall_clock import WallClock

pytestmark = pytest.mark.extended

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="this is how Linux does it")
deaths = pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL], ids=["SIGSEGV", "SIGKILL"])


def agent_of(agent: RunningAgent) -> int | None:
    """The agent's process: the keeper's child that is Python, not a shell."""
    try:
        children = psutil.Process(agent.process.pid).children()
        return next((one.pid for one in children if "python" in one.name() or "mobifai" in one.name()), None)
    except psutil.NoSuchProcess:
        return None


@deaths
async def test_an_agent_that_is_killed_at_its_very_first_start_is_started_again(tmp_path: Path, number: int) -> None:
    async with serving(tmp_path / "state", ready=False) as agent:
        await eventually(lambda: agent_of(agent))
        first = agent_of(agent)
        assert first is not None
        os.kill(first, number)
        await eventually(agent.ready_file.exists, 20)
        assert agent_of(agent) != first
        assert await agent.stop() == 0


@deaths
async def test_an_agent_that_is_killed_while_it_starts_again_costs_no_shell(tmp_path: Path, number: int) -> None:
    async with serving(tmp_path / "state") as agent:
        async with phone_with_terminal(agent, channel=False, encrypted=True) as (phone, terminal):
            shell = (await asked(agent))["terminals"][0]["pid"]
            killed = {(await asked(agent))["agent_pid"]}
            os.kill(next(iter(killed)), number)
            for _ in range(2):  # as soon as each exists
                await eventually(lambda: agent_of(agent) not in (None, *killed))
                killed.add(pid := agent_of(agent))
                assert pid is not None
                os.kill(pid, number)
            await status_when(agent, lambda now: now["agent_pid"] not in killed, "another agent")
            await get_in_again(phone, agent, channel=False)
            await phone.switch(terminal)
            await answers(phone, terminal)
            assert [one["pid"] for one in (await asked(agent))["terminals"]] == [shell]


@deaths
async def test_an_agent_that_is_killed_while_a_phone_changes_over_costs_no_shell(tmp_path: Path, number: int) -> None:
    async with serving(tmp_path / "state") as agent:
        async with phone_with_terminal(agent, encrypted=True) as (phone, terminal):
            before = await asked(agent)
            await phone.leave()
            await phone.connect()
            await phone.pair(agent.device_id)  # the channel is being set up
            os.kill(before["agent_pid"], number)
            await status_when(agent, lambda now: now["agent_pid"] != before["agent_pid"], "another agent")
            await get_in_again(phone, agent, channel=True)
            await phone.switch(terminal)
            await answers(phone, terminal)
            assert (await asked(agent))["terminals"][0]["pid"] == before["terminals"][0]["pid"]


@deaths
async def test_an_agent_that_is_killed_while_everything_stops_leaves_nothing(tmp_path: Path, number: int) -> None:
    async with serving(tmp_path / "state") as agent:
        async with phone_with_terminal(agent, channel=False, encrypted=True):
            status = await asked(agent)
            family = psutil.Process(agent.process.pid).children(recursive=True)
            agent.process.send_signal(signal.SIGTERM)
            os.kill(status["agent_pid"], number)
            assert await agent.process.wait() == 0
            assert not [one for one in family if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@linux
async def test_where_memory_runs_out_the_agent_ends_before_the_keeper_and_the_shells(tmp_path: Path) -> None:
    def score(pid: int) -> int:
        return int(Path(f"/proc/{pid}/oom_score_adj").read_text())

    async with serving(tmp_path / "state") as agent:
        async with phone_with_terminal(agent, channel=False, encrypted=True):
            status = await asked(agent)
            shell = status["terminals"][0]["pid"]
            assert score(status["agent_pid"]) == min(1000, score(status["keeper_pid"]) + 200)
            assert score(shell) == score(status["keeper_pid"])


async def test_the_oom_killer_takes_the_agent_and_every_terminal_goes_on(tmp_path: Path) -> None:
    """Programs use the free memory and half of the agent's. Meanwhile the agent may be killed repeatedly."""
    room, programs, enough = 128 << 20, 4, tmp_path / "enough"
    async with memory_group() as group, serving(tmp_path / "state", inside=group.inside) as agent:
        async with phone_with_terminal(agent, channel=False, encrypted=True) as (phone, hungry):
            counting = await phone.create()
            await start_counting(phone, counting, tmp_path)
            await phone.wait_output(counting, lambda text: len(numbers(text)) > 500)
            before = await asked(agent)
            each = (room + psutil.Process(before["agent_pid"]).memory_full_info().uss // 2) // programs
            group.limit(room)
            program = f"{{ head -c {each} /dev/zero; until [ -e {enough} ]; do sleep 0.1; done; }} | tail -c {each}"
            await phone.type(
                hungry, f"for one in $(seq {programs}); do {program} | wc -c & done; wait; echo a-$((1+1))\r"
            )
            await eventually(lambda: group.kills() >= 1, 20)
            await eventually(lambda: "when memory runs out" in agent.log.read_text(), 20)
            received = numbers(phone.output(counting))
            enough.touch()
            away = phone.mark()
            await get_in_again(phone, agent, channel=False)
            await phone.expect("processes:sync", since=away)
            after = await asked(agent)
            assert after["keeper_pid"] == before["keeper_pid"]
            assert [one["pid"] for one in after["terminals"]] == [one["pid"] for one in before["terminals"]]
            await phone.switch(hungry)
            shown = await phone.wait_output(hungry, "a-2")
            assert shown.count(str(each)) >= programs
            await phone.switch(counting)
            received += await stop_counting(phone, counting)
            assert set(received) == set(range(1, max(received) + 1))


@linux
async def test_without_memory_for_a_ring_a_new_terminal_is_refused_and_the_others_live(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        async with phone_with_terminal(agent, channel=False, encrypted=True) as (phone, terminal):
            await phone.expect("webrtc:offer")  # the libraries for the data channel are loaded
            process = psutil.Process((await asked(agent))["agent_pid"])
            process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + 300_000, resource.RLIM_INFINITY))
            with pytest.raises(PhoneError, match=r"no memory is left for a new terminal"):
                for _ in range(3):
                    await phone.create()
            await phone.switch(terminal)
            await answers(phone, terminal)
            process.rlimit(psutil.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            await phone.terminate(await phone.create())


@linux
async def test_without_pseudo_terminals_a_new_one_is_refused_and_the_others_live(tmp_path: Path) -> None:
    few = "mount -t devpts -o newinstance,ptmxmode=0666,max=2 devpts /dev/pts && mount --bind /dev/pts/ptmx /dev/ptmx"
    if os.getuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("a system with few pseudo-terminals takes a mount namespace")
    inside = ("unshare", "--mount", "sh", "-c", f'{few} && exec "$@"', "sh")
    async with serving(tmp_path / "state", inside=inside) as agent:
        async with phone_with_terminal(agent, channel=False, encrypted=True) as (phone, first):
            with pytest.raises(PhoneError, match="could not allocate a terminal"):
                for _ in range(3):
                    await phone.create()
            await phone.switch(first)
            await answers(phone, first)
            for one in (await asked(agent))["terminals"][1:]:
                await phone.terminate(one["uuid"])
                await eventually(lambda pid=one["pid"]: not psutil.pid_exists(pid))  # until then it has its terminal
            await phone.terminate(await phone.create())


async def test_a_machine_that_slept_goes_on_where_it_was(tmp_path: Path) -> None:
    """As after a suspend, every process was stopped, and the wall clock has advanced by eight hours."""
    clock = WallClock(tmp_path)
    async with serving(tmp_path / "state", environment=clock.environment) as agent:
        async with phone_with_terminal(agent, channel=False, encrypted=True) as (phone, terminal):
            before = await asked(agent)
            for number in (signal.SIGSTOP, signal.SIGCONT):
                for pid in (before["keeper_pid"], before["agent_pid"]):
                    os.kill(pid, number)
                    stopped = number == signal.SIGSTOP
                    await eventually(lambda pid=pid, to=stopped: (psutil.Process(pid).status() == "stopped") == to)
                clock.shift(8 * 3600)
            await answers(phone, terminal)
            after = await asked(agent)
            assert after["agent_pid"] == before["agent_pid"]
            assert after["terminals"] == before["terminals"]
