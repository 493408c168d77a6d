"""A phone that pairs with a link, encrypted end to end: on both paths, with reconnects and refusals."""

import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mobifai.errors import StateError
from mobifai.limits import MAX_FRAME
from mobifai.protocol.noise import KeyPair
from soak.phone.encryption import PhoneKeys
from soak.phone.event_log import PhoneError
from soak.phone.phone import Phone
from tests.integration.counting import numbers, start_counting, stop_counting
from tests.integration.relays import NO_STUN, relaying, sign_in
from tests.support.agent import RunningAgent, run_command, serving
from tests.support.agent_status import (
    answers,
    arrive,
    asked,
    at_relay_stage,
    get_in_again,
    is_encrypted,
    on_path,
    pair_again,
    until,
)
from tests.support.connected import both_paths, connected_phone
from tests.support.phones import open_phone
from tests.support.sealed import sealed_by, sealed_phone


@asynccontextmanager
async def at_work(
    directory: Path, *options: str, channel: bool = False
) -> AsyncIterator[tuple[RunningAgent, Phone, str]]:
    """Connect an encrypting phone with a terminal."""
    async with (
        serving(directory / "state", *options) as agent,
        connected_phone(agent, channel=channel, encrypted=True) as phone,
    ):
        await on_path(agent, "channel" if channel else "relay", phone)
        terminal = await phone.create()
        await answers(phone, terminal)
        yield agent, phone, terminal


@both_paths
async def test_a_phone_that_comes_by_a_link_types_and_sees(tmp_path: Path, channel: bool) -> None:
    async with at_work(tmp_path, channel=channel) as (agent, phone, terminal):
        await phone.type(terminal, "echo $((6 * 7))x\r")
        await phone.wait_output(terminal, "42x")
        assert await is_encrypted(agent) is True
        assert "encrypted end to end" in await agent.command("status")
        assert phone.forged == 0


@pytest.mark.extended
@both_paths
async def test_a_known_phone_needs_no_link_when_it_comes_back(tmp_path: Path, channel: bool) -> None:
    async with at_work(tmp_path, channel=channel) as (agent, phone, terminal):
        for _ in range(3):
            await get_in_again(phone, agent, channel=channel)
            await answers(phone, terminal)
        (known,) = [one for one in await devices(agent) if one["deviceId"] == phone.device_id]
        assert known["e2e"]["name"] == phone.name
        shown = await agent.command("devices", "list")
        assert f"yes, key {known['e2e']['fingerprint']}" in shown


async def devices(agent: RunningAgent) -> list[dict[str, Any]]:
    return list(json.loads(await agent.command("devices", "list", "--json"))["devices"])


@pytest.mark.extended
@both_paths
async def test_a_restarted_agent_knows_the_phone_and_continues_exactly_where_it_was(
    tmp_path: Path, channel: bool
) -> None:
    async with at_work(tmp_path, channel=channel) as (agent, phone, terminal):
        screens = phone.events("process:screen")
        await start_counting(phone, terminal, tmp_path)
        for number in (None, signal.SIGKILL):
            said = len(numbers(phone.output(terminal)))
            await phone.wait_output(terminal, lambda text, said=said: len(numbers(text)) > said + 300)
            before = (await asked(agent))["agent_pid"]
            if number is None:
                await agent.command("restart")
            else:
                os.kill(before, number)
            await until_another_life(agent, before)
            await get_in_again(phone, agent, channel=channel)
        received = await stop_counting(phone, terminal)
        assert received == list(range(1, len(received) + 1))
        assert phone.events("process:screen") == screens
        assert await is_encrypted(agent) is True


async def until_another_life(agent: RunningAgent, before: int) -> None:
    async def look() -> bool:
        with contextlib.suppress(StateError):
            return bool((await asked(agent))["agent_pid"] != before)
        return False

    await until(look, 20)


