"""Requests that are not for this relay, or not from its own pages."""

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from aiohttp import WSServerHandshakeError

from mobifai.config import RelayConfig
from mobifai.relay.host_names import HostNames
from tests.relay.device import raw_socket
from tests.relay.place import Place, open_place


@pytest.fixture(autouse=True)
def _named_laptop(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("socket.gethostname", lambda: "Laptop.local")
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
        names = HostNames(hostname=hostname)
        assert "box" in names
        assert "box.local" in names


async def _refusal(place: Place, **headers: str) -> str:
    async with place.ask("POST", "/api/sign-in", json={}, headers=headers) as response:
        assert response.status == 403
        return str((await response.json())["message"])


async def test_a_refusal_names_the_option_that_allows_the_name(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        assert "`--allow-host relay.example`" in await _refusal(place, Host="relay.example:8443")
        own = f"127.0.0.1:{place.relay.port}"
        assert "`--allow-host relay.example`" in await _refusal(place, Host=own, Origin="https://relay.example")
        assert "`--allow-host relay.example:8443`" in await _refusal(
            place, Host=own, Origin="https://relay.example:8443"
        )
        for headers in ({"Host": "evil`; rm -rf`"}, {"Host": own, "Origin": "null"}, {"Host": "a" * 300}):
            assert "--allow-host" not in await _refusal(place, **headers)


@pytest.mark.parametrize(
    ("path", "headers", "status", "remedy"),
    [
        ("/", {"Host": "relay.example"}, 403, "--allow-host relay.example"),
        ("/mobifai/", {}, 404, "--public-url https://HOST/mobifai/"),
        ("/api/me", {}, 401, "sign in"),
    ],
)
async def test_a_browser_is_shown_a_page_that_says_what_to_do(
    tmp_path: Path, path: str, headers: dict[str, str], status: int, remedy: str
) -> None:
    accepts = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    async with open_place(tmp_path) as place, place.ask("GET", path, headers={**accepts, **headers}) as response:
        assert response.status == status
        assert response.content_type == "text/html"
        assert remedy in await response.text()


@pytest.mark.parametrize("host", ["relay.example", "relay.example:443"])
@pytest.mark.parametrize("changed", [True, False])
async def test_an_allowed_name_may_be_that_of_the_page_too(tmp_path: Path, host: str, changed: bool) -> None:
    async with open_place(tmp_path, allowed_hosts=(host,)) as place:
        headers = {"Origin": "https://relay.example", "Host": "127.0.0.1:8765" if changed else "relay.example"}
        async with place.ask("GET", "/health", headers=headers) as response:
            assert response.status == 200
        async with place.ask("GET", "/health", headers={**headers, "Origin": "https://relay.example:444"}) as response:
            assert response.status == 403


async def test_the_host_that_a_trusted_proxy_reports_may_be_that_of_the_page(tmp_path: Path) -> None:
    headers = {"Origin": "https://relay.example", "X-Forwarded-Host": "relay.example", "X-Forwarded-Proto": "https"}
    for proxy, status in (("127.0.0.1", 200), ("192.0.2.1", 403)):
        config = RelayConfig(port=0, trusted_proxies=(ip_network(proxy),))
        async with open_place(tmp_path, config=config) as place:
            async with place.ask("GET", "/health", headers=headers) as response:
                assert response.status == status
            async with place.ask("GET", "/health", headers={**headers, "Host": "evil.example"}) as response:
                assert response.status == 403


async def test_everything_is_served_under_the_path_of_the_public_url_as_well(tmp_path: Path) -> None:
    config = RelayConfig(port=0, public_url="https://relay.example/some/path")
    async with open_place(tmp_path, config=config) as place:
        for root in ("", "/some/path"):
            async with place.ask("GET", f"{root}/health", headers={"Host": "relay.example"}) as response:
                assert response.status == 200
            async with raw_socket(f"{place.url}{root}", headers={"Origin": "https://relay.example"}) as socket:
                assert not socket.closed
        async with place.ask("GET", "/some/path") as response:
            assert (response.status, response.headers["Location"]) == (308, "path/")
        async with place.ask("GET", "/some/") as response:
            assert response.status == 404
        assert place.relay.find_urls() == ["https://relay.example/some/path"]
