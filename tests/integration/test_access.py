"""The access rules of the installed product, against eavesdroppers, owners of a code, and other accounts."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from soak.phone.encryption import InvitationLink
from soak.phone.event_log import PhoneError
from soak.phone.phone import Phone
from tests.integration.relays import NO_STUN, RunningRelay, relaying, sign_in
from tests.relay.test_upgrade import FIRST_VERSION
from tests.support.agent import RunningAgent, run_command, serving
from tests.support.agent_status import answers, arrive, asked, at_relay_stage, on_path, until
from tests.support.phones import open_phone
from tests.support.sealed import sealed_by, sealed_phone


async def post(url: str, path: str, **content: Any) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.post(url + path, json=content) as response:
        return response.status, dict(await response.json())


async def page_signs_in(invitation: dict[str, Any], device_id: str) -> str:
    """Send the page's request for a link. Without TLS, an eavesdropper sees the request and the answer."""
    link = InvitationLink.read(invitation["link"])
    status, answer = await post(
        link.page.rstrip("/"), "/api/sign-in", deviceId=device_id, type="mobile", kind="e2e", code=link.code
    )
    assert status == 200, answer
    return str(answer["token"])


async def listener_gets_nothing(agent: RunningAgent, token: str, device_id: str) -> None:
    """Try a page's token and device id: as a legacy app, and as a client that claims to encrypt."""
    async with sealed_phone(agent.relay_url, token, None, features=(), device_id=device_id) as plain:
        with pytest.raises(PhoneError, match=r"client that encrypts|revoked"):
            await plain.connect()
    async with sealed_phone(agent.relay_url, token, None, features=("e2e",), device_id=device_id) as liar:
        try:
            await liar.connect()
            await liar.pair(agent.device_id)
        except PhoneError as error:
            assert "revoked" in str(error)
            return
        await liar.send("process:create", {"uuid": "11111111-1111-4111-8111-111111111111"})
        await liar.leave()
        assert liar.processes is None
    assert (await asked(agent))["terminals"] == []


