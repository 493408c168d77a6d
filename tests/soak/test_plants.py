"""Each plant leaks as its summary says, each decoy stops growing, and none disturbs the agent or outlives it."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from mobifai.bounds import Ledger
from mobifai.control.debug_plugins import PluginContext
from mobifai.errors import AssistantError, MobiFaiError
from mobifai.health.process_stats import heap_in_use
from soak.gauges import process_stats as outside
from soak.harness.agent_process import AgentUnderTest, agent_under_test
from soak.phone.event_log import PhoneError
from soak.phone.phone import Phone
from soak.plants import LifecycleEvent, Plant, install, plant, plants
from soak.plants.hooks import listen
from soak.plants.plant import IN_KEEPER, PlantEvent
from tests.soak import plant_host
from tests.support.agent_here import agent_here, receive
from tests.support.agent_status import phone_in
from tests.support.eventually import eventually

LEAKS = [one.name for one in plants() if not one.decoy]
DECOYS = [one.name for one in plants() if one.decoy]
ROOT = Path(__file__).parent.parent.parent

# -- the registry


def test_there_are_enough_of_both_and_no_name_is_given_twice() -> None:
    assert len(LEAKS) >= 35
    assert len(DECOYS) >= 9
    assert len({one.name for one in plants()}) == len(plants())


@pytest.mark.parametrize("one", plants(), ids=lambda one: one.name)
def test_a_plant_says_what_it_is_and_a_leak_where_it_happens(one: Plant) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", one.name)
    assert one.summary.endswith(".")
    assert one.scenario in ("terminals", "reconnects", "conversations", "mixed")
    if one.decoy:
        assert one.culprit == ""
        return
    file, number = one.line
    assert one.culprit.startswith(f"soak.plants.{one.family}.")
    assert file == Path(outside.__file__).parents[1] / "plants" / f"{one.family}.py"
    assert file.read_text().splitlines()[number - 1].endswith("# leak")


def test_no_two_plants_share_a_line() -> None:
    assert len({plant(name).line for name in LEAKS}) == len(LEAKS)


def test_an_unknown_name_is_answered_with_those_that_come_near() -> None:
    with pytest.raises(MobiFaiError, match=r"no plant is called 'zombies'; similar names: zombie"):
        plant("zombies")
    with pytest.raises(MobiFaiError, match="listener-not-removed"):
        plant("0")


def test_a_relay_alone_takes_no_plant() -> None:
    with pytest.raises(MobiFaiError, match="found a relay without an agent"):
        install("zombie", PluginContext(Ledger()))


def test_a_plant_of_the_keeper_is_planted_nowhere_else() -> None:
    with pytest.raises(MobiFaiError, match="can be planted only in the process of the keeper; found an agent"):
        install("shell-table", PluginContext(Ledger(), agent=object()))
    with pytest.raises(MobiFaiError, match="no plant is called 'zombie'"):
        install("zombie", PluginContext(Ledger(), keeper=object()))


def test_enough_leaks_and_a_decoy_live_in_the_keeper_and_where_shells_start() -> None:
    there = [one for one in plants() if one.process == "keeper"]
    assert {one.family for one in there} == {"keeper", "shell_start"}
    assert sum(not one.decoy for one in there) >= 10
    assert any(one.decoy for one in there)


def test_the_package_loads_no_plant_until_it_is_asked_for_one() -> None:
    code = "import soak.plants, sys; print([m for m in sys.modules if 'soak.plants.' in m or 'mobifai.agent' in m])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['soak.plants.plant']"


# -- the hooks


async def test_each_moment_is_reported_once_and_with_what_it_is_about(tmp_path: Path) -> None:
    reported: list[tuple[LifecycleEvent, PlantEvent]] = []

    async with agent_here(tmp_path) as agent:
        moments = [moment for moment in LifecycleEvent if moment not in IN_KEEPER]
        for moment in moments:
            listen(agent, moment, lambda event, moment=moment: reported.append((moment, event)))
        for number in range(1, 4):
            await plant_host.visit(agent, number)
            await plant_host.churn(agent, number)
            await plant_host.refusal(agent, number)
        await plant_host.prompt(agent, 1)
        assert Counter(moment for moment, _ in reported) == {
            **dict.fromkeys(moments, 3),
            LifecycleEvent.TERMINAL: 4,
            LifecycleEvent.PROMPT: 1,
        }
        assert [event.number for moment, event in reported if moment is LifecycleEvent.REFUSAL] == [1, 2, 3]
        assert reported[0] == (LifecycleEvent.CONNECT, PlantEvent(1, "phone"))
        assert [(moment, event.key, event.thing.uuid) for moment, event in reported[2:4]] == [
            (LifecycleEvent.TERMINAL, "tab-1", "tab-1"),
            (LifecycleEvent.CLOSED, "tab-1", "tab-1"),
        ]
        assert reported[-1][1].thing.run.prompt == "do the thing 1"
        reported.clear()


async def test_what_the_agent_refuses_itself_raises_as_before_and_is_no_event(tmp_path: Path) -> None:
    async with agent_here(tmp_path) as agent:
        reported: list[PlantEvent] = []
        listen(agent, LifecycleEvent.PROMPT, reported.append)
        receive(agent, "process:create", {"uuid": "tab"})
        with pytest.raises(AssistantError):
            agent.assistant.get().start("", agent.tabs.find("tab"), lambda *_: None)
        assert not reported


async def test_a_plant_that_fails_does_not_disturb_the_agent_or_another_plant(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: PlantEvent) -> None:
        raise OSError("no descriptor left")

    async with agent_here(tmp_path) as agent:
        reported: list[PlantEvent] = []
        listen(agent, LifecycleEvent.TERMINAL, fail)
        listen(agent, LifecycleEvent.TERMINAL, reported.append)
        await plant_host.churn(agent, 1)
        assert [event.key for event in reported] == ["tab-1"]
        assert "a plant raised an exception at its event 1, and stays installed" in caplog.text
        reported.clear()


# -- each plant, in a process of its own


START = """
import runpy, sys
sys.path.append(sys.argv.pop(1))  # last, so that the installed packages are found first
runpy.run_module("tests.soak.plant_host", run_name="__main__", alter_sys=True)
"""


def host(folder: Path, names: list[str]) -> dict[str, list[int]]:
    """Run each plant in its own process, and return the results. All of these processes have ended."""
    temporary = folder / "tmp"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", START, str(ROOT), str(folder), *names],
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    gone_within_a_moment(temporary)
    reported = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["name"]: one["amounts"] for one in reported}


def gone_within_a_moment(temporary: Path) -> None:
    """Wait until these processes have ended, because a process may need a moment after its pipe is closed."""
    left = list(outside.marked(temporary))
    _, living = psutil.wait_procs(left, timeout=5)
    assert not living, f"outlived the agent: {[process.cmdline() for process in living]}"


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[int]]:
    """The amounts of each leak, before any event and after each ten."""
    return host(tmp_path_factory.mktemp("leaks"), LEAKS)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[int]]:
    """The amounts of each decoy."""
    return host(tmp_path_factory.mktemp("decoys"), DECOYS)


@pytest.mark.extended
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", LEAKS)
def test_a_plant_grows_with_its_events(grown: dict[str, list[int]], name: str) -> None:
    amounts = grown[name]
    assert sorted(set(amounts)) == amounts, "expected more after each ten events"


@pytest.mark.extended
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "each"),
    [
        ("one-in-five", 0.2),
        ("bytes-only", 256),
        ("sixteen-native-bytes", 16),
        ("zombie", 1),
        ("orphan-grandchild", 1),
        ("thread-per-reconnect", 1),
        ("log-handler", 1),
        ("table-growth", 1),
        ("temporary-file", 1),
        ("task-in-set", 1),
        ("one-shell-in-five", 0.2),
        ("native-bytes-in-keeper", 64),
        ("thread-per-shell", 1),
        ("helper-with-zombie", 1),
        ("selector-listener", 1),
        ("exec-pipe", 1),
    ],
)
def test_a_plant_grows_by_what_it_says(grown: dict[str, list[int]], name: str, each: float) -> None:
    amounts = grown[name]
    assert amounts[-1] - amounts[1] == each * 2 * plant_host.PLANT_EVENTS


@pytest.mark.extended
@pytest.mark.timeout(300)
def test_a_child_of_the_agent_keeps_64_kib_an_event(grown: dict[str, list[int]]) -> None:
    amounts = grown["child-keeps-memory"]
    assert amounts[-1] - amounts[0] >= 3 * plant_host.PLANT_EVENTS * (64 << 10)


@pytest.mark.extended
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", DECOYS)
def test_a_decoy_comes_to_its_end(ended: dict[str, list[int]], name: str) -> None:
    before, after, at_last = ended[name]
    if name == "long-timer":
        assert at_last == 0
    else:
        assert after <= before
        assert at_last <= before


@pytest.mark.extended
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("name", "end"), [("sized-lru-cache", 64), ("thread-pool-ramping-up", 4), ("log-rotation", 3)])
def test_a_decoy_reaches_its_end(ended: dict[str, list[int]], name: str, end: int) -> None:
    assert ended[name] == [end, end, end]


def test_sixteen_bytes_of_c_are_on_the_c_heap() -> None:
    if heap_in_use() is None:
        pytest.skip("this system does not tell what is in use on the C heap")
    seed = plant("sixteen-native-bytes").source(PluginContext(Ledger()))
    before = heap_in_use() or 0
    for number in range(2000):
        seed.on_event(PlantEvent(number))
    assert (heap_in_use() or 0) - before >= 2000 * 16


# -- in a running `mobifai serve`

EVENTS = 3


def no_settings(folder: Path) -> Path:
    """An empty settings file."""
    file = folder / "config.toml"
    file.touch()
    return file


VISIBLE = (
    "ledger-account",
    "orphan-grandchild",
    "pipe-pair",
    "temporary-file",
    "table-growth",
    "zombie",
    "log-handler",
)
"""Plants whose leak is visible from outside. They are counted at three times."""


async def use(agent: AgentUnderTest) -> None:
    """Connect a phone, open a terminal, send an invalid request, close the terminal and disconnect."""
    token, device_id = await agent.token(0), "00000000-0000-4000-8000-000000000001"
    async with Phone(agent.relay_url, token, name="phone", device_id=device_id, webrtc=False) as phone:
        for _ in range(EVENTS):
            await phone.connect()
            await phone.pair(agent.device_id)
            uuid = await phone.create()
            with pytest.raises(PhoneError):
                await phone.rename(f"{uuid[:-1]}-", "nothing")
            await phone.terminate(uuid)
            await phone.leave()
            await nobody_there(agent)


async def nobody_there(agent: AgentUnderTest) -> None:
    """Wait until the agent has closed the phone's session."""
    async with asyncio.timeout(10):
        while phone_in(await agent.ask("status")) is not None:
            await asyncio.sleep(0.02)


