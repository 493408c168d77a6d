"""An agent in the tests' own process, and the only place where tests reach into one.

A test that needs more of the agent's inside gets a function here: a change of the agent is followed in one file.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mobifai.agent.agent import Agent, open_agent
from mobifai.assistant.config import AssistantConfig
from mobifai.bounds import Ledger
from mobifai.config import Config, RelayConfig
from mobifai.protocol import agent_pairing as pairing
from mobifai.state import open_state
from mobifai.terminals.local_spawner import LocalSpawner
from tests.support.eventually import eventually


class Absent:
    """A person and a keeper who are both away."""

    pid = None

    def sign_in(self, url: str, message: str) -> None:
        raise AssertionError("an agent with its own relay needs no sign-in")

    def ready(self) -> None:
        """Do nothing: nobody waits for it."""

    def restart(self) -> bool:
        return False


@asynccontextmanager
async def agent_here(folder: Path) -> AsyncIterator[Agent]:
    """An agent with its own relay in this process. It does not serve; its shells only wait."""
    script, ledger = folder / "script.json", Ledger()
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(json.dumps(["That is all."]))
    config = Config(RelayConfig(port=0), ("/bin/cat",), "agent")
    with open_state(folder / "state") as state:
        async with LocalSpawner(ledger) as spawner:
            model = AssistantConfig(model=f"scripted:{script}")
            async with open_agent(config, model, state, ledger, spawner, Absent(), Absent()) as agent:
                yield agent


def pair_and_leave(agent: Agent, device_id: str = "phone") -> None:
    """Have the relay pair a phone, and end the pairing."""
    agent.links._do([pairing.OpenPeer(device_id)])
    agent.links._do([pairing.ClosePeer("the phone left")])


def receive(agent: Agent, event: str, payload: object) -> None:
    """Have the agent receive a message of its phone."""
    agent.phone_said(event, payload)


async def until_shells_are_reaped(agent: Agent) -> None:
    """Wait until no shell that ended is still watched for."""
    await eventually(lambda: not agent.tabs._spawner._watches)  # type: ignore[attr-defined]


async def until_assistant_is_idle(agent: Agent) -> None:
    """Wait until no conversation is going on."""
    await eventually(lambda: not agent.assistant.busy)
