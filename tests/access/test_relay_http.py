"""The client of the relay's HTTP interface, with a relay that sends any answer."""

import asyncio
import datetime as dt
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mobifai.access import relay_http as relay_api
from mobifai.access.relay_http import RelayApi
from mobifai.errors import MobiFaiError, RelayUnreachable, SignInRefused
from mobifai.protocol.codes import ClientKind
from mobifai.transport.http_client import explain
from mobifai.transport.relay_socket import RelaySocket
from tests.support.broken_relay import Answer, broken_relay

INVITATION = {"token": "t", "code": "ABCD-EFGH", "expires_at": "2030-01-01T00:00:00Z"}
DEVICE = {
    "deviceId": "a", "name": "phone", "type": "mobile", "createdAt": "2030", "lastSeen": "2030", "connected": True,
}  # fmt: skip


def http(body: object, *headers: str, status: str = "200 OK") -> Answer:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(data)}", *headers))
    return Answer(http=head.encode() + b"\r\n\r\n" + data)


async def ask_all(answer: Answer) -> list[MobiFaiError | TimeoutError]:
    """Return the error of each request, with this answer to all of them."""
    raised: list[MobiFaiError | TimeoutError] = []
    async with broken_relay() as broken:
        broken.break_with([answer] * 4)
        api = RelayApi(broken.url, "token")
        for question in (lambda: api.invite(ClientKind.E2E), api.devices, api.health, lambda: api.revoke("a")):
            try:
                await question()
            except (MobiFaiError, TimeoutError) as error:
                raised.append(error)
    return raised


async def test_answers_of_the_expected_form_are_taken() -> None:
    async with broken_relay() as broken:
        broken.break_with([http(INVITATION), http({"devices": [DEVICE], "more": 1}), http({"deviceId": "b"})])
        api = RelayApi(broken.url, "token")
        assert await api.invite(ClientKind.E2E) == INVITATION
        assert await api.devices() == {"devices": (DEVICE,)}
        assert await api.revoke("a") == {"deviceId": "a"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 60_000,
        b'{"devices":' + b"[" * 60_000,
        b"9" * 60_000,
        {"devices": 1},
        {"devices": [1]},
        {"devices": [{**DEVICE, "deviceId": "a\n"}]},
        {"devices": [{**DEVICE, "lastSeen": {}}]},
        {**INVITATION, "code": "\u001b[2J"},
        {**INVITATION, "token": "a\r\nb"},
        {**INVITATION, "expires_at": "0001-01-01T00:00:00+23:59"},
        {**INVITATION, "expires_at": "9999-12-31T23:59:59-23:59"},
        {**INVITATION, "expires_at": "2030-01-01T00:00:00"},
        {**INVITATION, "expires_at": 1e300},
        {**INVITATION, "expires_at": "Fri, 99 Foo 99999 99:99:99 GMT"},
    ],
)
async def test_an_answer_of_another_form_is_unusable(body: object) -> None:
    raised = await ask_all(http(body))
    assert len(raised) >= 2
    assert all(isinstance(error, RelayUnreachable) and "\n" not in str(error) for error in raised)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(http=b""),
        Answer(http=b"\x16\x03\x01\x00"),
        Answer(http=b"HTTP/1.1 101 Switching Protocols\r\n\r\n"),
        Answer(http=b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{}"),
        Answer(http=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        Answer(http=b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 10_000 + b"\r\n"),
        Answer(http=b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"),
        Answer(http=b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (relay_api.ANSWER_BYTES + 1)),
        http(gzip.compress(b" " * 10_000_000), "Content-Encoding: gzip"),
        http(zlib.compress(b" " * 10_000_000), "Content-Encoding: deflate"),
        http(b"{}", "Content-Encoding: br"),
    ],
)
async def test_http_of_another_form_is_unusable(answer: Answer) -> None:
    assert len(await ask_all(answer)) >= 3


@pytest.mark.parametrize("place", ["/other", "http://127.0.0.1:1/", "file:///etc/passwd", "//127.0.0.1/", "::", ""])
async def test_a_redirect_is_not_followed(place: str) -> None:
    answer = http(b"", f"Location: {place}", status="302 Found")
    async with broken_relay() as broken:
        broken.break_with([answer] * 2)
        with pytest.raises(RelayUnreachable, match="redirects are not followed"):
            await RelayApi(broken.url, "token").devices()
        assert broken.waiting == 1


async def test_an_answer_that_does_not_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_api, "_TIMEOUT", relay_api.aiohttp.ClientTimeout(total=0.2))
    async with broken_relay() as broken:
        broken.break_with([Answer(http=b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", stays=True)])
        with pytest.raises(RelayUnreachable, match="in time"):
            await RelayApi(broken.url, "token").devices()


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"message": "no\n\u001b[2J\u202eway"}, "no [2J way"),
        ({"message": "x" * 2000}, "x" * 197 + "..."),
        ({"message": {}}, "HTTP status 403"),
        (b"<html>", "HTTP status 403"),
    ],
)
async def test_a_refusal_is_shown_on_one_line(body: object, shown: str) -> None:
    async with broken_relay() as broken:
        broken.break_with([http(body, status="403 \x1b[2J")])
        with pytest.raises(SignInRefused) as refused:
            await RelayApi(broken.url, "token").devices()
    assert shown in str(refused.value)
    assert str(refused.value).isprintable()


@asynccontextmanager
async def tls_server(folder: Path) -> AsyncIterator[str]:
    """A server with a certificate that nobody has signed, for another name."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other")])
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=36500))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "certificate.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def connecting_fails(url: str) -> str:
    """Return the log's lines of a connection to this relay."""
    socket = RelaySocket(url, 1000)
    try:
        await socket.open("token", 5)
    except Exception as error:
        return explain(error, url)
    finally:
        await socket.close()
    raise AssertionError("expected no connection")


async def test_a_certificate_that_is_not_trusted_is_named(tmp_path: Path) -> None:
    async with tls_server(tmp_path) as url:
        with pytest.raises(RelayUnreachable, match=r"certificate is not valid for 127\.0\.0\.1: self-signed"):
            await RelayApi(url, "token").devices()
        assert "certificate is not valid for 127.0.0.1" in await connecting_fails(url)


async def test_https_to_a_server_without_tls_is_named() -> None:
    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert "TLS" in await connecting_fails(url)
