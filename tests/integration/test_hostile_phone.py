"""No message of a paired phone, in any form and amount, ends or blocks the agent, or ends a shell."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from soak.phone.event_log import PhoneError
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import answers, arrive, asked
from tests.support.eventually import patience
from tests.support.phones import open_phone

pytestmark = pytest.mark.extended

AT_A_TIME = 200


def creations() -> Iterator[tuple[str, Any]]:
    for number in range(150):
        yield "process:create", {"uuid": f"flood-{number}", "cols": 80, "rows": 24}
        yield "process:terminate", {"uuid": f"flood-{number}"}


def renames() -> Iterator[tuple[str, Any]]:
    for number in range(1500):
        yield "process:rename", {"uuid": "tab", "name": f"name {number}"}


def sizes() -> Iterator[tuple[str, Any]]:
    for number in range(1500):
        yield "terminal:resize", {"uuid": "tab", "cols": 20 + number % 900, "rows": 10 + number % 900}
    for size in (0, -1, 1001, 2**31, 2**53, 2**70, 1e308, "80", None, [], {}, True, 80.5):
        yield "terminal:resize", {"uuid": "tab", "cols": size, "rows": 24}
        yield "process:create", {"uuid": "odd", "cols": 80, "rows": size}
        yield "terminal:dimensions", {"cols": size, "rows": size}


def questions() -> Iterator[tuple[str, Any]]:
    for number in range(1000):
        yield "system:health", {}
        yield "system:echo", {"nonce": str(number)}


def switches() -> Iterator[tuple[str, Any]]:
    for number in range(500):
        yield "process:switch", {"activeUuids": ["tab", *(f"none-{number}-{other}" for other in range(500))]}


EVENTS = (
    "process:create", "process:switch", "terminal:input", "terminal:actions", "terminal:ack", "terminal:resume",
    "ai:prompt", "ai:cancel", "ai:approve", "keys:set", "code:getFile", "e2e:hello", "webrtc:answer", "x" * 500,
)  # fmt: skip
PAYLOADS: tuple[Any, ...] = (
    None, 1, [], {}, {"uuid": None}, {"uuid": "tab", "data": 1}, {"uuid": "tab", "end": -1}, [[[[[[]]]]]],
    {"terminals": [{}] * 600}, {"activeUuids": ["a"] * 600}, {"uuid": "tab", "actions": [{}]},
)  # fmt: skip


def forms() -> Iterator[tuple[str, Any]]:
    for event in EVENTS:
        for payload in PAYLOADS:
            yield event, payload


@pytest.mark.parametrize("flood", [creations, renames, sizes, questions, switches, forms], ids=lambda one: one.__name__)
async def test_a_flood_of_messages_does_not_stall_the_agent(
    tmp_path: Path, flood: Callable[[], Iterator[tuple[str, Any]]]
) -> None:
    async with AsyncExitStack() as scope:
        agent = await scope.enter_async_context(serving(tmp_path / "state", "--e2e", "allow"))
        token = json.loads(await agent.command("pair", "--legacy", "--json"))["token"]
        phone = await scope.enter_async_context(open_phone("python", agent.relay_url, token))
        await arrive(phone, agent.device_id)
        await phone.create("tab")
        before = await asked(agent)
        usual = max([await _seconds_of_an_answer(agent) for _ in range(20)])
        sending = asyncio.create_task(_send(phone, flood()))
        slowest = 0.0
        while not sending.done():
            slowest = max(slowest, await _seconds_of_an_answer(agent))
            await asyncio.sleep(0.01)
        await sending
        assert slowest < patience(1, usual)
        await phone.leave()
        await arrive(phone, agent.device_id)
        await phone.switch("tab")
        await answers(phone, "tab")
        after = await asked(agent)
        assert after["agent_pid"] == before["agent_pid"]
        assert [one["pid"] for one in after["terminals"] if one["uuid"] == "tab"] == [before["terminals"][0]["pid"]]
        assert "Traceback" not in agent.log.read_text()


async def _seconds_of_an_answer(agent: RunningAgent) -> float:
    began = time.monotonic()
    await asked(agent)
    return time.monotonic() - began


async def _send(phone: Any, flood: Iterator[tuple[str, Any]]) -> None:
    """Send everything on the channel, waiting only for the channel's buffer."""
    for event, payload in flood:
        try:
            await phone.send(event, payload, via="channel")
        except PhoneError:  # the agent closed the connection
            return
    await asyncio.sleep(0.5)
