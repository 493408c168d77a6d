"""Two accounts on one relay: neither can use, change or observe anything of the other."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mobifai.errors import AccountError, LimitReached
from mobifai.protocol.codes import ClientKind
from tests.relay.device import Device, pair
from tests.relay.place import Place, open_place
from tests.support.strangers import stranger


@dataclass
class Household:
    """One account's agent and phone, signed in."""

    agent: Device
    phone: Device


@asynccontextmanager
async def household(place: Place, account: str, agent_id: str, phone_id: str) -> AsyncIterator[Household]:
    async with (
        Device("mac", agent_id, place.token("agent", account)).connected(place.url) as agent,
        Device("mobile", phone_id, place.token("legacy", account)).connected(place.url) as phone,
    ):
        await agent.sign_in(deviceName=f"{account}'s laptop", tabCount=1)
        await phone.sign_in(deviceName=f"{account}'s phone")
        await phone.hear("available_devices")
        await agent.hear("waiting_for_peer")
        yield Household(agent, phone)


@asynccontextmanager
async def two(
    tmp_path: Path, limits: dict[str, int] | None = None
) -> AsyncIterator[tuple[Place, Household, Household]]:
    async with AsyncExitStack() as scope:
        place = await scope.enter_async_context(open_place(tmp_path, limits))
        place.relay.add_account("bea")
        anna = await scope.enter_async_context(household(place, "owner", "agent-a", "phone-a"))
        bea = await scope.enter_async_context(household(place, "bea", "agent-b", "phone-b"))
        yield place, anna, bea


async def _ask(place: Place, method: str, path: str, token: object, **options: Any) -> tuple[int, Any]:
    async with place.ask(method, path, str(token), **options) as response:
        return response.status, await response.json()


async def test_a_phone_is_offered_the_agents_of_its_own_account_only(tmp_path: Path) -> None:
    async with two(tmp_path) as (place, anna, bea):
        await bea.phone.register()
        offered = await bea.phone.hear("available_devices")
        assert [one["deviceId"] for one in offered] == ["agent-b"]
        await pair(anna.phone, anna.agent)
        await anna.agent.say("terminal:output", {"uuid": "t", "data": "secret"})
        await anna.phone.hear("terminal:output")
        await place.relay.revoke("phone-a")
        for device in (bea.phone, bea.agent):
            await device.settle()
            assert [event for event, _ in device.received if event != "authenticated"] == []


async def test_an_agent_of_another_account_is_like_one_that_does_not_exist(tmp_path: Path) -> None:
    async with two(tmp_path) as (_, anna, bea):
        answers = []
        for target in ("agent-b", "nobody"):
            await anna.phone.say("request_connection", {"targetDeviceId": target})
            error, offered = await anna.phone.hear("error"), await anna.phone.hear("available_devices")
            answers.append((error, offered))
        assert answers[0] == answers[1]
        await bea.agent.settle()
        assert not any(event == "handshake:initiate" for event, _ in bea.agent.received)


@pytest.mark.parametrize("device", ["agent-b", "phone-b"])
async def test_an_agent_can_neither_revoke_nor_find_devices_of_another_account(tmp_path: Path, device: str) -> None:
    async with two(tmp_path) as (place, anna, bea):
        theirs = await _ask(place, "DELETE", f"/api/devices/{device}", anna.agent.token)
        nobodys = await _ask(place, "DELETE", "/api/devices/nobody", anna.agent.token)
        assert theirs == nobodys
        assert theirs[0] == 404
        _, listed = await _ask(place, "GET", "/api/devices", anna.agent.token)
        assert [one["deviceId"] for one in listed["devices"]] == ["agent-a", "phone-a"]
        for one in (bea.agent, bea.phone):
            assert (await _ask(place, "GET", "/api/me", one.token))[1]["id"] == "bea"


