"""Violations of the protocol: an answer or a closed connection, never a crash or a leak."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mobifai.protocol import messages
from mobifai.relay.http_connections import SILENT_SECONDS
from tests.relay.device import SECONDS, pair, raw_socket
from tests.relay.line import silent_connection
from tests.relay.place import Place, open_place, until

MODEST = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)
FIELDS = ("type", "deviceId", "publicKey", "token", "targetDeviceId", "peerId", "signature", "message", "tabCount")
PAYLOAD = JSON | st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6)
EVENT = st.sampled_from([*messages.FROM_DEVICE, "terminal:input", "paired", "disconnect", "connect"]) | st.text(
    max_size=20
)


@asynccontextmanager
async def _place() -> AsyncIterator[Place]:
    with TemporaryDirectory() as state_dir:
        async with open_place(Path(state_dir)) as place:
            yield place


@MODEST
@given(st.lists(st.tuples(EVENT, st.lists(PAYLOAD, max_size=2)), max_size=20))
async def test_no_payload_on_any_event_crashes_the_relay(said: list[tuple[str, list[object]]]) -> None:
    async with _place() as place, place.phone() as phone, raw_socket(place.url) as stranger:
        for event, arguments in said:
            await stranger.send_str("42" + json.dumps([event, *arguments]))
        await stranger.send_str('42["the end"]')
        async with asyncio.timeout(SECONDS):
            while "the end" not in (answer := await stranger.receive_str()):
                assert answer[:3] in ("42[", "2")
        await phone.settle()


@MODEST
@given(st.lists(st.text(max_size=30) | st.binary(max_size=30) | st.from_regex(r"[0-6][0-6]\d*-?\[.{0,20}"), max_size=8))
async def test_no_frame_crashes_the_relay_or_stays_in_it(frames: list[str | bytes]) -> None:
    async with _place() as place, place.phone() as phone:
        async with raw_socket(place.url) as stranger:
            for frame in frames:
                if stranger.closed:
                    break
                await _send(stranger, frame)
        await phone.settle()
        await _until_sockets(place, 1)


async def _send(socket: ClientWebSocketResponse, frame: str | bytes) -> None:
    try:
        if isinstance(frame, str):
            await socket.send_str(frame)
        else:
            await socket.send_bytes(frame)
    except (ConnectionError, UnicodeEncodeError):
        pass


async def _until_sockets(place: Place, count: int) -> None:
    await until(lambda: place.entry("relay.backlog").instances == count)


async def _until_closed(socket: ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(SECONDS):
        while (await socket.receive()).type is WSMsgType.TEXT:
            pass
    return socket.close_code


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "x",
        "4",
        "4x",
        "43[]",
        '451-["a",{"_placeholder":true,"num":0}]',
        "46",
        "5",
        "6",
        "2probe",
        "0{}",
        "b4AAA",
        "\u00b2",
    ],
)
async def test_frames_that_no_client_sends_close_the_connection(tmp_path: Path, frame: str) -> None:
    async with open_place(tmp_path) as place, raw_socket(place.url) as stranger:
        await stranger.send_str(frame)
        assert await _until_closed(stranger) == 1008
        await _until_sockets(place, 0)


async def test_binary_frames_close_the_connection(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, raw_socket(place.url) as stranger:
        await stranger.send_bytes(b'42["register",{}]')
        assert await _until_closed(stranger) == 1008


@pytest.mark.parametrize(
    "packet",
    ["2", "2[]", "2[1]", "2{}", '2["a"', '2[""]', '2["connect",{}]', '2["disconnect","x"]', '2["a",nul]',
     '2["a",' + "[" * 5000, "2" + "9" * 99 + '["a"]', '21-["a"]', '2["' + "e" * 65 + '"]'],
)  # fmt: skip
async def test_events_that_cannot_be_read_are_answered_with_an_error(tmp_path: Path, packet: str) -> None:
    async with open_place(tmp_path) as place, raw_socket(place.url) as stranger:
        await stranger.send_str(f"4{packet}")
        async with asyncio.timeout(SECONDS):
            assert (await stranger.receive_str()).startswith('42["error",{"message":"packet: expected')


@pytest.mark.parametrize(("size", "fits"), [(999, True), (1000, True), (1001, False)])
async def test_a_message_has_a_size(tmp_path: Path, size: int, fits: bool) -> None:
    async with open_place(tmp_path, {"relay.message": 1000}) as place, raw_socket(place.url) as stranger:
        await stranger.send_str('42["x","' + "y" * (size - 10) + '"]')
        if fits:
            assert "register first" in await stranger.receive_str()
            assert place.entry("relay.message").peak == size
        else:
            assert await _until_closed(stranger) == 1009


async def test_a_second_namespace_is_not_there(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, raw_socket(place.url) as stranger:
        await stranger.send_str("40/admin,")
        assert (await stranger.receive_str()).startswith("44/admin,")
        await stranger.send_str('42/admin,["register",{}]')
        await stranger.send_str('42["x"]')
        assert "register first" in await stranger.receive_str()


@pytest.mark.parametrize(
    ("query", "headers"),
    [("?EIO=4&transport=polling", {}), ("?EIO=4&transport=websocket", {}), ("", {}),
     ("?EIO=4&transport=websocket", {"Upgrade": "websocket"})],
)  # fmt: skip
async def test_there_is_no_transport_but_websockets(tmp_path: Path, query: str, headers: dict[str, str]) -> None:
    async with open_place(tmp_path) as place:
        async with place.ask("GET", f"/socket.io/{query}", headers=headers) as response:
            assert response.status == 400
        assert place.entry("relay.backlog").instances == 0


@pytest.mark.parametrize(
    "query", ["?EIO=3&transport=websocket", "?transport=websocket", "?EIO=4&transport=websocket&sid=x", "?EIO=4"]
)
async def test_a_websocket_that_speaks_another_protocol_is_refused(tmp_path: Path, query: str) -> None:
    async with open_place(tmp_path) as place, ClientSession() as session:
        with pytest.raises(WSServerHandshakeError, match="400"):
            await session.ws_connect(f"{place.url}/socket.io/{query}")
        await _until_sockets(place, 0)


@pytest.mark.parametrize("open_now", [1, 2, 3])
async def test_there_are_only_so_many_connections(tmp_path: Path, open_now: int) -> None:
    async with open_place(tmp_path, {"relay.sockets": 2}) as place, AsyncExitStack() as scope:
        strangers = [await scope.enter_async_context(raw_socket(place.url)) for _ in range(open_now)]
        await _until_sockets(place, min(open_now, 2))
        for stranger in strangers[:-2]:
            await _until_closed(stranger)
        for stranger in strangers[-2:]:
            await stranger.send_str('42["x"]')
            assert "register first" in await stranger.receive_str()


async def test_signed_in_devices_are_not_evicted(tmp_path: Path) -> None:
    async with (
        open_place(tmp_path, {"relay.sockets": 4}) as place,
        place.agent() as agent,
        place.phone() as phone,
        place.phone() as other,
    ):
        for _ in range(3):
            async with raw_socket(place.url), raw_socket(place.url):
                pass
        for device in (agent, phone, other):
            await device.settle()


async def test_plain_connections_that_ask_for_nothing_make_room_and_are_soon_closed(tmp_path: Path) -> None:
    async with open_place(tmp_path, {"relay.requests": 2}) as place:
        port = place.relay.port
        async with silent_connection(port) as first, silent_connection(port) as one, silent_connection(port) as other:
            async with asyncio.timeout(SECONDS):
                with suppress(ConnectionError):
                    assert await first.read() == b""
            async with place.ask("GET", "/health") as response:
                assert response.status == 200
            place.clock.pass_by(SILENT_SECONDS + 1)
            async with asyncio.timeout(SECONDS):
                for silent in (one, other):
                    with suppress(ConnectionError):
                        assert await silent.read() == b""


async def test_connections_that_come_and_go_take_no_place(tmp_path: Path) -> None:
    async with open_place(tmp_path, {"relay.requests": 2, "relay.sockets": 2}) as place:
        for _ in range(10):
            async with place.ask("GET", "/health") as response:
                assert response.status == 200
            async with silent_connection(place.relay.port):
                pass


async def test_a_device_that_leaves_in_the_middle_of_everything_leaves_nothing(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent:
        for _ in range(5):
            async with place.phone() as phone:
                await pair(phone, agent)
                for _ in range(50):
                    await agent.say("terminal:output", {"uuid": "t", "data": "x" * 1000})
            await agent.hear("paired_device_disconnected")
        await _until_sockets(place, 1)
        assert place.entry("relay.backlog").total == 0