@pytest.mark.extended
@pytest.mark.timeout(180)
@pytest.mark.parametrize("separate_relay", [False, True], ids=["own relay", "separate relay"])
async def test_plants_in_a_running_agent_leak_once_an_event_and_end_with_it(
    tmp_path: Path, separate_relay: bool
) -> None:
    async with agent_under_test(
        tmp_path / "run", no_settings(tmp_path), ["--shell", "/bin/sh"], separate_relay=separate_relay
    ) as agent:
        await use(agent)  # the first phone causes imports, which add log handlers
        for name in VISIBLE:
            await agent.ask("soak.plant", {"name": name})
        before, _ = await agent.values()
        await use(agent)
        after, _ = await agent.values()
        grown = {name: after.get(name, 0) - before.get(name, 0) for name in {*before, *after}}
        assert grown["instances:link.signals"] == EVENTS
        assert grown["zombies"] == EVENTS
        assert grown["rows:planted.sqlite/planted"] == EVENTS
        assert grown["files:temporary"] == EVENTS
        assert grown["processes:sh"] == EVENTS
        assert grown["handlers"] == EVENTS
        assert grown["descriptors:agent pipe"] == 2 * EVENTS
        agent._process.terminate()
        await agent._process.wait()
        relay = {agent._relay.pid} if agent._relay else set()
        await eventually(lambda: {process.pid for process in outside.marked(agent.folder / "tmp")} == relay)


