"""A phone loses its address and gets another one without notice, while a program prints numbers."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from soak.phone.offsets import FEATURES
from tests.integration.counting import numbers, start_counting, stop_counting
from tests.support import impaired_link
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import (
    answers,
    arrive,
    get_in_again,
    holdings,
    nothing_went_wrong,
    on_path,
    path_in,
    same_holdings,
    status_when,
)
from tests.support.eventually import patience
from tests.support.impaired_link import ImpairedLink
from tests.support.node_phone import NodePhone

pytestmark = [
    pytest.mark.extended,
    pytest.mark.skipif(bool(impaired_link.why_not()), reason=impaired_link.why_not() or "there is one"),
]

kinds = pytest.mark.parametrize("features", [FEATURES, ()], ids=["resumes", "legacy"])


@dataclass(frozen=True)
class Scene:
    """An agent near, a phone far with a terminal, and the wire between them."""

    link: ImpairedLink
    agent: RunningAgent
    phone: NodePhone
    terminal: str
    patience: float
    """Seconds: ten, or more if the first connection shows that this machine is slow at the moment."""

    async def come_back(self) -> None:
        """Do what the app does when the system reports the new address."""
        await get_in_again(self.phone, self.agent, channel=True, timeout=self.patience)
        await on_path(self.agent, "channel", self.phone)


@asynccontextmanager
async def far_away(folder: Path, features: tuple[str, ...]) -> AsyncIterator[Scene]:
    """A phone with a data channel, in another network than the agent, whose terminal counts."""
    async with impaired_link.impaired_link() as link, serving(folder / "state", "--host", link.near) as agent:
        token = (await agent.invite_legacy())["token"]
        async with NodePhone(
            agent.relay_url, token, name="far phone", keep_output=True, features=features, inside=link.inside
        ) as phone:
            began = time.monotonic()
            await arrive(phone, agent.device_id)
            seconds = patience(10, time.monotonic() - began)
            terminal = await phone.create()
            await answers(phone, terminal)
            await on_path(agent, "channel", phone)
            yield Scene(link, agent, phone, terminal, seconds)
        nothing_went_wrong(agent)


@kinds
async def test_a_phone_with_another_address_is_back_within_ten_seconds_and_misses_nothing(
    tmp_path: Path, features: tuple[str, ...]
) -> None:
    async with far_away(tmp_path, features) as here:
        before = await holdings(here.agent)
        await start_counting(here.phone, here.terminal, tmp_path)
        received: list[int] = []
        for _ in range(3):
            await here.phone.wait_output(here.terminal, lambda text: len(numbers(text)) > 300)
            received += numbers(here.phone.output(here.terminal))
            await here.link.move_far()
            async with asyncio.timeout(here.patience):
                await here.come_back()
        received += await stop_counting(here.phone, here.terminal)
        assert set(received) == set(range(1, max(received) + 1))
        await same_holdings(here.agent, before)


@kinds
async def test_an_address_that_is_gone_is_noticed_within_ten_seconds_and_stops_no_program(
    tmp_path: Path, features: tuple[str, ...]
) -> None:
    async with far_away(tmp_path, features) as here:
        before = await holdings(here.agent)
        await start_counting(here.phone, here.terminal, tmp_path)
        await here.phone.wait_output(here.terminal, lambda text: len(numbers(text)) > 300)
        received = numbers(here.phone.output(here.terminal))
        await here.link.move_far()
        status = await status_when(
            here.agent, lambda now: path_in(now) != "channel", "the channel to be missed", here.patience
        )
        printed = status["buffer_bytes"]
        status = await status_when(here.agent, lambda now: now["buffer_bytes"] > printed + 5000, "more to be printed")
        assert all(entry["used"] <= entry["capacity"] for entry in status["bounds"])
        await here.come_back()
        received += await stop_counting(here.phone, here.terminal)
        assert set(received) == set(range(1, max(received) + 1))
        await same_holdings(here.agent, before)
