"""A phone that does not read makes its agent wait; memory stays bounded; then the phone is dropped."""

import asyncio
import contextlib
import json
import socket
import tracemalloc
from pathlib import Path

import pytest
from aiohttp import ClientWebSocketResponse

from mobifai.config import RelayConfig
from mobifai.errors import LimitReached
from mobifai.protocol import messages
from mobifai.relay.listener import bind
from tests.relay.device import Device, pair, raw_socket
from tests.relay.line import line_to
from tests.relay.place import Place, open_place, until

CHUNK = "x" * 16_000


async def _flood(agent: Device, chunks: int, chunk: str = CHUNK) -> int:
    """Send this number of chunks as fast as the relay reads them.

    Return how many it read before the phone was dropped.
    """
    for number in range(chunks):
        if any(event == "paired_device_disconnected" for event, _ in agent.received):
            return number
        await agent.say("terminal:output", {"uuid": "t", "data": f"{number:08}{chunk}"})
    return chunks


async def _until_it_waits(place: Place) -> None:
    """Wait until the relay holds messages for the phone, and none arrives."""
    await until(lambda: place.entry("relay.backlog").used >= 20)


async def test_a_phone_that_stops_reading_costs_little_and_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobifai.relay.websocket_connection.STALL_SECONDS", 1.0)
    async with open_place(tmp_path) as place, place.agent() as agent, line_to(place.relay.port) as line:
        phone = Device("mobile", token=place.token())
        async with phone.connected(line.url):
            await phone.sign_in()
            await pair(phone, agent)
            line.hold()
            tracemalloc.start()
            try:
                taken = await _flood(agent, 20_000)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            await agent.hear("paired_device_disconnected")
            line.release()
            await phone.gone.wait()
        assert taken < 20_000
        assert peak < 8 << 20, "what waits for a phone is bounded in bytes"
        assert 0 < place.entry("relay.backlog").peak <= place.entry("relay.backlog").capacity
        await agent.settle()