async def test_orphans_end_with_an_agent_that_is_killed(tmp_path: Path) -> None:
    async with agent_under_test(tmp_path / "run", no_settings(tmp_path), ["--shell", "/bin/sh"]) as agent:
        await agent.ask("soak.plant", {"name": "orphan-grandchild"})
        await use(agent)
        assert shells(agent) == EVENTS
        os.kill(agent.agent_pid, signal.SIGKILL)
        await eventually(lambda: shells(agent) == 0)


def shells(agent: AgentUnderTest) -> int:
    """Return the running shells of this run. They are orphans, because no terminal is open."""
    return sum(process.name() == "sh" for process in outside.marked(agent.folder / "tmp"))


@pytest.mark.extended
async def test_plants_in_a_running_keeper_leak_once_a_shell_and_are_seen_there(tmp_path: Path) -> None:
    async with agent_under_test(tmp_path / "run", no_settings(tmp_path), ["--shell", "/bin/sh"]) as agent:
        await use(agent)
        for name in IN_KEEPER_VISIBLE:
            await agent.ask_in("keeper", "soak.plant", {"name": name})
        await use(agent)  # the first event of a plant causes growth that is not its leak
        before, _ = await agent.values()
        await use(agent)
        after, _ = await agent.values()
        grown = {name: after.get(name, 0) - before.get(name, 0) for name in {*before, *after}}
        assert grown["keeper/canaries:mobifai.terminals.keeper_shells.HeldShell"] == EVENTS
        assert grown["keeper/canaries:ptyprocess.ptyprocess.PtyProcess"] == EVENTS
        assert grown["keeper/descriptors:pipe"] == 2 * EVENTS
        assert grown["keeper/threads:planted"] == EVENTS
        assert grown["keeper/heap.bytes"] >= EVENTS * 64
        assert grown["zombies"] == EVENTS
        assert grown["python.blocks"] < 200  # the agent does not grow by these plants


IN_KEEPER_VISIBLE = (
    "shell-kept",
    "pty-process-kept",
    "exec-pipe",
    "thread-per-shell",
    "native-bytes-in-keeper",
    "helper-with-zombie",
)