async def test_who_listens_while_a_page_signs_in_gets_nothing_at_any_moment(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        device_id = "01234567-89ab-4cde-8f01-23456789abcd"
        invitation = await agent.invite()
        await listener_gets_nothing(agent, invitation["token"], "another-device")
        invitation = await agent.invite()
        token = await page_signs_in(invitation, device_id)
        await listener_gets_nothing(agent, token, device_id)  # before the agent knows the page's key
        async with sealed_phone(agent.relay_url, token, sealed_by(invitation), device_id=device_id) as page:
            await arrive(page, agent.device_id, channel=False)
            await on_path(agent, "relay", page)
        await on_path(agent, None)
        await listener_gets_nothing(agent, token, device_id)
        await agent.command("devices", "revoke", device_id)
        await listener_gets_nothing(agent, token, device_id)
        assert invitation["code"] not in agent.log.read_text()


async def test_wrong_tries_of_others_cost_the_owner_s_link_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        invitation, legacy = await agent.invite(), await agent.invite_legacy()
        for number in range(25):
            guess = "AAAA-AAAA" if number % 2 else "A" * len(invitation["code"])
            status, _ = await post(agent.relay_url, "/api/sign-in", deviceId="x", type="mobile", code=guess)
            assert status in (403, 429)
        token = await page_signs_in(invitation, "page-1")
        async with sealed_phone(agent.relay_url, token, sealed_by(invitation), device_id="page-1") as page:
            await arrive(page, agent.device_id, channel=False)
        async with open_phone("python", agent.relay_url, legacy["token"], webrtc=False) as app:
            await arrive(app, agent.device_id, channel=False)


async def test_no_invitation_makes_another_agent_of_a_machine(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        for invitation in (await agent.invite(), await agent.invite_legacy()):
            mac = {"deviceId": agent.device_id, "type": "mac", "code": invitation["code"]}
            for device_id in (agent.device_id, "evil"):
                assert (await post(agent.relay_url, "/api/sign-in", **{**mac, "deviceId": device_id}))[0] == 403
        listed = json.loads(await agent.command("devices", "list", "--json"))["devices"]
        assert [(one["deviceId"], one["connected"]) for one in listed] == [(agent.device_id, True)]
        token = (await agent.invite_legacy())["token"]
        async with open_phone("python", agent.relay_url, token, webrtc=False) as phone:
            await arrive(phone, agent.device_id, channel=False)
            headers = {"Authorization": f"Bearer {phone.token}"}
            async with aiohttp.ClientSession(agent.relay_url, headers=headers) as session:
                for method, path in (("POST", "pairing"), ("GET", "devices"), ("DELETE", f"devices/{agent.device_id}")):
                    async with session.request(method, f"/api/{path}") as response:
                        assert response.status == 403
            await answers(phone, await phone.create())


async def test_a_legacy_app_of_an_earlier_version_still_gets_in(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        async with open_phone("python", agent.relay_url, (await agent.invite_legacy())["token"], webrtc=False) as app:
            await app.connect()
            token, device_id, agent_id = app.token, app.device_id, agent.device_id
    path = tmp_path / "state" / "relay.sqlite"
    with closing(sqlite3.connect(path)) as database:
        (token_id,) = database.execute("SELECT token_id FROM devices WHERE device_id = ?", (device_id,)).fetchone()
    path.unlink()
    with closing(sqlite3.connect(path)) as database:
        database.executescript(FIRST_VERSION)
        row = (device_id, "owner", "mobile", "App", "04", token_id, 1.0, 1.0, None)
        database.execute("INSERT INTO devices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        database.commit()
    async with serving(tmp_path / "state") as agent:
        async with open_phone("python", agent.relay_url, token, device_id=device_id, webrtc=False) as app:
            await arrive(app, agent_id, channel=False)
            await answers(app, await app.create())


# -- two owners on one relay


@dataclass
class Owner:
    """An account's agent, and a phone that it invited."""

    agent: RunningAgent
    phone: Phone


@asynccontextmanager
async def owner(relay: RunningRelay, folder: Path, account: str) -> AsyncIterator[Owner]:
    words = ("relay", "account", "add", account, "--json", "--state-dir", str(relay.state_dir))
    status, out, err = await run_command(*words)
    assert (status, err) == (0, "")
    async with serving(folder / account, "--relay", relay.url, *NO_STUN, ready=False) as agent:
        await sign_in(agent, relay, json.loads(out)["code"])
        invitation = await agent.invite()
        async with sealed_phone(relay.url, invitation["token"], sealed_by(invitation), name=f"{account}'s") as phone:
            await phone.connect()
            yield Owner(agent, phone)


async def has_arrived(one: Owner) -> bool:
    try:
        await arrive(one.phone, one.agent.device_id, channel=False)
    except PhoneError:
        return False
    return True


async def test_two_owners_on_one_relay_have_nothing_of_each_other(tmp_path: Path) -> None:
    async with AsyncExitStack() as scope:
        relay = await scope.enter_async_context(relaying(tmp_path / "relay"))
        anna = await scope.enter_async_context(owner(relay, tmp_path, "anna"))
        bea = await scope.enter_async_context(owner(relay, tmp_path, "bea"))
        await anna.phone.until(lambda: bool(anna.phone.devices), "the agent on offer")
        assert [one["deviceId"] for one in anna.phone.devices] == [anna.agent.device_id]
        refusals = []
        for target in (bea.agent.device_id, "nobody"):
            with pytest.raises(PhoneError) as refused:
                await anna.phone.pair(target)
            refusals.append(str(refused.value))
        assert refusals[0] == refusals[1]
        for target in (bea.agent.device_id, bea.phone.device_id, "nobody"):
            with pytest.raises(AssertionError, match="expected the id of a paired device"):
                await anna.agent.command("devices", "revoke", target)
        listed = json.loads(await anna.agent.command("devices", "list", "--json"))["devices"]
        assert {one["deviceId"] for one in listed} == {anna.agent.device_id, anna.phone.device_id}
        for one in (anna, bea):
            await until(lambda one=one: has_arrived(one), 20)  # an agent that revokes connects to its relay again
            await answers(one.phone, await one.phone.create())
        shown = await relay_command(relay, "list")
        assert shown.splitlines() == ["owner: 0 agents, 0 phones", "anna: 1 agent, 1 phone", "bea: 1 agent, 1 phone"]
        await relay_command(relay, "remove", "bea")
        await bea.phone.until(lambda: not bea.phone.relay_is_up, "to be disconnected")
        await at_relay_stage(bea.agent, "sign-in")
        await answers(anna.phone, await anna.phone.create())
        assert "bea" not in await relay_command(relay, "list")


async def relay_command(relay: RunningRelay, *words: str) -> str:
    status, out, err = await run_command("relay", "account", *words, "--state-dir", str(relay.state_dir))
    assert (status, err) == (0, "")
    return out


async def test_an_account_of_a_stopped_relay_is_there_when_it_starts_with_its_invitation(tmp_path: Path) -> None:
    state = ("--state-dir", str(tmp_path / "relay"))
    status, out, _ = await run_command("relay", "account", "add", "anna", *state)
    assert status == 0
    assert "mobifai serve --relay" in out
    code = out.partition("Pairing code:")[2].split()[0]
    async with relaying(tmp_path / "relay") as relay:
        async with serving(tmp_path / "state", "--relay", relay.url, *NO_STUN, ready=False) as agent:
            await sign_in(agent, relay, code)
        assert (await relay_command(relay, "list")).splitlines()[1] == "anna: 1 agent, 0 phones"
    assert "anna" not in (await run_command("relay", "account", "remove", "anna", *state))[2]
    assert (await run_command("relay", "account", "list", *state))[1] == "owner: 0 agents, 0 phones\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["add", "Anna"], "expected an account name of 1 to 32 lower-case letters"),
        (["add", ""], "expected an account name"),
        (["add", "a\x1b[31mb"], "expected an account name"),
        (["add", "owner"], "the account 'owner' already exists"),
        (["remove", "nobody"], "`mobifai relay account list` lists"),
        (["invite", "nobody"], "`mobifai relay account list` lists"),
        (["remove", "owner"], "can't be removed"),
    ],
)
@pytest.mark.parametrize("runs", [True, False], ids=["running", "stopped"])
async def test_an_account_that_can_not_be_is_refused_in_one_sentence(
    tmp_path: Path, words: list[str], message: str, runs: bool
) -> None:
    async with AsyncExitStack() as scope:
        if runs:
            await scope.enter_async_context(relaying(tmp_path / "relay"))
        status, out, err = await run_command("relay", "account", *words, "--state-dir", str(tmp_path / "relay"))
    assert (status, out) == (1, "")
    assert message in err
    assert err.count("\n") == 1
    assert "\x1b" not in err


async def test_the_relay_of_an_agent_has_no_accounts_to_change(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        state = ("--state-dir", str(agent.state_dir))
        for words in (["add", "anna"], ["list"], ["remove", "anna"]):
            status, out, err = await run_command("relay", "account", *words, *state)
            assert (status, out) == (1, "")
            assert "found that of `mobifai serve`" in err
        status, _, err = await run_command("relay", "account", "invite", "owner", *state)
        assert status == 1


# -- an invitation of the wrong kind


async def test_an_invitation_of_the_wrong_kind_gets_a_sentence_with_the_remedy(tmp_path: Path) -> None:
    async with relaying(tmp_path / "relay") as relay, serving(tmp_path / "own") as own:
        status, _, err = await run_command("pair", "--legacy", "--state-dir", str(relay.state_dir))
        assert status == 1
        assert "a standalone relay only invites agents" in err
        link, legacy = await own.invite(), await own.invite_legacy()
        form = {"deviceId": "app-1", "type": "mobile", "code": link["code"]}
        async with aiohttp.ClientSession() as session, session.post(f"{own.relay_url}/login", data=form) as answer:
            assert answer.status == 403
            assert "for a client that encrypts; `mobifai pair --legacy` invites" in await answer.text()
        form["code"] = link["link"]
        async with aiohttp.ClientSession() as session, session.post(f"{own.relay_url}/login", data=form) as answer:
            assert "found the link of a client that encrypts" in (text := await answer.text())
            assert "`mobifai pair --legacy` shows a code" in text
        page = {"deviceId": "page-1", "type": "mobile", "kind": "e2e", "code": legacy["code"]}
        status, message = await post(own.relay_url, "/api/sign-in", **page)
        assert status == 403
        assert "`mobifai pair` shows the link" in message["message"]
        agent = {"deviceId": "agent-1", "type": "mac", "code": (await relay.invite())["code"]}
        assert (await post(relay.url, "/api/sign-in", **{**agent, "type": "mobile"}))[0] == 403
        assert (await post(relay.url, "/api/sign-in", **agent))[0] == 200
