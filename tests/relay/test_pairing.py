"""Two devices prove to each other who they are."""

import asyncio
from pathlib import Path

from mobifai.protocol.relay_pairing import HANDSHAKE_SECONDS
from tests.relay.device import Device, pair
from tests.relay.place import open_place


async def test_a_phone_and_an_agent_pair_with_real_signatures(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        await pair(phone, agent)
        await agent.hear("request_dimensions")
        assert await phone.hear("available_devices") == []


async def test_each_side_receives_the_others_features(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        await phone.register(features=["resume"])
        await phone.hear("authenticated")
        await phone.say("request_connection", {"targetDeviceId": agent.device_id})
        assert (await agent.hear("handshake:initiate"))["peerFeatures"] == ["resume"]


async def test_a_wrong_signature_drops_the_pairing_and_notifies_both(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        await phone.say("request_connection", {"targetDeviceId": agent.device_id})
        asked = await phone.hear("handshake:initiate")
        await phone.say("handshake:response", {"peerId": asked["peerId"], "signature": "ab" * 32})
        await agent.answer_handshake()
        for device in (agent, phone):
            assert "does not match" in (await device.hear("error"))["message"]
        (free,) = await phone.hear("available_devices", lambda devices: devices)
        assert free["deviceId"] == agent.device_id


async def test_a_handshake_that_takes_too_long_is_dropped(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        await phone.say("request_connection", {"targetDeviceId": agent.device_id})
        await asyncio.gather(phone.hear("handshake:initiate"), agent.hear("handshake:initiate"))
        place.clock.pass_by(HANDSHAKE_SECONDS + 1)
        for device in (agent, phone):
            assert "took too long" in (await device.hear("error"))["message"]


async def test_an_impossible_pairing_is_refused_with_a_fresh_list(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        async with place.phone() as other:
            await pair(other, agent)
            assert await phone.hear("available_devices") == []
            for target in (agent.device_id, other.device_id, "nobody"):
                await phone.say("request_connection", {"targetDeviceId": target})
                assert (await phone.hear("error"))["message"]
                assert await phone.hear("available_devices") == []
        assert [one["deviceId"] for one in await phone.hear("available_devices")] == [agent.device_id]


async def test_an_agent_that_leaves_is_noticed_by_its_phone(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.phone() as phone:
        async with place.agent() as agent:
            await pair(phone, agent)
        assert "disconnected" in (await phone.hear("paired_device_disconnected"))["message"]


async def test_a_device_whose_line_is_cut_is_noticed_too(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent:
        phone = Device("mobile", token=place.token())
        async with phone.connected(place.url):
            await phone.sign_in()
            await pair(phone, agent)
            await phone.client.eio.ws.close()
            await agent.hear("paired_device_disconnected")
