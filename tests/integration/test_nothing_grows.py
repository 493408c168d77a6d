"""After any number of reconnects and terminals, the agent has the same resources as after the first."""

import asyncio
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import phone_in, phone_of
from tests.support.connected import connected_phone
from tests.support.phones import Kind, open_phone

pytestmark = pytest.mark.extended

RECONNECTS = 200
TERMINALS = 500
AT_A_TIME = 25


async def rest(agent: RunningAgent) -> dict[str, Any]:
    """Return the agent's figures without a phone: everything that must not grow."""
    status = await agent.status()
    keeper = psutil.Process(status["keeper_pid"])
    bounds = {bound["name"]: bound for bound in status["bounds"]}
    return {
        "descriptors": status["descriptors_by_kind"],
        "threads": status["threads"],
        "tasks": status["tasks"],
        "children": status["children"],
        "instances": {name: bound["instances"] for name, bound in bounds.items()},
        "listeners": bounds["link.listeners"]["total"],
        "terminals": len(status["terminals"]),
        "phone": phone_in(status),
        "keeper's descriptors": keeper.num_fds(),
        "keeper's threads": keeper.num_threads(),
        "keeper's children": [child.pid for child in keeper.children()],
    }


async def settled(agent: RunningAgent, expected: dict[str, Any], seconds: float = 60) -> None:
    """Wait until the agent is at rest as expected. Resources that a timer ends may take that long."""
    found = await rest(agent)
    async with asyncio.timeout(seconds + 10):
        pause = 0.1
        while found != expected and seconds > 0:
            await asyncio.sleep(pause)
            seconds -= pause
            pause = min(2 * pause, 5)
            found = await rest(agent)
    assert found == expected


@pytest.mark.timeout(1200)
async def test_200_reconnects_of_a_node_phone_leave_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        invitation = await agent.invite_legacy()
        async with open_phone("node", agent.relay_url, invitation["token"]) as phone:
            for round_ in range(RECONNECTS):
                await phone.connect()
                await phone.pair(agent.device_id)
                await phone.channel_open()
                if round_ % 2:
                    await phone.vanish()
                else:
                    await phone.leave()
                if round_ == 0:
                    await agent_without_phone(agent)
                    after_first = await rest(agent)
            await phone.connect()
            await phone.pair(agent.device_id)
            await phone.channel_open()
            await phone.leave()
            await settled(agent, after_first)


async def agent_without_phone(agent: RunningAgent) -> None:
    """Wait until the agent has dropped the phone."""
    async with asyncio.timeout(60):
        while await phone_of(agent) is not None:
            await asyncio.sleep(0.1)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ["python"])
async def test_500_terminals_opened_flooded_and_closed_leave_nothing(tmp_path: Path, kind: Kind) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent, kind, keep_output=False) as phone:
            await phone.terminate(await phone.create())
            before = await rest(agent)
            for _ in range(TERMINALS // AT_A_TIME):
                opened = [await phone.create() for _ in range(AT_A_TIME)]
                for terminal in opened:
                    await phone.type(terminal, "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo flood-$i; done\r")
                await phone.switch(*opened)
                for terminal in opened:
                    await phone.wait_output(terminal, "flood-2000", timeout=60)
                for number, terminal in enumerate(opened):
                    if number % 2:
                        await phone.terminate(terminal)
                    else:
                        await phone.type(terminal, "exit\r")
                for terminal in opened[::2]:
                    await phone.expect(
                        "process:exited", lambda payload, one=terminal: payload["uuid"] == one, timeout=30
                    )
                for terminal in opened:
                    phone.forget_output(terminal)
            await settled(agent, before)
