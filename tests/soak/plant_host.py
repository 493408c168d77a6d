"""Runs a real agent for each plant, in a separate process that ends normally, and measures what the plant leaks.

`python -m tests.soak.plant_host FOLDER PLANT...` prints a line of JSON for each plant. A plant changes its process for
good, so each plant gets a fork, which is made before there is a loop or a thread.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiortc
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from mobifai.agent.agent import Agent
from mobifai.bounds import Ledger
from mobifai.control.debug_plugins import PluginContext
from mobifai.limits import SESSION_TASKS
from mobifai.terminals.keeper import Keeper
from soak.plants import LifecycleEvent, install, plant
from tests.support import loops
from tests.support.agent_here import (
    agent_here,
    pair_and_leave,
    receive,
    total_of,
    until_assistant_is_idle,
    until_shells_are_reaped,
)
from tests.support.eventually import eventually

PLANT_EVENTS = 10
"""Number of events between two counts of a plant. The slowest plant leaks once in five events."""
DECOY_EVENTS = 80
"""Number of events after which a decoy no longer grows."""


async def visit(agent: Agent, number: int) -> None:
    """Connect and disconnect a phone, always the same one. Wait until its data channel has ended."""
    before = total_of(agent, SESSION_TASKS)
    pair_and_leave(agent)
    await eventually(lambda: total_of(agent, SESSION_TASKS) <= before)


async def churn(agent: Agent, number: int) -> None:
    """Open a terminal and close it."""
    receive(agent, "process:create", {"uuid": f"tab-{number}"})
    receive(agent, "process:terminate", {"uuid": f"tab-{number}"})
    await until_shells_are_reaped(agent)


async def prompt(agent: Agent, number: int) -> None:
    """Hold a whole conversation, in a terminal that stays open."""
    receive(agent, "process:create", {"uuid": "tab"})
    receive(agent, "ai:prompt", {"uuid": "tab", "prompt": f"do the thing {number}"})
    await until_assistant_is_idle(agent)


async def refusal(agent: Agent, number: int) -> None:
    """Request something of a terminal that does not exist."""
    receive(agent, "process:rename", {"uuid": f"none-{number}", "name": "something"})


async def library(agent: Agent, number: int) -> None:
    """Use the libraries in this process as the agent does when a phone connects and disconnects."""
    connection = aiortc.RTCPeerConnection()
    connection.createDataChannel("terminal")
    await connection.createOffer()
    await connection.close()
    async with TestClient(TestServer(_echo_server())) as client, client.ws_connect("/") as socket:
        await socket.send_str(f"event {number}")


def _echo_server() -> web.Application:
    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    return app


CAUSES: dict[LifecycleEvent, Callable[[Agent, int], Awaitable[None]]] = {
    LifecycleEvent.CONNECT: visit,
    LifecycleEvent.DISCONNECT: visit,
    LifecycleEvent.TERMINAL: churn,
    LifecycleEvent.CLOSED: churn,
    LifecycleEvent.PROMPT: prompt,
    LifecycleEvent.REFUSAL: refusal,
}
"""The function that causes each event once."""


def cause_of(name: str) -> Callable[[Agent, int], Awaitable[None]]:
    """Return the function that makes a plant leak once."""
    return library if plant(name).family == "libraries" else CAUSES[plant(name).on]


async def amounts_of_plant(name: str, folder: Path) -> list[int]:
    """Return the leaked amount before any event, and after each ten events. Amounts that appear late are waited for."""
    cause = cause_of(name)
    async with agent_here(folder) as agent:
        seed = install(name, PluginContext(agent.ledger, agent))
        amounts = [seed.leaked()]
        for round_ in range(3):
            for number in range(PLANT_EVENTS):
                await cause(agent, round_ * PLANT_EVENTS + number)
            await eventually(lambda: seed.leaked() > amounts[-1], 5)
            amounts.append(seed.leaked())
        return amounts


async def amounts_of_decoy(name: str, folder: Path) -> list[int]:
    """Return the largest amount in the first 80 events and in the next 40, and the amount some time later."""
    cause = cause_of(name)
    async with agent_here(folder) as agent:
        seed = install(name, PluginContext(agent.ledger, agent))
        amounts = []
        for number in range(DECOY_EVENTS * 3 // 2):
            await cause(agent, number)
            amounts.append(seed.leaked())
        if name == "long-timer":
            await eventually(lambda: not seed.leaked(), 10)
        return [max(amounts[:DECOY_EVENTS]), max(amounts[DECOY_EVENTS:]), seed.leaked()]


@contextmanager
def keeper_here() -> Iterator[Keeper]:
    """Yield a keeper without an agent in this process. Its requests are made by function calls."""
    keeper = Keeper(["/bin/false"], 4096)
    yield keeper
    keeper.close()


def churn_in(keeper: Keeper, number: int) -> None:
    """Let the keeper start a shell and end it."""
    start = {"ask": "spawn", "id": number, "uuid": f"tab-{number}", "argv": ["/bin/cat"], "cwd": "/", "size": [24, 80]}
    keeper.handle({**start, "env": {"PATH": os.defpath}})
    shell = keeper.shells.find(f"tab-{number}")
    assert shell is not None
    keeper.handle({"ask": "end", "pid": shell.pid})
    keeper.reap()


def amounts_in_keeper(name: str) -> list[int]:
    """Return the same as `amounts_of_plant` or `amounts_of_decoy`, for a plant in a keeper."""
    with keeper_here() as keeper:
        seed = install(name, PluginContext(Ledger(), keeper=keeper))
        amounts = [seed.leaked()]
        for number in range(DECOY_EVENTS * 3 // 2 if plant(name).decoy else 3 * PLANT_EVENTS):
            churn_in(keeper, number)
            amounts.append(seed.leaked())
        if plant(name).decoy:
            return [max(amounts[:DECOY_EVENTS]), max(amounts[DECOY_EVENTS:]), amounts[-1]]
        return amounts[::PLANT_EVENTS]


def _look(name: str, folder: Path) -> None:
    if plant(name).process == "keeper":
        print(json.dumps({"name": name, "amounts": amounts_in_keeper(name)}), flush=True)
        return
    look = amounts_of_decoy if plant(name).decoy else amounts_of_plant
    with asyncio.Runner(loop_factory=loops.loop_factory()) as runner:
        amounts = runner.run(look(name, folder))
    print(json.dumps({"name": name, "amounts": amounts}), flush=True)


def main(folder: str, *names: str) -> int:
    """Test the named plants. Return the number of plants that failed, as the exit status."""
    failed = 0
    for name in names:
        child = os.fork()
        if child == 0:
            _look(name, Path(folder, name))
            return 0
        failed += os.waitpid(child, 0)[1] != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
