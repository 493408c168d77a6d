"""An agent with a relay on another machine, which disappears and comes back."""

from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.relays import NO_STUN, relaying, sign_in
from tests.support.agent import serving
from tests.support.agent_status import (
    answers,
    arrive,
    at_relay_stage,
    holdings,
    nothing_went_wrong,
    pair_again,
    path_of,
    same_holdings,
)
from tests.support.phones import Kind, open_phone, phone_kinds
from tests.support.wall_clock import DAY, WallClock

pytestmark = pytest.mark.extended


@phone_kinds
async def test_the_relay_restarts_under_an_open_channel(tmp_path: Path, kind: Kind) -> None:
    async with AsyncExitStack() as scope:
        relay = await scope.enter_async_context(relaying(tmp_path / "relay"))
        agent = await scope.enter_async_context(
            serving(tmp_path / "state", "--relay", relay.url, "--e2e", "allow", *NO_STUN, ready=False)
        )
        await sign_in(agent, relay)
        token = (await agent.invite_legacy())["token"]
        phone = await scope.enter_async_context(open_phone(kind, relay.url, token))
        await arrive(phone, agent.device_id)
        terminal = await phone.create()
        await answers(phone, terminal)
        before = None
        for _ in range(2):
            assert await relay.stop() == 0
            await phone.until(lambda: not phone.relay_is_up, "the relay to be gone")
            await at_relay_stage(agent, "offline")
            assert await path_of(agent) == "channel"
            await answers(phone, terminal)
            relay = await scope.enter_async_context(relaying(tmp_path / "relay", urlsplit(relay.url).port or 0))
            await answers(phone, terminal)
            await at_relay_stage(agent, "waiting")
            await phone.reconnect()
            await phone.until(lambda: bool(phone.devices), "the agent to be on offer")
            assert [one["connected"] for one in await relay.devices()] == [True, True]
            await answers(phone, terminal, "channel")
            await pair_again(agent, phone)
            await answers(phone, terminal, "channel")
            before = before or await holdings(agent)
        await same_holdings(agent, before)
        nothing_went_wrong(agent)
        assert 1 <= agent.log.read_text().count("trying again") <= 2


async def test_an_agent_that_was_connected_for_months_comes_back_without_a_person(tmp_path: Path) -> None:
    clock = WallClock(tmp_path)
    inside = ("env", *(f"{name}={value}" for name, value in clock.environment.items()))
    async with relaying(tmp_path / "relay", inside=inside) as relay:
        options = ("--relay", relay.url, *NO_STUN)
        async with serving(tmp_path / "state", *options, ready=False, environment=clock.environment) as agent:
            await sign_in(agent, relay)
            await at_relay_stage(agent, "waiting")
            clock.pass_by(60 * DAY)
            await relay.stop()
            await at_relay_stage(agent, "offline")
            async with relaying(tmp_path / "relay", urlsplit(relay.url).port or 0, inside=inside):
                await at_relay_stage(agent, "waiting", 30)
