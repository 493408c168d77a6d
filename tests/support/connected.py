"""A phone that is paired with a running agent, and a terminal on it.

Owns the phone for the length of a scope. For what happens before or while a phone connects, see `tests.support.phones`
and `tests.support.sealed`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from soak.phone.interface import PhoneInterface
from tests.support.agent import RunningAgent
from tests.support.agent_status import answers, arrive
from tests.support.phones import Kind, open_phone
from tests.support.sealed import invited_phone

both_paths = pytest.mark.parametrize("channel", [True, False], ids=["channel", "relay"])
"""Run a test with a phone on the data channel, and with one that the relay serves."""


@asynccontextmanager
async def connected_phone(
    agent: RunningAgent, kind: Kind = "python", *, channel: bool = True, encrypted: bool = False, **options: Any
) -> AsyncIterator[PhoneInterface]:
    """A phone that was invited and is paired, and is served by the data channel or by the relay.

    `encrypted`: end to end, as the phone page does; it is a Python phone then. By default it is a legacy app.
    `options`: as for `open_phone`, or for `sealed_phone`.
    """
    opened = (
        invited_phone(agent, webrtc=channel, **options)
        if encrypted
        else open_phone(kind, agent.relay_url, (await agent.invite_legacy())["token"], webrtc=channel, **options)
    )
    async with opened as phone:
        await arrive(phone, agent.device_id, channel=channel)
        yield phone


@asynccontextmanager
async def phone_with_terminal(
    agent: RunningAgent, kind: Kind = "python", *, channel: bool = True, encrypted: bool = False, **options: Any
) -> AsyncIterator[tuple[PhoneInterface, str]]:
    """Connect a phone and open a terminal, in which it has typed a line and received the output."""
    async with connected_phone(agent, kind, channel=channel, encrypted=encrypted, **options) as phone:
        terminal = await phone.create()
        await answers(phone, terminal)
        yield phone, terminal
