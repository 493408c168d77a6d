"""The agent with a legacy relay: sign-in, pairings announced twice, and events that the relay drops."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from soak.phone.event_log import Json
from soak.phone.interface import PhoneInterface
from tests.integration.relays import NO_STUN, login_url, ready
from tests.support.agent import RunningAgent, run_command, serving
from tests.support.agent_status import (
    answers,
    arrive,
    asked,
    at_relay_stage,
    holdings,
    nothing_went_wrong,
    on_path,
    same_holdings,
    until_running,
    until_stopped,
)
from tests.support.eventually import eventually
from tests.support.legacy_relay import LegacyRelay
from tests.support.phones import Kind, open_phone, phone_kinds

pytestmark = pytest.mark.extended


@asynccontextmanager
async def agent_at(relay: LegacyRelay, state_dir: Path) -> AsyncIterator[RunningAgent]:
    """Run an agent that is signed in to this relay."""
    async with serving(state_dir, "--relay", relay.url, "--e2e", "allow", *NO_STUN, ready=False) as agent:
        await sign_in(agent, relay)
        yield agent
        nothing_went_wrong(agent)


async def sign_in(agent: RunningAgent, relay: LegacyRelay) -> None:
    if not tokens(agent):
        await login_url(agent)
        await relay.sign_in(relay.device_ids()[0])
    await ready(agent)


def tokens(agent: RunningAgent) -> dict[str, str]:
    """Return the agent's stored tokens by relay."""
    file = agent.state_dir / "tokens.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def sent(relay: LegacyRelay, agent: RunningAgent, event: str) -> list[Json]:
    """Return the agent's messages of an event."""
    return [seen.payload for seen in relay.seen if seen.device_id == agent.device_id and seen.event == event]


async def test_the_agent_is_signed_in_once_and_keeps_its_token(tmp_path: Path) -> None:
    async with LegacyRelay() as relay:
        async with serving(tmp_path / "state", "--relay", relay.url, *NO_STUN, ready=False) as agent:
            url = await login_url(agent)
            assert url.startswith(f"{relay.url}/login?deviceId=")
            assert url.endswith("&type=mac")
            assert not agent.ready_file.exists()
            await relay.sign_in(relay.device_ids()[0])
            await ready(agent)
            assert tokens(agent).keys() == {relay.url}
            assert (agent.state_dir / "tokens.json").stat().st_mode & 0o777 == 0o600
            shown = agent.log.read_text().count("Sign in at")
            assert await agent.stop() == 0
        async with serving(tmp_path / "state", "--relay", relay.url, *NO_STUN) as agent:
            assert agent.log.read_text().count("Sign in at") == shown
            registered = [seen.payload for seen in relay.seen if seen.event == "register"]
            assert [one.get("token") for one in registered] == [None, tokens(agent)[relay.url]]


async def test_a_refused_token_is_dropped_and_sign_in_starts_again(tmp_path: Path) -> None:
    async with LegacyRelay() as relay:
        async with agent_at(relay, tmp_path / "state") as agent:
            old = tokens(agent)[relay.url]
            await relay.stop()
            await at_relay_stage(agent, "offline")
            # Another relay at the same address: it knows none of the tokens.
            async with LegacyRelay(port=relay.port) as other:
                await eventually(lambda: not tokens(agent))
                await login_url(agent, times=2)
                registered = [seen.payload for seen in other.seen if seen.event == "register"]
                assert [one.get("token") for one in registered] == [old, None]
                await other.sign_in(agent.device_id)
                await eventually(lambda: tokens(agent).keys() == {other.url})
                assert tokens(agent)[other.url] != old
                await at_relay_stage(agent, "waiting")


@phone_kinds
@pytest.mark.parametrize("early", [False, True], ids=["twice", "early"])
async def test_a_pairing_announced_twice_makes_one_channel(tmp_path: Path, kind: Kind, early: bool) -> None:
    async with LegacyRelay(stale_verified=early) as relay, agent_at(relay, tmp_path / "state") as agent:
        async with open_phone(kind, relay.url, relay.token()) as phone:
            before = None
            for number in (1, 2, 3):
                await arrive(phone, agent.device_id)
                await on_path(agent, "channel", phone)
                assert len(sent(relay, agent, "webrtc:offer")) == number
                assert len(sent(relay, agent, "handshake:confirmed")) >= number
                terminal = await phone.create()
                await answers(phone, terminal)
                await phone.terminate(terminal)
                before = before or await holdings(agent)
                assert before.udp_sockets == 1
                if number == 3:
                    await same_holdings(agent, before)
                await phone.leave()
                await on_path(agent, None)
        assert agent.log.read_text().count("does not let the agent verify") == 1


