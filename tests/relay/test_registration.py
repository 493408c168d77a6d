"""Devices register, reconnect and are revoked."""

from pathlib import Path
from typing import Any

import pytest

from mobifai.protocol.codes import ATTEMPTS_PER_MINUTE
from tests.relay.device import Device, pair
from tests.relay.place import open_place


async def test_a_device_without_a_token_is_asked_to_sign_in(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, Device("mobile").connected(place.url) as phone:
        await phone.register()
        assert (await phone.hear("login_required"))["loginUrl"].startswith("/login?deviceId=")


async def test_a_phone_can_register_and_reconnect_with_one_token(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        token = place.token()
        for _ in range(2):
            async with place.phone(device_id="phone-1", token=token) as phone:
                assert phone.token


async def test_a_token_bound_to_one_device_is_refused_for_another(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        token = place.token()
        async with place.phone(token=token), Device("mobile", token=token).connected(place.url) as thief:
            await thief.register()
            assert "another device" in (await thief.hear("auth_error"))["message"]
            await thief.register(token=None)
            await thief.hear("login_required")


async def test_a_device_that_signs_out_is_in_no_longer(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        await phone.register(token="rubbish")
        await phone.hear("auth_error")
        await phone.say("request_connection", {"targetDeviceId": agent.device_id})
        assert "register first" in (await phone.hear("error"))["message"]


async def test_too_many_bad_tokens_of_an_address_end_the_connection(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, Device("mobile").connected(place.url) as guesser:
        for _ in range(ATTEMPTS_PER_MINUTE):
            await guesser.register(token="rubbish")
            await guesser.hear("auth_error")
        assert "too many failed attempts" in (await guesser.hear("error"))["message"]
        await guesser.gone.wait()
        async with place.phone() as phone:
            assert phone.client.connected, "a good token is not guessing"


@pytest.mark.parametrize(
    "payload",
    [
        None, 5, "register", [], {}, {"type": "mobile"}, {"type": "mobile", "deviceId": "x"},
        {"type": "mobile", "publicKey": "04ab"}, {"type": "tv", "deviceId": "x", "publicKey": "04ab"},
        {"type": "mobile", "deviceId": "x" * 65, "publicKey": "04ab"},
        {"type": "mobile", "deviceId": "a b", "publicKey": "04ab"},
        {"type": "mobile", "deviceId": "x", "publicKey": "zz"},
        {"type": "mobile", "deviceId": "x", "publicKey": "04ab", "token": 5},
        {"type": "mobile", "deviceId": "x", "publicKey": "04ab", "token": "x" * 5000},
        {"type": "mac", "deviceId": "x", "publicKey": "04ab", "tabCount": "two"},
        {"type": "mac", "deviceId": "x", "publicKey": "04ab", "features": "all"},
    ],
)  # fmt: skip
async def test_a_registration_without_its_parts_is_answered_with_an_error(tmp_path: Path, payload: Any) -> None:
    async with open_place(tmp_path) as place, Device("mobile").connected(place.url) as phone:
        await phone.say("register", payload)
        assert "register" in (await phone.hear("error"))["message"]
        await phone.register()
        await phone.hear("login_required")


async def test_phones_get_the_list_of_free_agents(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.phone() as phone:
        async with place.agent("agent-1") as agent:
            (device,) = await phone.hear("available_devices")
            assert device == {"deviceId": "agent-1", "deviceName": "Laptop", "status": "available", "tabCount": 2}
            await agent.register(tabCount=-7, deviceName="Laptop")
            (device,) = await phone.hear("available_devices")
            assert device["tabCount"] == 0
        assert await phone.hear("available_devices") == []


async def test_the_newer_connection_of_a_device_wins(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.phone(device_id="phone-1") as old:
        async with place.phone(device_id="phone-1", token=old.token) as new:
            await old.gone.wait()
            assert new.client.connected


async def test_a_revoked_phone_leaves_in_the_middle_of_its_session(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        await pair(phone, agent)
        await place.relay.revoke(phone.device_id)
        assert "revoked" in (await phone.hear("auth_error"))["message"]
        await phone.gone.wait()
        await agent.hear("paired_device_disconnected")
        assert await agent.hear("device_revoked") == {"deviceId": phone.device_id}
        async with Device("mobile", phone.device_id, phone.token).connected(place.url) as again:
            await again.register()
            assert "revoked" in (await again.hear("auth_error"))["message"]


async def test_a_connection_without_a_sign_in_is_closed_after_ten_minutes(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.phone() as phone, Device("mobile").connected(place.url) as silent:
        await silent.register()
        await silent.hear("login_required")
        place.clock.pass_by(601)
        assert "nobody signed in" in (await silent.hear("error"))["message"]
        await silent.gone.wait()
        assert phone.client.connected
