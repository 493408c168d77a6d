"""Storms of unknown clients at the relay of a running agent, while a known phone types."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.support.agent import serving
from tests.support.agent_status import answers, nothing_went_wrong
from tests.support.connected import connected_phone
from tests.support.strangers import Stranger, storm

pytestmark = pytest.mark.extended


async def _half_open(one: Stranger) -> None:
    await one.send(b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n")


async def _unsigned(one: Stranger) -> None:
    await one.upgrade()


async def _slow_body(one: Stranger) -> None:
    await one.send(b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n")
    await one.send(b"Content-Type: application/x-www-form-urlencoded\r\n\r\nx")


STORMS = {"half-open requests": _half_open, "unsigned WebSockets": _unsigned, "slow bodies": _slow_body}


@pytest.mark.parametrize("act", STORMS.values(), ids=STORMS)
async def test_a_known_phone_types_and_reconnects_during_a_storm(tmp_path: Path, act: object) -> None:
    async with serving(tmp_path / "state") as agent:
        port = int(agent.relay_url.rpartition(":")[2])
        async with connected_phone(agent) as phone:
            terminal = await phone.create()
            await answers(phone, terminal)
            async with storm(port, 40, 4, act) as rounds:  # type: ignore[arg-type]
                while rounds() < 200:
                    await asyncio.sleep(0.01)
                began = time.monotonic()
                await answers(phone, terminal)
                await phone.reconnect()
                await phone.until(lambda: bool(phone.devices), "the agent to be on offer")
                assert time.monotonic() - began < 10
            await answers(phone, terminal)
        nothing_went_wrong(agent)