async def test_settings_are_those_of_one_account(tmp_path: Path) -> None:
    async with two(tmp_path) as (place, anna, bea):
        await _ask(place, "PUT", "/api/settings", anna.phone.token, json={"theme": "dark"})
        await anna.agent.hear("settings:updated")
        assert (await _ask(place, "GET", "/api/settings", bea.phone.token))[1] == {}
        for device in (bea.phone, bea.agent):
            await device.settle()
            assert not any(event == "settings:updated" for event, _ in device.received)


async def test_the_same_device_id_in_two_accounts_is_two_devices(tmp_path: Path) -> None:
    async with two(tmp_path) as (place, anna, bea):
        async with household(place, "bea", "agent-a", "phone-a") as double:
            await anna.phone.settle()
            assert anna.phone.client.connected  # a newer connection replaces an older one of its own account only
            await pair(anna.phone, anna.agent)
            await pair(double.phone, double.agent)
            await place.relay.revoke("phone-a", "bea")
            await double.phone.gone.wait()
            assert (await _ask(place, "GET", "/api/me", anna.phone.token))[0] == 200
            assert (await _ask(place, "GET", "/api/me", double.phone.token))[0] == 401
        assert bea.agent.client.connected


async def test_an_invitation_gives_access_to_its_own_account(tmp_path: Path) -> None:
    async with two(tmp_path) as (place, _, bea):
        _, made = await _ask(place, "POST", "/api/pairing", bea.agent.token, json={"kind": "legacy"})
        asked = {"deviceId": "new", "type": "mobile", "code": made["code"]}
        _, answer = await _ask(place, "POST", "/api/sign-in", "", json=asked)
        assert (answer["user"]["id"], answer["user"]["name"]) == ("bea", "bea")
        assert {one.device_id for one in place.relay.devices("bea")} == {"agent-b", "phone-b", "new"}


async def test_an_account_that_fills_its_limits_leaves_the_others_theirs(tmp_path: Path) -> None:
    limits = {"relay.devices": 3, "relay.codes": 2, "relay.settings": 40, "relay.account_sockets": 2}
    async with two(tmp_path, limits) as (place, anna, bea):
        _, kept = await _ask(place, "POST", "/api/pairing", bea.agent.token)
        for _ in range(5):
            await _ask(place, "POST", "/api/pairing", anna.agent.token)
        full = {"key": "x" * 25}
        assert (await _ask(place, "PUT", "/api/settings", anna.phone.token, json=full))[0] == 200
        async with Device("mobile", "third", place.token()).connected(place.url) as third:
            await third.register()
            assert "which is its limit" in (await third.hear("error"))["message"]
        asked = {"deviceId": "fourth", "type": "mobile", "code": place.invite().code}
        assert (await _ask(place, "POST", "/api/sign-in", "", json=asked))[0] == 403
        asked = {"deviceId": "page-b", "type": "mobile", "code": kept["code"]}
        assert (await _ask(place, "POST", "/api/sign-in", "", json=asked))[0] == 200
        assert (await _ask(place, "PUT", "/api/settings", bea.phone.token, json=full))[0] == 200


@pytest.mark.parametrize("accounts", [1, 2, 3])
async def test_accounts_that_take_all_connections_make_room_for_another(tmp_path: Path, accounts: int) -> None:
    limits = {"relay.sockets": 16, "relay.account_sockets": 12}
    async with AsyncExitStack() as scope:
        place = await scope.enter_async_context(open_place(tmp_path, limits))
        for name in range(accounts):
            place.relay.add_account(f"a{name}")
        place.relay.add_account("bea")
        for number in range(12):
            account = f"a{number % accounts}"
            device = Device("mobile", f"phone-{number}", place.token("legacy", account))
            await scope.enter_async_context(device.connected(place.url))
            await device.sign_in()
        for _ in range(4):
            await scope.enter_async_context(Device("mobile").connected(place.url))  # from a known address
        async with stranger(place.relay.port) as one:
            assert "101" in await one.upgrade()
        async with household(place, "bea", "agent-b", "phone-b") as bea:
            await pair(bea.phone, bea.agent)