@pytest.mark.extended
@both_paths
async def test_a_phone_that_changes_its_path_loses_nothing(tmp_path: Path, channel: bool) -> None:
    async with at_work(tmp_path, channel=True) as (agent, phone, terminal):
        await start_counting(phone, terminal, tmp_path)
        for _ in range(2):
            said = len(numbers(phone.output(terminal)))
            await phone.wait_output(terminal, lambda text, said=said: len(numbers(text)) > said + 300)
            if channel:
                await phone.reconnect()  # a relay that comes back leaves the channel alone
                assert (phone.path, phone.paired_with) == ("channel", None)
            else:
                await phone.drop_channel()
                await phone.channel_open()
                await on_path(agent, "channel", phone)
        received = await stop_counting(phone, terminal)
        assert received == list(range(1, len(received) + 1))


@pytest.mark.extended
@both_paths
async def test_a_phone_whose_messages_have_no_order_is_served_as_before(tmp_path: Path, channel: bool) -> None:
    async with (
        serving(tmp_path / "state") as agent,
        connected_phone(agent, channel=channel, encrypted=True, ordered=False) as phone,
    ):
        terminal = await phone.create()
        await answers(phone, terminal)
        if channel:
            await phone.send("terminal:input", {"uuid": terminal, "data": "echo by-$((40 + 2))-relay\r"}, via="relay")
            await phone.wait_output(terminal, "by-42-relay")


@pytest.mark.extended
@both_paths
async def test_nothing_is_lost_when_the_relay_restarts(tmp_path: Path, channel: bool) -> None:
    async with AsyncExitStack() as scope:
        relay = await scope.enter_async_context(relaying(tmp_path / "relay"))
        agent = await scope.enter_async_context(
            serving(tmp_path / "state", "--relay", relay.url, *NO_STUN, ready=False)
        )
        await sign_in(agent, relay)
        phone = await scope.enter_async_context(connected_phone(agent, channel=channel, encrypted=True))
        terminal = await phone.create()
        await start_counting(phone, terminal, tmp_path)
        for _ in range(2):
            said = len(numbers(phone.output(terminal)))
            await phone.wait_output(terminal, lambda text, said=said: len(numbers(text)) > said + 300)
            await relay.stop()
            await phone.until(lambda: not phone.relay_is_up, "the relay to be gone")
            relay = await scope.enter_async_context(relaying(tmp_path / "relay", urlsplit(relay.url).port or 0))
            await at_relay_stage(agent, "waiting")
            assert phone.path == ("channel" if channel else None)
            await until_offered(phone)
            await (pair_again(agent, phone) if channel else phone.pair(agent.device_id))
        received = await stop_counting(phone, terminal)
        assert received == list(range(1, len(received) + 1))
        assert (await asked(agent))["e2e_mode"] == "require"


