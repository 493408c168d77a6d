"""Opening and closing: obstacles have a message, and nothing remains."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from mobifai.bounds import Ledger
from mobifai.config import RelayConfig
from mobifai.errors import StateError
from mobifai.relay.outbox import Outbox
from mobifai.relay.server import Relay
from mobifai.relay.websocket_connection import WebSocketConnection
from tests.relay.device import Device, pair, raw_socket
from tests.relay.line import line_to, silent_connection
from tests.relay.place import open_place, until


def _tasks() -> set[str]:
    return {str(task.get_coro()) for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def test_a_relay_that_closes_frees_its_port_and_ends_its_tasks(tmp_path: Path) -> None:
    before = _tasks()
    async with open_place(tmp_path) as place:
        port = place.relay.port
    assert _tasks() == before
    async with Relay.open(RelayConfig("127.0.0.1", port), tmp_path, Ledger()) as again:
        assert again.port == port


async def test_every_device_is_notified_and_may_reconnect(tmp_path: Path) -> None:
    async with AsyncExitStack() as devices:
        async with open_place(tmp_path) as place:
            agent = Device("mac", "agent-1", place.relay.sign_in.agent_token("agent-1", "Laptop"))
            phone = Device("mobile", "phone-1", place.token())
            for device in (agent, phone):
                await devices.enter_async_context(device.connected(place.url))
                await device.sign_in()
            await pair(phone, agent)
        await asyncio.gather(agent.gone.wait(), phone.gone.wait())
        assert not [event for event, _ in phone.received if event == "auth_error"]


@pytest.mark.parametrize("is_held", [False, True])
async def test_it_closes_within_two_seconds_even_if_a_device_stays(tmp_path: Path, is_held: bool) -> None:
    async with AsyncExitStack() as devices:
        async with open_place(tmp_path) as place:
            line = await devices.enter_async_context(line_to(place.relay.port))
            deaf = Device("mobile", "deaf", place.token())
            agent = Device("mac", "agent-1", place.relay.sign_in.agent_token("agent-1", "Laptop"))
            await devices.enter_async_context(deaf.connected(line.url))
            await devices.enter_async_context(agent.connected(place.url))
            await devices.enter_async_context(silent_connection(place.relay.port))
            await asyncio.gather(agent.sign_in(), deaf.sign_in())
            await pair(deaf, agent)
            if is_held:
                line.hold()
                await devices.enter_async_context(_talking(agent))
                await until(lambda: place.entry("relay.backlog").used >= 20)
            began = time.monotonic()
        assert time.monotonic() - began < 2
        assert not [one for one in _tasks() if "/mobifai/" in one or "RequestHandler" in one]
        line.release()


@asynccontextmanager
async def _talking(agent: Device) -> AsyncIterator[None]:
    """Send output as an agent, as fast as allowed."""
    talk = asyncio.create_task(_talk_forever(agent))
    try:
        yield
    finally:
        talk.cancel()
        await asyncio.gather(talk, return_exceptions=True)


async def _talk_forever(agent: Device) -> None:
    while True:
        await agent.say("terminal:output", {"uuid": "t", "data": "x" * 16_000})


async def test_nothing_of_a_connection_stays_in_memory(tmp_path: Path) -> None:
    def count() -> int:
        gc.collect()
        return sum(isinstance(one, WebSocketConnection | Outbox | web.WebSocketResponse) for one in gc.get_objects())

    async with open_place(tmp_path) as place:
        before = count()
        for _ in range(3):
            async with place.agent() as agent, place.phone() as phone:
                await pair(phone, agent)
            async with raw_socket(place.url) as stranger:
                await stranger.send_str("")
                await stranger.receive()
        await until(lambda: count() <= before)


async def test_a_connection_that_breaks_while_it_begins_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_off(_self: web.WebSocketResponse, _request: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(web.WebSocketResponse, "prepare", break_off)
    async with open_place(tmp_path) as place:
        with pytest.raises(aiohttp.ClientError):
            async with raw_socket(place.url):
                pass
        await until(lambda: not place.entry("relay.backlog").instances)
        gc.collect()
        assert not [one for one in gc.get_objects() if isinstance(one, WebSocketConnection)]


async def test_its_accounts_are_closed_with_it(tmp_path: Path) -> None:
    async with open_place(tmp_path, {"relay.sockets": 3}) as place, place.phone():
        ledger = place.ledger
    closed = ("relay.backlog", "relay.message", "relay.settings", "relay.devices")
    assert [entry.name for entry in ledger.entries() if entry.name in closed and entry.instances] == []


async def test_an_unavailable_port_is_named_with_a_remedy(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        config = RelayConfig("127.0.0.1", place.relay.port)
        with pytest.raises(StateError, match=rf"127\.0\.0\.1 port {place.relay.port} .*--port 0"):
            async with Relay.open(config, tmp_path, Ledger()):
                pass


@pytest.mark.parametrize(
    ("host", "port"), [("192.0.2.1", 0), ("no such host", 0), ("127.0.0.1", 99999), ("127.0.0.1", -1)]
)
async def test_a_place_that_is_not_here_is_named(tmp_path: Path, host: str, port: int) -> None:
    with pytest.raises(StateError, match=host):
        async with Relay.open(RelayConfig(host, port), tmp_path, Ledger()):
            pass


async def test_a_damaged_secret_is_kept_aside_and_the_relay_runs(tmp_path: Path) -> None:
    (tmp_path / "relay.key").write_bytes(b"x")
    async with open_place(tmp_path) as place, place.phone() as phone:
        await phone.settle()
    assert [file.read_bytes() for file in tmp_path.glob("relay.key.kept-*")] == [b"x"]


async def test_ipv6_is_served_where_there_is_any(tmp_path: Path) -> None:
    try:
        scope = Relay.open(RelayConfig("::1", 0), tmp_path, Ledger())
        relay = await scope.__aenter__()
    except StateError:
        pytest.skip("no IPv6 loopback here")
    async with aiohttp.ClientSession() as session, session.get(f"http://[::1]:{relay.port}/health") as response:
        assert response.status == 200
    await scope.__aexit__(None, None, None)


async def test_an_error_in_its_scope_comes_out_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_place(tmp_path):
            raise ZeroDivisionError
