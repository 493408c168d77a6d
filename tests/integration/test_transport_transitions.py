"""Any failure of a path ends with a working phone, one peer connection, and no leftovers."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from soak.phone.interface import PhoneInterface
from soak.phone.phone import Phone
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import (
    Holdings,
    answers,
    arrive,
    holdings,
    nothing_went_wrong,
    on_path,
    pair_again,
    relay_stage,
    same_holdings,
    until,
)
from tests.support.phones import Kind, open_phone, phone_kinds

pytestmark = pytest.mark.extended

ROUNDS = 2

Scenario = Callable[[RunningAgent, PhoneInterface, str], Awaitable[None]]


async def the_channel_dies(agent: RunningAgent, phone: PhoneInterface, terminal: str) -> None:
    await phone.drop_channel()
    assert phone.path == "relay"
    await answers(phone, terminal)
    await phone.channel_open()
    await on_path(agent, "channel", phone)


async def the_phones_relay_connection_dies(agent: RunningAgent, phone: PhoneInterface, terminal: str) -> None:
    await phone.drop_relay()
    await answers(phone, terminal, "channel")
    await phone.reconnect()
    await on_path(agent, "channel", phone)
    assert await relay_stage(agent) == "waiting"
    await answers(phone, terminal, "channel")
    await pair_again(agent, phone)


async def the_phone_vanishes_and_comes_back(agent: RunningAgent, phone: PhoneInterface, terminal: str) -> None:
    await phone.vanish()
    await arrive(phone, agent.device_id)
    await on_path(agent, "channel", phone)


async def same_bounds(agent: RunningAgent, before: Holdings) -> None:
    """Wait until no UDP socket is open, and no account that was not: a connection may take a moment to close."""

    async def look() -> bool:
        now = await holdings(agent)
        return (now.udp_sockets, now.bounds) == (0, before.bounds)

    await until(look, 15)


async def it_pairs_again_on_both_paths(agent: RunningAgent, phone: PhoneInterface, terminal: str) -> None:
    await pair_again(agent, phone)


@phone_kinds
@pytest.mark.parametrize(
    "scenario",
    [
        the_channel_dies,
        the_phones_relay_connection_dies,
        the_phone_vanishes_and_comes_back,
        it_pairs_again_on_both_paths,
    ],
    ids=lambda scenario: scenario.__name__,
)
async def test_a_path_changes_and_nothing_is_left_over(tmp_path: Path, kind: Kind, scenario: Scenario) -> None:
    async with serving(tmp_path / "state") as agent:
        token = (await agent.invite_legacy())["token"]
        async with open_phone(kind, agent.relay_url, token) as phone:
            nobody = await holdings(agent)
            await arrive(phone, agent.device_id)
            terminal = await phone.create()
            await answers(phone, terminal)
            await scenario(agent, phone, terminal)  # the first connection loads modules
            await answers(phone, terminal)
            before = await holdings(agent)
            assert before.udp_sockets == 1
            for _ in range(ROUNDS):
                await scenario(agent, phone, terminal)
                await answers(phone, terminal)
            await same_holdings(agent, before)
            await phone.terminate(terminal)
        await on_path(agent, None)
        await same_bounds(agent, nobody)
        nothing_went_wrong(agent)


async def test_a_channel_that_falls_silent_is_left_as_soon_as_the_phone_uses_the_relay(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        token = (await agent.invite_legacy())["token"]
        async with Phone(agent.relay_url, token, name="half deaf phone") as phone:
            await arrive(phone, agent.device_id)
            terminal = await phone.create()
            await answers(phone, terminal)
            before = await holdings(agent)
            for _ in range(2):
                await on_path(agent, "channel", phone)
                peer, phone._peer = phone._peer, None
                assert peer is not None
                await peer.vanish()
                await answers(phone, terminal, "relay")
                await phone.channel_open()
            await on_path(agent, "channel", phone)
            await answers(phone, terminal, "channel")
            await same_holdings(agent, before)


@phone_kinds
async def test_another_phone_takes_over_from_one_that_vanished(tmp_path: Path, kind: Kind) -> None:
    async with serving(tmp_path / "state") as agent:
        tokens = [(await agent.invite_legacy())["token"] for _ in range(2)]
        async with (
            open_phone(kind, agent.relay_url, tokens[0], name="first") as first,
            open_phone(kind, agent.relay_url, tokens[1], name="second") as second,
        ):
            await arrive(first, agent.device_id)
            terminal = await first.create()
            await answers(first, terminal)
            before = None
            for going, coming in [(first, second), (second, first), (first, second)]:
                await going.vanish()
                away = coming.mark()
                await arrive(coming, agent.device_id)
                await on_path(agent, "channel", coming)
                sync = await coming.expect("processes:sync", since=away)
                assert [one["uuid"] for one in sync["processes"]] == [terminal]
                await coming.wait_output(terminal, "-so")  # its screen
                await answers(coming, terminal)
                before = before or await holdings(agent)
            await same_holdings(agent, before)
            nothing_went_wrong(agent)
