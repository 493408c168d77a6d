"""Unknown clients that take all connections or send invalid data do not affect other clients."""

import asyncio
import gzip
import zlib
from contextlib import AsyncExitStack
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from mobifai.bounds import Ledger
from mobifai.config import RelayConfig
from mobifai.relay.connection_slots import KnownAddresses
from mobifai.relay.http_connections import ANSWER_SECONDS, MOST_PER_ADDRESS, SILENT_SECONDS
from mobifai.relay.phone_page import PAGE_FOLDER, PhonePageFiles
from mobifai.relay.socketio_endpoint import MOST_UNSIGNED
from mobifai.relay.websocket_connection import UNSIGNED_FRAMES
from tests.relay.device import SECONDS, Device, pair
from tests.relay.place import Place, open_place, until
from tests.support.strangers import Stranger, address, frame, stranger

BOMB = b"0" * (10 << 20)


async def _answers(place: Place) -> None:
    async with place.ask("GET", "/health") as response:
        assert response.status == 200


async def _half_open(one: Stranger) -> None:
    await one.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")


async def _unsigned(one: Stranger) -> None:
    assert "101" in await one.upgrade()


async def _count_open(strangers: list[Stranger]) -> int:
    """Return how many connections the relay keeps, once it has closed the others."""
    ended = [asyncio.create_task(one.answer(SECONDS)) for one in strangers]
    await asyncio.wait(ended, timeout=0.3)
    still_open = [task for task in ended if not task.done()]
    for task in still_open:
        task.cancel()
    await asyncio.gather(*ended, return_exceptions=True)
    return len(still_open)


@pytest.mark.parametrize(("act", "most"), [(_half_open, MOST_PER_ADDRESS), (_unsigned, MOST_UNSIGNED)])
async def test_one_address_evicts_only_its_own_connections(tmp_path: Path, act: object, most: int) -> None:
    async with open_place(tmp_path) as place, AsyncExitStack() as scope:
        other = await scope.enter_async_context(stranger(place.relay.port, address(2)))
        await act(other)  # type: ignore[operator]
        many = []
        for _ in range(most + 10):
            many.append(await scope.enter_async_context(stranger(place.relay.port, address(1))))
            await act(many[-1])  # type: ignore[operator]
        await _answers(place)
        assert await _count_open(many[:10]) == 0
        assert await _count_open(many[10:]) == most
        assert await _count_open([other]) == 1


@pytest.mark.parametrize("addresses", [8, 64])
async def test_a_phone_can_connect_when_unknown_addresses_hold_every_slot(tmp_path: Path, addresses: int) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, AsyncExitStack() as scope:
        for number in range(addresses * 8):
            one = await scope.enter_async_context(stranger(place.relay.port, address(number % addresses)))
            await _unsigned(one)
        async with place.phone() as phone:
            await pair(phone, agent)
            await phone.say("terminal:input", {"uuid": "t", "data": "x"})
            assert (await agent.hear("terminal:input"))["data"] == "x"
        assert place.entry("relay.unsigned").used <= place.entry("relay.unsigned").capacity
        assert place.entry("relay.sockets").peak <= place.entry("relay.sockets").capacity


