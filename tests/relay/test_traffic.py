"""Messages that the relay forwards between two devices, and those that it does not."""

from pathlib import Path
from typing import Any

import pytest

from tests.relay.device import Device, pair
from tests.relay.place import open_place

EVERYTHING = {"null": None, "text": 'ä "\\ \u2028 😀', "numbers": [0, -1, 1.5, 10**15], "nested": {"a": [{}, []]}}


@pytest.mark.parametrize(
    "event",
    [
        "webrtc:offer", "webrtc:answer", "webrtc:ice-candidate", "terminal:input", "terminal:output",
        "terminal:resize", "system:message", "processes:sync", "process:create", "process:screen", "ai:prompt",
        "code:fileContent", "initProject", "getProjectsHistory",
    ],
)  # fmt: skip
async def test_application_events_go_both_ways_unchanged(tmp_path: Path, event: str) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        await pair(phone, agent)
        for one, other in ((agent, phone), (phone, agent)):
            await one.say(event, EVERYTHING)
            assert await other.hear(event) == EVERYTHING


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536, 200_000])
async def test_a_frame_of_any_length_arrives_whole(tmp_path: Path, length: int) -> None:
    around = len('42["terminal:output",""]')
    data = "x" * max(0, length - around)
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        await pair(phone, agent)
        await agent.say("terminal:output", data)
        await agent.say("terminal:output", "after it")
        assert [await phone.hear("terminal:output") for _ in range(2)] == [data, "after it"]


async def test_an_event_without_a_payload_is_handed_on(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        await pair(phone, agent)
        await phone.say("getProjectsHistory")
        assert await agent.hear("getProjectsHistory") is None


async def test_messages_arrive_in_the_order_in_which_they_were_sent(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        await pair(phone, agent)
        for number in range(300):
            await agent.say("terminal:output", {"uuid": "t", "data": str(number)})
        event = [(await phone.hear("terminal:output"))["data"] for _ in range(300)]
        assert event == [str(number) for number in range(300)]


@pytest.mark.parametrize(
    "event",
    ["paired", "authenticated", "available_devices", "device_revoked", "settings:updated", "terminal:", "process:a b",
     "x:y", "message", "TERMINAL:output", "terminal:output\n", "handshake:verify", "e" * 64, "e" * 65, ""],
)  # fmt: skip
async def test_an_unknown_event_is_answered_with_an_error(tmp_path: Path, event: str) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        await pair(phone, agent)
        await phone.say(event, {})
        assert (await phone.hear("error"))["message"]
        await agent.settle()
        assert event not in [name for name, _ in agent.received if name not in ("paired", "request_dimensions")]


async def test_two_payloads_are_one_too_many(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        await pair(phone, agent)
        await phone.say("terminal:input", {}, {})
        assert "at most one payload" in (await phone.hear("error"))["message"]


async def test_nothing_is_handed_on_before_the_pairing(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        await phone.say("terminal:input", {"uuid": "t", "data": "rm"})
        await phone.say("request_connection", {"targetDeviceId": agent.device_id})
        await agent.hear("handshake:initiate")
        await phone.say("terminal:input", {"uuid": "t", "data": "rm"})
        await phone.settle()
        await agent.settle()
        assert agent.received == []


@pytest.mark.parametrize(
    "event", ["terminal:input", "request_connection", "handshake:confirmed", "error", "initProject"]
)
async def test_an_unregistered_device_can_do_nothing(tmp_path: Path, event: str) -> None:
    async with open_place(tmp_path) as place, Device("mobile").connected(place.url) as stranger:
        await stranger.say(event, {})
        assert "register first" in (await stranger.hear("error"))["message"]


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("request_connection", None), ("request_connection", {"targetDeviceId": 7}), ("request_connection", []),
        ("handshake:response", {}), ("handshake:response", {"peerId": "a", "signature": "not hex"}),
        ("handshake:response", {"peerId": "a", "signature": "ab" * 200}), ("handshake:confirmed", "yes"),
        ("error", "text"), ("error", {"message": "x" * 3000}),
    ],
)  # fmt: skip
async def test_malformed_payloads_are_answered_with_an_error(tmp_path: Path, event: str, payload: Any) -> None:
    async with open_place(tmp_path) as place, place.phone() as phone:
        await phone.say(event, payload)
        assert event in (await phone.hear("error"))["message"]
        await phone.settle()


async def test_an_acknowledgement_that_a_device_asks_for_is_given(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        await pair(phone, agent)
        await phone.client.call("terminal:input", {"uuid": "t", "data": "ls"}, timeout=5)
        assert (await agent.hear("terminal:input"))["data"] == "ls"
