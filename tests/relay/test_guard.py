"""Requests that are not for this relay, or not from its own pages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import WSServerHandshakeError

from mobifai.relay.guard import Guard
from tests.relay.device import raw_socket
from tests.relay.place import open_place


@pytest.fixture(autouse=True)
def _named_laptop(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("mobifai.relay.guard.socket.gethostname", lambda: "Laptop.local")
    yield


OWN = ["127.0.0.1", "127.0.0.1:8765", "192.168.1.7:8765", "[::1]:8765", "[fe80::1%25eth0]:1", "localhost",
       "LOCALHOST:1", "laptop", "laptop.local:8765", "laptop.local.", "relay.example:443"]  # fmt: skip
FOREIGN = ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "laptop.evil", "user@localhost",
           "localhost:port", "localhost/..", "[::1", "127.0.0.1:99999", "evil.example#localhost"]  # fmt: skip


@pytest.mark.parametrize("host", OWN)
async def test_its_own_addresses_and_names_are_served(tmp_path: Path, host: str) -> None:
    async with open_place(tmp_path, allowed_hosts=("relay.example",)) as place:
        async with place.ask("GET", "/health", headers={"Host": host}) as response:
            assert response.status == 200


@pytest.mark.parametrize("host", FOREIGN)
async def test_a_name_that_is_not_its_own_is_refused(tmp_path: Path, host: str) -> None:
    async with open_place(tmp_path) as place, place.ask("GET", "/health", headers={"Host": host}) as response:
        assert response.status == 403
        assert "Host" in (await response.json())["message"]


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://127.0.0.1:8765", 200), ("https://127.0.0.1:8765", 200), ("HTTP://127.0.0.1:8765", 200),
     ("http://127.0.0.1:8766", 403), ("http://127.0.0.1", 403), ("http://evil.example", 403), ("null", 403),
     ("", 403), ("file://", 403), ("http://127.0.0.1:8765.evil.example", 403), ("ws://127.0.0.1:8765", 403),
     ("http://evil@127.0.0.1:8765", 403)],
)  # fmt: skip
async def test_only_its_own_pages_may_ask(tmp_path: Path, origin: str, status: int) -> None:
    headers = {"Host": "127.0.0.1:8765", "Origin": origin}
    async with open_place(tmp_path) as place, place.ask("GET", "/health", headers=headers) as response:
        assert response.status == status


@pytest.mark.parametrize(
    ("host", "origin"), [("127.0.0.1", "http://127.0.0.1:80"), ("127.0.0.1:443", "https://127.0.0.1")]
)
async def test_the_usual_port_may_be_left_out(tmp_path: Path, host: str, origin: str) -> None:
    headers = {"Host": host, "Origin": origin}
    async with open_place(tmp_path) as place, place.ask("GET", "/health", headers=headers) as response:
        assert response.status == 200


async def test_sockets_pass_the_same_guard(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        async with raw_socket(place.url, headers={"Origin": place.url}) as socket:
            assert not socket.closed
        for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
            with pytest.raises(WSServerHandshakeError, match="403"):
                async with raw_socket(place.url, headers=headers):
                    pass


def test_a_hostname_is_known_with_and_without_local() -> None:
    for hostname in ("box", "box.local", "BOX.local"):
        assert {"box", "box.local"} <= Guard(hostname=hostname)._names