async def test_a_removed_account_ends_immediately_and_its_name_restores_nothing(tmp_path: Path) -> None:
    async with two(tmp_path) as (place, anna, bea):
        await pair(bea.phone, bea.agent)
        unused = place.invite("legacy", "bea")
        place.relay.remove_account("bea")
        for device in (bea.phone, bea.agent):
            assert "removed" in (await device.hear("auth_error"))["message"]
            await device.gone.wait()
        for again in (False, True):
            if again:
                place.relay.add_account("bea")
                assert place.relay.devices("bea") == []
            for token in (bea.phone.token, bea.agent.token):
                assert (await _ask(place, "GET", "/api/me", token))[0] == 401
            async with Device("mobile", "phone-b", unused.token).connected(place.url) as late:
                await late.register()
                await late.hear("auth_error")
            asked = {"deviceId": "late", "type": "mobile", "code": unused.code}
            assert (await _ask(place, "POST", "/api/sign-in", "", json=asked))[0] == 403
        await pair(anna.phone, anna.agent)


async def test_accounts_and_the_invitations_of_agents_outlast_a_restart(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        made = place.relay.add_account("bea")
        phone = place.invite("legacy", "bea")
        used = place.invite("agent", "bea")
        async with Device("mac", "first", used.token).connected(place.url) as agent:
            await agent.sign_in()
    async with open_place(tmp_path) as place:
        asked = {"deviceId": "second", "type": "mac", "code": made.code}
        status, answer = await _ask(place, "POST", "/api/sign-in", "", json=asked)
        assert (status, answer["user"]["id"]) == (200, "bea")
        for gone in (made, used, phone):
            assert (await _ask(place, "POST", "/api/sign-in", "", json=asked | {"code": gone.code}))[0] == 403
    async with open_place(tmp_path) as place:
        assert [one.device_id for one in place.relay.devices("bea")] == ["first", "second"]


@pytest.mark.parametrize("name", ["", "Anna", "a b", "-a", ".", "ä", "a/b", "a\n", "a" * 33, "\x1b[31m", "a\u202eb"])
async def test_an_invalid_account_name_is_rejected_with_a_message(tmp_path: Path, name: str) -> None:
    async with open_place(tmp_path) as place:
        with pytest.raises(AccountError, match="expected an account name of 1 to 32 lower-case letters") as refused:
            place.relay.add_account(name)
        assert str(refused.value).isprintable()


async def test_accounts_are_added_once_and_the_owner_stays(tmp_path: Path) -> None:
    async with open_place(tmp_path, {"relay.accounts": 2}) as place:
        place.relay.add_account("a" * 32)
        with pytest.raises(AccountError, match="already"):
            place.relay.add_account("owner")
        with pytest.raises(LimitReached, match=r"relay\.accounts"):
            place.relay.add_account("third")
        with pytest.raises(AccountError, match="can't be removed"):
            place.relay.remove_account("owner")
        with pytest.raises(AccountError, match="mobifai relay account list"):
            place.relay.remove_account("nobody")
        assert place.entry("relay.accounts").used == 2


async def test_the_relay_of_one_agent_knows_no_other_account(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        place.relay.add_account("bea")
        token = place.token("legacy", "bea")
        async with Device("mobile", "phone-b", token).connected(place.url) as phone:
            await phone.sign_in()
    async with open_place(tmp_path, shared=False) as place:
        async with Device("mobile", "phone-b", token).connected(place.url) as phone:
            await phone.register()
            await phone.hear("auth_error")
        assert (await _ask(place, "GET", "/api/me", token))[0] == 401
        with pytest.raises(AccountError):
            place.relay.sign_in.invite(ClientKind.LEGACY, "bea")
        assert place.entry("relay.accounts").used == 1