async def test_a_signed_in_device_is_never_evicted_however_it_signed_in(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, AsyncExitStack() as scope:
        phone = Device("mobile", "phone-1")
        await scope.enter_async_context(phone.connected(place.url))
        await phone.register()
        asked = dict(parse_qsl(urlsplit((await phone.hear("login_required"))["loginUrl"]).query))
        async with place.ask("POST", "/login", data={**asked, "code": place.invite().code}) as response:
            assert response.status == 302
        await phone.hear("authenticated")
        for number in range(100):
            await _unsigned(await scope.enter_async_context(stranger(place.relay.port, address(number // 8))))
        await phone.settle()
        assert not phone.gone.is_set()


async def test_signing_out_gives_a_device_no_additional_connections(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, AsyncExitStack() as scope:
        async with place.phone() as phone:
            token, device_id = phone.token, phone.device_id
        for number in range(place.entry("relay.sockets").capacity + 2):
            one = Device("mobile", device_id, token)
            await scope.enter_async_context(one.connected(place.url))
            await one.sign_in()
            await one.register(deviceId=f"other-{number}", token=None)
            await one.hear("login_required")
        async with place.phone() as late:
            await late.settle()


async def test_a_signed_out_device_has_the_frame_limit_of_one_that_never_signed_in(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.phone() as phone:
        for _ in range(UNSIGNED_FRAMES * 2):
            await phone.say("unknown")
        await phone.settle()
        await phone.register(token=None)
        await phone.hear("login_required")
        await phone.sign_in()


async def test_slots_are_reserved_for_addresses_of_known_devices(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, AsyncExitStack() as scope:
        async with place.phone() as phone:
            token, device_id = phone.token, phone.device_id
        waiting = await scope.enter_async_context(stranger(place.relay.port, "127.0.0.1"))
        await _unsigned(waiting)
        for number in range(200):  # as many addresses as connections: no sender holds more than another
            await _unsigned(await scope.enter_async_context(stranger(place.relay.port, address(number))))
        assert await _count_open([waiting]) == 1
        async with Device("mobile", device_id, token).connected(place.url) as again:
            await again.sign_in()


async def test_addresses_of_one_ipv6_network_share_a_limit() -> None:
    known = KnownAddresses(Ledger())
    known.add("2001:db8::7")
    assert known.group_of("2001:db8::1") == known.group_of("2001:db8::ffff:0:0:2") == known.group_of("2001:db8::1%eth0")
    assert known.group_of("2001:db8:0:1::1") != known.group_of("2001:db8::1")
    assert known.group_of("2001:db8::7").known
    assert known.group_of("192.0.2.1") != known.group_of("192.0.2.2")


@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", gzip.compress(BOMB)), ("deflate", zlib.compress(BOMB)), ("br", b"\x00"), ("zstd", b"\x00"),
     ("x-gzip", gzip.compress(BOMB)), ("gzip, identity", b"\x00"), ("identity, gzip", b"\x00"), ("unknown", b"\x00")],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/api/sign-in", "/login", "/health", "/api/settings"])
async def test_no_body_is_inflated(tmp_path: Path, coding: str, body: bytes, path: str) -> None:
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    async with open_place(tmp_path) as place:
        method = {"/health": "GET", "/api/settings": "PUT"}.get(path, "POST")
        async with place.ask(method, path, data=body, headers=headers) as response:
            assert response.status == 415
            assert response.headers["Accept-Encoding"] == "identity"
            assert "Content-Encoding" in (await response.json())["message"]


@pytest.mark.parametrize(
    "content_type", ["", "; charset=nowhere", "; charset=utf-16", "; charset=\x22", "; boundary=x"]
)
@pytest.mark.parametrize("body", [b"\xff\xfe", b"deviceId=%ff&type=mobile", b"a&" * 5000, b"=", b"%", b"\x00" * 100])
async def test_a_malformed_form_is_rejected_with_a_message(
    tmp_path: Path, content_type: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"Content-Type": f"application/x-www-form-urlencoded{content_type}"}
    async with open_place(tmp_path) as place, place.ask("POST", "/login", data=body, headers=headers) as response:
        assert response.status == 400
    assert not caplog.records


async def _expect_closed(place: Place, one: Stranger, seconds: float) -> bytes:
    place.clock.pass_by(seconds)
    return await one.answer(SECONDS)


@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
async def test_a_request_header_that_is_late_ends_the_connection(tmp_path: Path, sent: bytes) -> None:
    async with open_place(tmp_path) as place, stranger(place.relay.port) as one:
        await one.send(sent)
        await until(lambda: place.entry("relay.requests").used == 1)
        assert await _expect_closed(place, one, SILENT_SECONDS + 1) == b""


async def test_a_response_that_is_not_read_is_discarded(tmp_path: Path) -> None:
    script = max(PhonePageFiles.installed().paths(), key=lambda path: (PAGE_FOLDER / path[1:]).stat().st_size)
    async with open_place(tmp_path) as place, stranger(place.relay.port) as one:
        one.writer.transport.pause_reading()
        await one.send(f"GET {script} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() * 20)
        await until(lambda: place.entry("relay.requests").used == 1)
        await _answers(place)
        place.clock.pass_by(ANSWER_SECONDS + 1)
        await until(lambda: place.entry("relay.requests").used == 0)


ODD = {
    "one huge header": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * (1 << 20),
    "many headers": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X: y\r\n" * 100_000,
    "many large headers": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + (b"X: " + b"y" * 8000 + b"\r\n") * 100,
    "a huge request line": b"GET /" + b"x" * (1 << 20),
    "a body without an end": b"POST /api/sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n" * 1000,
    "a body that is too long": b"POST /api/sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 9999999\r\n\r\n" + b"x" * (1 << 20),
    "trailers": b"POST /health HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    + b"X: y\r\n" * 100_000,
    "chunk extensions": b"POST /health HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n1;"
    + b"x" * (1 << 20),
    "no HTTP": bytes(range(256)) * 100,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 600,
    "two lengths": b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "length and chunks": b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an upgrade to something else": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    + b"x" * (1 << 20),
    "a proxy's request": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + b"x" * (1 << 20),
}


@pytest.mark.parametrize("sent", ODD.values(), ids=ODD)
async def test_a_malformed_request_ends_the_connection_and_leaves_nothing(
    tmp_path: Path, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_place(tmp_path) as place:
        async with stranger(place.relay.port) as one:
            sending = asyncio.create_task(one.send(sent))
            await until(lambda: place.entry("relay.requests").peak == 1)
            await _answers(place)
            place.clock.pass_by(SILENT_SECONDS + 1)
            await asyncio.wait([sending], timeout=5)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        await until(lambda: place.entry("relay.requests").used <= 1)
        await _answers(place)
    assert "Traceback" not in caplog.text


async def test_pipelined_requests_are_answered_one_by_one_and_starve_nobody(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, stranger(place.relay.port) as one:
        await one.send(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 500)
        for _ in range(500):
            assert "200 OK" in await one.head()
            await one.reader.readuntil(b"}")


async def test_compression_of_messages_is_not_agreed_on(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, stranger(place.relay.port) as one:
        head = await one.upgrade("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n")
        assert "101" in head
        assert "extensions" not in head.lower()
        packed = zlib.compressobj(wbits=-15)
        bomb = packed.compress(BOMB) + packed.flush(zlib.Z_SYNC_FLUSH)
        await one.send(frame(1, bomb[:-4], reserved=4))
        assert b"\x03\xea" in await one.answer()  # 1002, a protocol error


FLOODS = {
    "pings": frame(9, b"x") * 20_000,
    "pongs": frame(10) * 20_000,
    "answers to pings": frame(1, b"3") * 20_000,
    "events": frame(1, b'42["x"]') * 20_000,
    "fragments": frame(1, b"4", final=False) + frame(0, b"x", final=False) * 100_000,
    "empty fragments": frame(1, b"4", final=False) + frame(0, final=False) * 100_000,
    "a long message": frame(1, b"4" * (512 << 10)),
    "a large control frame": frame(9, b"x" * 1000),
    "a reserved opcode": frame(5, b"x"),
    "a continuation of nothing": frame(0, b"x"),
    "text that is no text": frame(1, b"\xff" * 100),
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_on_an_unsigned_websocket_is_dropped_and_starves_nobody(tmp_path: Path, kind: str) -> None:
    async with open_place(tmp_path) as place, place.phone() as phone:
        async with stranger(place.relay.port) as one:
            assert "101" in await one.upgrade()
            sending = asyncio.create_task(one.send(FLOODS[kind]))
            await phone.settle()
            if "fragments" not in kind:  # these are incomplete messages, and time out
                await one.answer(SECONDS)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        await until(lambda: place.entry("relay.unsigned").used == 0)
        await phone.settle()


@pytest.mark.parametrize(
    ("name", "value"),
    [("Upgrade", b"\xff websocket"), ("Sec-WebSocket-Key", b"AAA\xc4=="), ("Connection", b"\xffUpgrade"),
     ("Sec-WebSocket-Version", b"\xc3\xa9"), ("Origin", b"http://\xff"), ("Host", b"\xe2\x84\xaa")],
)  # fmt: skip
async def test_a_handshake_with_non_ascii_bytes_is_rejected(
    tmp_path: Path, name: str, value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"Host": b"127.0.0.1", "Upgrade": b"websocket", "Connection": b"Upgrade", "Sec-WebSocket-Version": b"13"}
    headers |= {"Sec-WebSocket-Key": b"AAAAAAAAAAAAAAAAAAAAAA==", name: value}
    lines = b"".join(key.encode() + b": " + content + b"\r\n" for key, content in headers.items())
    async with open_place(tmp_path) as place, stranger(place.relay.port) as one:
        await one.send(b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n" + lines + b"\r\n")
        assert (await one.head())[:12] in ("HTTP/1.1 400", "HTTP/1.1 403", "HTTP/1.0 400")
    assert not caplog.records


async def test_limits_count_for_the_clients_behind_a_trusted_proxy(tmp_path: Path) -> None:
    config = RelayConfig(port=0, trusted_proxies=(ip_network("127.0.0.1"),))
    slow = "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\nX-Forwarded-For: 192.0.2.{}\r\n"
    slow += "Content-Type: application/x-www-form-urlencoded\r\n\r\nx"
    async with open_place(tmp_path, config=config) as place, AsyncExitStack() as scope:

        async def ask(number: int) -> Stranger:
            one = await scope.enter_async_context(stranger(place.relay.port, "127.0.0.1"))
            await one.send(slow.format(number).encode())
            return one

        async def socket(number: int) -> Stranger:
            one = await scope.enter_async_context(stranger(place.relay.port, "127.0.0.1"))
            assert "101" in await one.upgrade(f"X-Forwarded-For: 192.0.2.{number}\r\n")
            return one

        asked = [await ask(7) for _ in range(MOST_PER_ADDRESS)]
        assert await _count_open(asked) == MOST_PER_ADDRESS
        assert "429" in await (await ask(7)).head()
        assert await _count_open([await ask(8)]) == 1
        sockets = [await socket(9) for _ in range(MOST_UNSIGNED + 1)]
        other = await socket(10)
        assert await _count_open([*sockets, other]) == MOST_UNSIGNED + 1
