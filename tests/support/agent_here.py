"""An agent in the tests' own process, and the only place where tests reach into one.

A test that needs more of the agent's inside gets a function here: a change of the agent is followed in one file.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from mobifai.agent import Agent, open_agent
from mobifai.assistant.config import AssistantConfig
from mobifai.bounds import Ledger
from mobifai.config import Config, RelayConfig
from mobifai.limits import INBOUND, Limit
from mobifai.protocol.features import NO_FEATURES, Features
from mobifai.session.relay_registration import PairedPhone
from mobifai.session.session import Session
from mobifai.state import open_state
from mobifai.terminals.local_spawner import LocalSpawner
from mobifai.transport.transport import Transport
from tests.support.eventually import eventually

RESIDENT = "resident"
"""The default phone."""


class Absent:
    """A presenter and a keeper that do nothing."""

    pid = None

    def sign_in(self, url: str, message: str) -> None:
        raise AssertionError("an agent with its own relay needs no sign-in")

    def ready(self) -> None:
        """Do nothing."""

    def restart(self) -> bool:
        return False


@asynccontextmanager
async def agent_here(folder: Path) -> AsyncIterator[Agent]:
    """An agent with its own relay in this process, and a phone. It does not serve; its shells only wait."""
    async with _open_agent(folder, "/bin/cat") as agent:
        pair(agent, RESIDENT)
        yield agent


@asynccontextmanager
async def serving_agent_here(folder: Path) -> AsyncIterator[Agent]:
    """An agent that serves in this process, with its own relay and real shells."""
    async with _open_agent(folder, "/bin/sh") as agent:
        serving = asyncio.create_task(agent.run(), name="agent")
        try:
            yield agent
        finally:
            serving.cancel()
            await asyncio.wait([serving])


@asynccontextmanager
async def _open_agent(folder: Path, shell: str) -> AsyncIterator[Agent]:
    script, ledger = folder / "script.json", Ledger({"sessions": 2})
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(json.dumps(["That is all."]))
    config = Config(RelayConfig(port=0), (shell,), "agent")
    with open_state(folder / "state") as state:
        async with LocalSpawner(ledger) as spawner:
            model = AssistantConfig(model=f"scripted:{script}")
            async with open_agent(config, model, state, ledger, spawner, Absent(), Absent()) as agent:
                yield agent


class _Phone:
    """Pair a phone through a relay without connections."""

    relay_is_ours = True

    def __init__(self, device_id: str, transport: Transport, features: Features = NO_FEATURES) -> None:
        self.device_id, self.features = device_id, features
        self.receive: Any = None
        self.transport = transport

    def send(self, event: str, payload: object) -> None:
        """Drop it."""

    def release(self) -> None:
        """Receive nothing more."""

    def request_echo(self, nonce: str) -> None:
        """Drop it."""

    def end_pairing(self) -> None:
        """Stay."""

    def channel_ended(self) -> None:
        """Stay."""


def pair(agent: Agent, device_id: str) -> Session:
    """Pair a phone that wants no data channel."""
    admit(agent, device_id, agent.registrations[0].transport)
    session = agent.sessions.get(device_id)
    assert isinstance(session, Session)
    session.transports.connector.disconnect()
    return session


def admit(agent: Agent, device_id: str, transport: Transport) -> None:
    """Pair a phone that uses this transport."""
    agent.registry.admit(cast("PairedPhone", _Phone(device_id, transport)))


def pair_and_leave(agent: Agent, device_id: str = "phone") -> None:
    """Pair a phone, and disconnect it."""
    pair(agent, device_id).close("the phone left")


def receive(agent: Agent, event: str, payload: object) -> None:
    """Pass a message of the default phone to the agent."""
    session = agent.sessions.get(RESIDENT)
    assert session is not None
    session.phone.receive(event, payload)


def total_of(agent: Agent, limit: Limit) -> int:
    """Return the sum of what all containers with a limit hold."""
    return sum(entry.total for entry in agent.ledger.entries() if entry.name == limit.name)


async def _until_handled(agent: Agent) -> None:
    await eventually(lambda: total_of(agent, INBOUND) == 0)


async def until_shells_are_reaped(agent: Agent) -> None:
    """Wait until every message is handled and every ended shell is reaped."""
    await _until_handled(agent)
    await eventually(lambda: not agent.tabs._spawner._watches)  # type: ignore[attr-defined]


async def until_assistant_is_idle(agent: Agent) -> None:
    """Wait until every message is handled and no conversation runs."""
    await _until_handled(agent)
    await eventually(lambda: not agent.assistant.is_busy)
