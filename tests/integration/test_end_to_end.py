"""A phone that comes by a link, end to end encrypted: on both paths, once and again, and not at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from soak.phone import Phone
from tests.integration.insight import answers, arrive, asked, on_path
from tests.support.agent import RunningAgent, serving
from tests.support.sealed import invited_phone

paths = pytest.mark.parametrize("channel", [True, False], ids=["channel", "relay"])


@asynccontextmanager
async def at_work(
    directory: Path, *options: str, channel: bool = False
) -> AsyncIterator[tuple[RunningAgent, Phone, str]]:
    """A sealed phone with a terminal."""
    async with serving(directory / "state", *options) as agent, invited_phone(agent, webrtc=channel) as phone:
        await arrive(phone, agent.device_id, channel=channel)
        await on_path(agent, "channel" if channel else "relay", phone)
        terminal = await phone.create()
        await answers(phone, terminal)
        yield agent, phone, terminal


@paths
async def test_a_phone_that_comes_by_a_link_types_and_sees(tmp_path: Path, channel: bool) -> None:
    async with at_work(tmp_path, channel=channel) as (agent, phone, terminal):
        await phone.type(terminal, "echo $((6 * 7))x\r")
        await phone.wait_output(terminal, "42x")
        assert (await asked(agent))["e2e"] is True
        assert "encrypted end to end" in await agent.command("status")
        assert phone.forged == 0