@phone_kinds
async def test_terminals_are_made_on_the_channel_and_go_on_over_the_relay(tmp_path: Path, kind: Kind) -> None:
    async with LegacyRelay() as relay, agent_at(relay, tmp_path / "state") as agent:
        async with open_phone(kind, relay.url, relay.token()) as phone:
            await arrive(phone, agent.device_id)
            terminal = await phone.create()
            await answers(phone, terminal)
            for _ in range(2):
                await phone.drop_channel()
                await on_path(agent, "relay", phone)
                await answers(phone, terminal, "relay")
                await only_dropped(relay, phone)
                await phone.channel_open()
                await on_path(agent, "channel", phone)
                await answers(phone, terminal, "channel")
            await phone.leave()

        async with open_phone(kind, relay.url, relay.token(), webrtc=False, name="relay phone") as phone:
            await arrive(phone, agent.device_id, channel=False)
            await phone.wait_output(terminal, "-so")  # the screen, as output: that relay drops process:screen
            await answers(phone, terminal, "relay")
            await phone.send("terminal:input", "echo bare-$((6*7))\r")
            await phone.wait_output(terminal, "bare-42")


async def only_dropped(relay: LegacyRelay, phone: PhoneInterface) -> None:
    await phone.send("process:create", {"uuid": "never-made"}, "relay")
    await eventually(lambda: [seen.dropped for seen in relay.seen if seen.event == "process:create"][-1:] == [True])


async def test_a_relay_that_lets_no_agent_manage_phones_is_explained(tmp_path: Path) -> None:
    async with LegacyRelay() as relay, agent_at(relay, tmp_path / "state") as agent:
        for words in (["pair"], ["devices", "list"], ["devices", "revoke", "some-device"]):
            status, out, err = await run_command(*words, "--state-dir", str(agent.state_dir))
            assert (status, out) == (1, "")
            assert "Traceback" not in err
            assert relay.url in err


async def test_a_relay_that_goes_just_as_the_channel_opens_leaves_no_program_waiting(tmp_path: Path) -> None:
    async with LegacyRelay() as relay, agent_at(relay, tmp_path / "state") as agent:
        async with open_phone("python", relay.url, relay.token(), keep_output=False) as phone:
            await arrive(phone, agent.device_id)
            terminal = await phone.create()
            await phone.type(terminal, "yes\r")
            await phone.until(lambda: phone.totals(terminal).bytes > 1 << 20, "a megabyte of output", 30)
            shell = psutil.Process((await asked(agent))["terminals"][0]["pid"])
            program = shell.children()[0]
            await phone.leave()
            await on_path(agent, None)
            await until_running(program)
            phone.forget_output(terminal)
            await arrive(phone, agent.device_id)
            await relay.stop()
            await phone.until(lambda: phone.totals(terminal).bytes > 1 << 20, "more output", 30)
            await on_path(agent, "channel", phone)
            await phone.leave()
            await on_path(agent, None)
            await until_running(program)


class StuckRelay(LegacyRelay):
    """While it is not released, it takes nothing more from an agent that has sent its offer.

    Phones' answers wait for `answers`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.released, self.answers = asyncio.Event(), asyncio.Event()
        self._stuck: set[str] = set()

    async def _received(self, event: str, sid: str, payload: Json = None) -> None:
        if sid in self._stuck:
            await self.released.wait()
        if event == "webrtc:answer":
            await self.answers.wait()
        await super()._received(event, sid, payload)
        if event == "webrtc:offer" and not self.released.is_set():
            self._stuck.add(sid)


async def test_a_relay_that_takes_nothing_more_does_not_hold_up_the_channel(tmp_path: Path) -> None:
    async with StuckRelay() as relay, agent_at(relay, tmp_path / "state") as agent:
        async with open_phone("python", relay.url, relay.token(), keep_output=False) as phone:
            relay.released.set()
            relay.answers.set()
            await arrive(phone, agent.device_id)
            terminal = await phone.create()
            await phone.type(terminal, "yes\r")
            await phone.until(lambda: phone.totals(terminal).bytes > 1 << 20, "a megabyte of output", 30)
            shell = psutil.Process((await asked(agent))["terminals"][0]["pid"])
            await phone.leave()
            await on_path(agent, None)
            relay.released.clear()
            relay.answers.clear()
            await arrive(phone, agent.device_id, channel=False)
            await until_stopped(shell.children()[0])  # the queue for the relay is full
            relay.answers.set()
            await phone.channel_open()
            await phone.type(terminal, "\x03", "channel")
            await answers(phone, terminal, "channel")
            relay.released.set()
