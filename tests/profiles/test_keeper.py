"""Examining the keeper names the lines of leaks that were planted there: in Python, in C, and of a descriptor."""

from pathlib import Path
from typing import Any

import pytest

from mobifai.errors import StateError
from profiles.attribution.frames import responsible_frame
from profiles.attribution.growth import largest, risen_containers
from profiles.evidence import process_gauges, qualified_gauge, stack_of
from soak.harness.agent_process import AgentUnderTest, agent_under_test
from soak.phone.phone import Phone
from soak.plants import plant

PLANTS = ("shell-table", "native-bytes-in-keeper", "exec-pipe", "map-in-c")
WINDOWS = 5
SHELLS = 4
"""The number of shells in one window."""
PATIENCE = 60.0


async def churn(agent: AgentUnderTest, phone: Phone) -> None:
    """Start shells and end them."""
    for _ in range(SHELLS):
        await phone.terminate(await phone.create(timeout=PATIENCE), PATIENCE)


async def look(agent: AgentUnderTest, phone: Phone) -> dict[str, Any]:
    """The keeper, as `mobifai profile run` examines it."""
    await agent.ask_in("keeper", "profile.begin")
    await churn(agent, phone)
    for _ in range(WINDOWS + 1):
        await agent.ask_in("keeper", "profile.window")
        await churn(agent, phone)
    reported = await agent.ask_in("keeper", "profile.histories")
    cycles = [SHELLS * number for number in range(WINDOWS + 1)]
    chosen = largest(risen_containers(cycles, reported["containers"]), 40)
    examined = await agent.ask_in("keeper", "profile.examine", {"sites": [], "containers": chosen, "folders": []})
    await agent.ask_in("keeper", "profile.end")
    return dict(examined)


def named(rows: list[dict[str, Any]]) -> set[tuple[Path, int]]:
    """Return the responsible lines."""
    return {(Path(file), line) for file, line in (responsible_frame(stack_of(row["stack"])) for row in rows)}


@pytest.mark.extended
@pytest.mark.timeout(180)
async def test_a_look_into_the_keeper_names_the_lines_of_its_plants(tmp_path: Path) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text("")
    async with agent_under_test(tmp_path / "run", settings, ["--shell", "/bin/cat"]) as agent:
        for name in PLANTS:
            await agent.ask_in("keeper", "soak.plant", {"name": name})
        device = "00000000-0000-4000-8000-000000000001"
        async with Phone(agent.relay_url, await agent.token(0), name="phone", device_id=device, webrtc=False) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            await churn(agent, phone)
            examined = await look(agent, phone)
            await phone.leave()
        assert any("(method of ShellTable).table" in one["path"] for one in examined["containers"])
        assert plant("exec-pipe").line in named(examined["descriptors"])
        assert plant("native-bytes-in-keeper").line in named(examined["allocated"])
        assert plant("map-in-c").line in named(examined["foreign"])
        with pytest.raises(StateError, match="expected one of the processes agent, keeper; found .relay."):
            await agent.ask_in("relay", "profile.begin")


def test_gauges_have_their_whole_names_again_in_what_is_reported() -> None:
    rising = {"python.blocks": 1.0, "keeper/heap.bytes": 2.0, "zombies": 3.0, "relay/tasks:serve": 4.0}
    assert process_gauges("agent", rising) == rising
    inside = process_gauges("keeper", rising)
    assert inside == {"heap.bytes": 2.0, "zombies": 3.0}
    assert {qualified_gauge("keeper", name) for name in inside} == {"keeper/heap.bytes", "zombies"}