async def test_a_phone_that_reads_again_in_time_has_missed_nothing(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, line_to(place.relay.port) as line:
        phone = Device("mobile", token=place.token())
        async with phone.connected(line.url):
            await phone.sign_in()
            await pair(phone, agent)
            line.hold()
            flood = asyncio.create_task(_flood(agent, 1000))
            await _until_it_waits(place)
            assert not flood.done()
            line.release()
            assert await flood == 1000
            received = [(await phone.hear("terminal:output"))["data"][:8] for _ in range(1000)]
            assert received == [f"{number:08}" for number in range(1000)]


async def test_many_small_messages_wait_in_a_bounded_number(tmp_path: Path) -> None:
    async with (
        open_place(tmp_path, {"relay.backlog": 8}) as place,
        place.agent() as agent,
        line_to(place.relay.port) as line,
    ):
        phone = Device("mobile", token=place.token())
        async with phone.connected(line.url):
            await phone.sign_in()
            await pair(phone, agent)
            line.hold()
            flood = asyncio.create_task(_flood(agent, 2000))
            await until(lambda: place.entry("relay.backlog").used >= 6)
            line.release()
            assert await flood == 2000
            await phone.hear("terminal:output", lambda output: output["data"].startswith("00001999"))
        assert place.entry("relay.backlog").peak <= 8


async def test_an_agent_that_waits_for_its_phone_is_not_taken_for_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PING_SECONDS", "SILENT_SECONDS"):
        monkeypatch.setattr(f"mobifai.relay.websocket_connection.{name}", 1.0)
    async with open_place(tmp_path) as place, place.agent() as agent, line_to(place.relay.port) as line:
        phone = Device("mobile", token=place.token())
        async with phone.connected(line.url):
            phone.client.eio.ping_timeout = 60  # no ping arrives on a held line
            await phone.sign_in()
            await pair(phone, agent)
            line.hold()
            flood = asyncio.create_task(_flood(agent, 1000))
            await _until_it_waits(place)
            for _ in range(14):  # longer than the limit for a ping and its answer
                await phone.say("terminal:input", {"uuid": "t", "data": "still here"})
                await asyncio.wait([flood], timeout=0.25)
            assert not flood.done()
            line.release()
            assert await flood == 1000
            await agent.settle()


async def test_a_revocation_does_not_wait_for_the_phone_that_is_revoked(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, line_to(place.relay.port) as line:
        phone = Device("mobile", token=place.token())
        async with phone.connected(line.url):
            await phone.sign_in()
            await pair(phone, agent)
            line.hold()
            flood = asyncio.create_task(_flood(agent, 100_000))
            await _until_it_waits(place)
            await place.relay.revoke(phone.device_id)
            await agent.hear("device_revoked")
            await flood
            line.release()
            await phone.gone.wait()


async def test_a_device_that_reads_its_responses_late_gets_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobifai.relay.listener._SEND_BUFFER", 16 << 10)
    async with open_place(tmp_path) as place, line_to(place.relay.port) as line:
        async with raw_socket(line.url) as late:
            token = place.token()
            register = {"type": "mobile", "deviceId": "late", "publicKey": "ab" * 65, "token": token}
            await late.send_str("42" + json.dumps(["register", register]))
            assert "authenticated" in await late.receive_str()
            assert "available_devices" in await late.receive_str()
            line.hold()
            for _ in range(5000):
                await late.send_str('42["x"]')
            await until(lambda: place.entry("relay.backlog").used >= 48)
            line.release()
            async with asyncio.timeout(10):
                for _ in range(5000):
                    assert '"error"' in await late.receive_str()


async def test_a_device_that_does_not_read_its_responses_is_not_read_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobifai.relay.listener._SEND_BUFFER", 16 << 10)
    monkeypatch.setattr("mobifai.relay.websocket_connection.STALL_SECONDS", 1.0)
    async with open_place(tmp_path) as place, line_to(place.relay.port) as line:
        async with raw_socket(line.url) as rude:
            line.hold()
            said = asyncio.create_task(_say_nonsense(rude))
            await until(lambda: not place.entry("relay.backlog").instances)
            line.release()
            await said
        assert 0 < place.entry("relay.backlog").peak <= place.entry("relay.backlog").capacity


async def _say_nonsense(socket: ClientWebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError):
        while not socket.closed:
            await socket.send_str('42["x"]')
            await asyncio.sleep(0)  # sending alone would not let the relay run


@pytest.mark.skipif(not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this system has no such limit")
async def test_the_kernel_holds_little_that_is_not_sent_for_every_device() -> None:
    with bind(RelayConfig("127.0.0.1", 0)) as listening, socket.socket() as device:
        listening.listen()
        device.connect(listening.getsockname())
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) <= 16 << 10


async def test_bytes_that_the_kernel_has_not_accepted_are_in_flight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobifai.relay.listener._SEND_BUFFER", 16 << 10)
    async with open_place(tmp_path) as place, line_to(place.relay.port) as line:
        phone = Device("mobile", token=place.token())
        async with phone.connected(line.url):
            await phone.sign_in()
            with place.relay.local() as agent:
                token = place.relay.sign_in.agent_token("agent-1", "Laptop")
                public_key = phone.identity.public_hex
                agent.emit(
                    "register", messages.Register(type="mac", device_id="agent-1", public_key=public_key, token=token)
                )
                asking = asyncio.create_task(phone.say("request_connection", {"targetDeviceId": "agent-1"}))
                await until(lambda: agent.peer is not None)
                await asking
                agent.emit("handshake:confirmed", messages.HandshakeConfirmed(peer_id=phone.device_id))
                await phone.say("handshake:confirmed", {"peerId": "agent-1"})
                await phone.hear("paired")
                assert agent.peer is not None
                await until(lambda: agent.peer is not None and not agent.peer.in_flight)
                line.hold()
                while agent.has_room("terminal:output"):
                    agent.emit("terminal:output", {"uuid": "t", "data": CHUNK})
                assert agent.peer.in_flight >= 40
                with pytest.raises(LimitReached):
                    agent.emit("terminal:output", {"uuid": "t", "data": CHUNK})
                line.release()
                await until(lambda: agent.peer is not None and not agent.peer.in_flight)