async def test_a_link_is_for_one_phone(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        invitation = await agent.invite()
        async with sealed_phone(agent.relay_url, invitation["token"], sealed_by(invitation)) as first:
            await arrive(first, agent.device_id, channel=False)
            await first.leave()
            await on_path(agent, None)
        token = (await agent.invite())["token"]
        async with sealed_phone(agent.relay_url, token, sealed_by(invitation)) as second:
            assert await refused(second, agent) == "link-used"
        assert len([one for one in await devices(agent) if one["e2e"]]) == 1


async def refused(phone: Phone, agent: RunningAgent) -> str:
    """Return the reason why the agent refuses a phone."""
    await phone.connect()
    with pytest.raises(PhoneError):
        await phone.pair(agent.device_id)
    return str((await phone.expect("e2e:refused"))["reason"])


@pytest.mark.extended
async def test_the_oldest_of_nine_links_is_void(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        invitations = [dict(await asked(agent, "pair")) for _ in range(9)]
        async with sealed_phone(agent.relay_url, invitations[0]["token"], sealed_by(invitations[0])) as phone:
            assert await refused(phone, agent) == "link-used"
        async with sealed_phone(agent.relay_url, invitations[1]["token"], sealed_by(invitations[1])) as phone:
            await until_offered(phone)
            await phone.pair(agent.device_id)


async def until_offered(phone: Phone) -> None:
    await phone.connect()
    await phone.until(lambda: bool(phone.devices), "the agent to be on offer")


@pytest.mark.extended
async def test_a_restart_of_the_agent_makes_links_void(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        invitation = await agent.invite()
        before = (await asked(agent))["agent_pid"]
        await agent.command("restart")
        await until_another_life(agent, before)
        token = (await agent.invite())["token"]
        async with sealed_phone(agent.relay_url, token, sealed_by(invitation)) as phone:
            await until_offered(phone)
            assert await refused(phone, agent) == "link-used"


async def test_a_phone_that_nobody_invited_is_refused_whatever_token_it_has(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        invitation = await agent.invite()
        known = sealed_by(invitation)
        stranger = PhoneKeys(known.agent_key, known.agent_id, known.key)
        async with sealed_phone(agent.relay_url, invitation["token"], stranger) as phone:
            assert await refused(phone, agent) == "unknown"
            assert phone.processes is None
            assert phone.forged == 0


@pytest.mark.extended
async def test_a_link_to_another_agent_opens_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        invitation = await agent.invite()
        seal = sealed_by(invitation)
        seal.agent_key = KeyPair.generate().public
        async with sealed_phone(agent.relay_url, invitation["token"], seal) as phone:
            assert await refused(phone, agent) == "broken"


@pytest.mark.extended
@both_paths
async def test_a_phone_is_revoked_while_it_works(tmp_path: Path, channel: bool) -> None:
    async with at_work(tmp_path, channel=channel) as (agent, phone, terminal):
        trace = tmp_path / "trace"
        assert "Revoked" in await agent.command("devices", "revoke", phone.device_id)
        with contextlib.suppress(PhoneError):
            await phone.type(terminal, f"touch {trace}\r")
        await phone.until(lambda: phone.path is None and not phone.channel_is_open, "to be cut off", 5)
        assert (await phone.expect("e2e:refused"))["reason"] == "revoked"
        await on_path(agent, None)
        assert phone.device_id not in await agent.command("devices", "list")
        assert not trace.exists()


async def test_a_phone_is_revoked_on_the_channel_alone(tmp_path: Path) -> None:
    async with at_work(tmp_path, channel=True) as (agent, phone, _):
        await phone.drop_relay()
        await agent.command("devices", "revoke", phone.device_id)
        await phone.until(lambda: not phone.channel_is_open, "the channel to be cut", 5)


async def test_a_known_phone_does_not_come_in_without_encryption(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (agent, phone, _):
        await phone.leave()
        await on_path(agent, None)
        async with sealed_phone(agent.relay_url, phone.token, None, device_id=phone.device_id) as plain:
            with pytest.raises(PhoneError, match="for a client that encrypts"):
                await plain.connect()


@pytest.mark.extended
async def test_with_require_no_legacy_app_is_invited_and_others_come(tmp_path: Path) -> None:
    async with at_work(tmp_path, "--e2e", "require") as (agent, phone, terminal):
        await phone.leave()
        await on_path(agent, None)
        status, _, stderr = await run_command("pair", "--legacy", "--state-dir", str(agent.state_dir))
        assert status == 1
        assert "start it with `mobifai serve --e2e allow`" in stderr
        await arrive(phone, agent.device_id, channel=False)
        await answers(phone, terminal)


@pytest.mark.extended
async def test_with_require_a_legacy_app_of_before_learns_why_it_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        token = (await agent.invite_legacy())["token"]
        async with open_phone("python", agent.relay_url, token) as app:
            await app.connect()
            device_id = app.device_id
    async with serving(tmp_path / "state", "--e2e", "require") as agent:
        async with open_phone("python", agent.relay_url, token, device_id=device_id) as app:
            await app.connect()
            with pytest.raises(PhoneError, match="only phones with end-to-end encryption"):
                await app.pair(agent.device_id)
            assert app.processes is None


@pytest.mark.extended
@pytest.mark.parametrize("where", ["variable", "file"])
async def test_require_can_be_set_for_good(tmp_path: Path, where: str) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text('e2e = "require"\n' if where == "file" else "")
    environment = {"MOBIFAI_CONFIG": str(settings), **({"MOBIFAI_E2E": "require"} if where == "variable" else {})}
    async with serving(tmp_path / "state", environment=environment) as agent:
        assert (await asked(agent))["e2e_mode"] == "require"


@pytest.mark.extended
async def test_a_legacy_app_is_shown_as_one(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent, "node") as app:
            await on_path(agent, "channel", app)
            assert "no, legacy app" in await agent.command("devices", "list")
            assert "the relay could pose as the phone" in await agent.command("status")
            assert await is_encrypted(agent) is False


@pytest.mark.extended
async def test_a_broken_session_is_reported_once_and_the_phone_comes_again(tmp_path: Path) -> None:
    async with at_work(tmp_path) as (agent, phone, terminal):
        assert phone._link is not None
        for _ in range(3):
            await phone._link.emit("e2e:sealed", {"data": "AAAA" * 10})
        await phone.until(lambda: phone.paired_with is None, "the session to end")
        assert (await phone.expect("e2e:refused"))["reason"] == "broken"
        await until_offered(phone)
        await phone.pair(agent.device_id)
        await answers(phone, terminal)
        assert agent.log.read_text().count("(reason: broken)") == 1


@pytest.mark.extended
async def test_nothing_is_sent_to_a_phone_that_has_not_shown_who_it_is(tmp_path: Path) -> None:
    """The phone claims to encrypt, but has no key, and waits."""
    async with serving(tmp_path / "state") as agent:
        token = (await agent.invite())["token"]
        async with sealed_phone(agent.relay_url, token, None, features=("e2e", "ack", "resume"), webrtc=True) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            trace = tmp_path / "trace"
            for event, payload in (
                ("process:create", {"uuid": "one"}),
                ("terminal:input", f"touch {trace}\r"),
                ("e2e:ready", {}),
            ):
                await phone.send(event, payload)
            await phone.send("e2e:hello", {"message": "?"})
            assert (await phone.expect("e2e:refused"))["reason"] == "broken"
            assert phone.processes is None
            assert phone.events("webrtc:offer") == phone.events("process:created") == phone.events("process:error") == 0
        assert (await asked(agent))["terminals"] == []


@pytest.mark.extended
@both_paths
async def test_a_phone_asks_how_the_agent_is(tmp_path: Path, channel: bool) -> None:
    async with at_work(tmp_path, channel=channel) as (agent, phone, _):
        await phone.send("system:health", {})
        answer = await phone.expect("system:health")
        status = await asked(agent)
        assert answer["version"] == status["version"]
        assert answer["terminals"] == 1
        assert answer["memoryBytes"] > 10**6
        assert answer["worstCaseBytes"] == status["worst_case_bytes"]
        assert {"label": "Version", "value": status["version"], "unit": ""} in answer["facts"]
        assert [one["name"] for one in answer["bounds"]] == [one["name"] for one in status["bounds"]]
        assert all(one["used"] <= one["capacity"] for one in answer["bounds"])
        assert len(json.dumps(answer)) < MAX_FRAME / 2
        await phone.send("system:echo", {"nonce": "there-and-back"})
        assert await phone.expect("system:echo") == {"nonce": "there-and-back"}


@pytest.mark.extended
async def test_the_secret_of_a_link_is_in_no_log_and_no_file(tmp_path: Path) -> None:
    async with serving(tmp_path / "state", "--log-level", "debug") as agent:
        invitation = await agent.invite()
        fragment = invitation["link"].partition("#")[2]
        secret = fragment.split(".")[2]
        async with sealed_phone(agent.relay_url, invitation["token"], sealed_by(invitation)) as phone:
            await arrive(phone, agent.device_id, channel=False)
        assert "#1." not in agent.log.read_text()
        for file in (one for one in agent.state_dir.rglob("*") if one.is_file()):
            content = file.read_bytes()
            assert secret.encode() not in content
            assert sealed_by(invitation).psk not in content
        for name in ("e2e.json", "phones.json"):
            assert (agent.state_dir / name).stat().st_mode & 0o777 == 0o600
