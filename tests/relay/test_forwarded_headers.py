"""Clients behind reverse proxies: only trusted proxies can state a client's address."""

from ipaddress import ip_network
from pathlib import Path

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from mobifai.config import RelayConfig
from mobifai.protocol.codes import ATTEMPTS_PER_MINUTE
from mobifai.relay.forwarded_headers import RequestClient, find_client
from tests.relay.place import Place, open_place

PROXY = "192.0.2.1"
TRUSTED = (ip_network("192.0.2.0/28"), ip_network("2001:db8:ffff::/48"))


def client(*headers: tuple[str, str], peer: str = PROXY) -> RequestClient:
    return find_client(peer, CIMultiDictProxy(CIMultiDict(headers)), TRUSTED)


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-Forwarded-For", "198.51.100.7"), ("Forwarded", "for=198.51.100.7"), ("X-Forwarded-Proto", "https"),
     ("X-Forwarded-Host", "relay.example"), ("Forwarded", "for=198.51.100.7;proto=https;host=relay.example")],
)  # fmt: skip
def test_a_peer_that_is_not_trusted_is_not_believed(name: str, value: str) -> None:
    assert client((name, value), peer="198.51.100.1") == RequestClient("198.51.100.1")


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("198.51.100.7:4711", "198.51.100.7"),
        ('"198.51.100.7"', "198.51.100.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:DB8::7]:443", "2001:db8::7"),
        ("[2001:db8:0:0:0:0:0:7]", "2001:db8::7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("6.6.6.6, 198.51.100.7", "198.51.100.7"),
        ("6.6.6.6, 198.51.100.7, 192.0.2.2", "198.51.100.7"),
        ("6.6.6.6, 198.51.100.7, 2001:db8:ffff::1, 192.0.2.2", "198.51.100.7"),
        ("192.0.2.3, 192.0.2.2", "192.0.2.3"),
        ("6.6.6.6, unknown", PROXY),
        ("6.6.6.6, 999.1.1.1", PROXY),
        ("6.6.6.6, ", PROXY),
        ("", PROXY),
        ("198.51.100.7; evil", PROXY),
        ("_client7", "_client7"),
    ],
)
def test_the_right_most_hop_that_is_not_trusted_is_the_client(value: str, address: str) -> None:
    assert client(("X-Forwarded-For", value)).address == address


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("for=198.51.100.7", "198.51.100.7"),
        ("For=198.51.100.7;Proto=https", "198.51.100.7"),
        ('for="198.51.100.7:4711"', "198.51.100.7"),
        ('for="[2001:db8::7]:4711"; by="[2001:db8:ffff::1]"', "2001:db8::7"),
        ("for=[2001:db8::7]", "2001:db8::7"),
        ('for="_hidden"', "_hidden"),
        ("for=_hidden", "_hidden"),
        ("for=unknown", PROXY),
        ("by=198.51.100.9", PROXY),
        ("for=6.6.6.6, for=198.51.100.7", "198.51.100.7"),
        ("for=6.6.6.6,for=198.51.100.7 , for=192.0.2.2", "198.51.100.7"),
        ('for="6.6.6.6, for=198.51.100.7', PROXY),
        ('for="a\\",for=6.6.6.6";host=x, for=198.51.100.7', "198.51.100.7"),
        (", for=198.51.100.7", "198.51.100.7"),
        ("garbage", PROXY),
        ("for=198.51.100.7 evil", PROXY),
        ("", PROXY),
    ],
)
def test_the_standard_header_is_read_by_its_grammar(value: str, address: str) -> None:
    assert client(("Forwarded", value)).address == address


def test_several_headers_of_one_name_are_one_list() -> None:
    assert client(("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "198.51.100.7")).address == "198.51.100.7"
    assert client(("Forwarded", "for=6.6.6.6"), ("Forwarded", "for=198.51.100.7")).address == "198.51.100.7"
    assert client(("Forwarded", 'for="broken'), ("Forwarded", "for=198.51.100.7")).address == "198.51.100.7"
    hops = (("X-Forwarded-For", "198.51.100.7"), ("X-Forwarded-For", "192.0.2.2"))
    assert client(*hops).address == "198.51.100.7"


def test_a_header_that_the_proxy_only_passes_on_names_nobody() -> None:
    headers = (("Forwarded", "for=6.6.6.6"), ("X-Forwarded-For", "198.51.100.7"), ("X-Forwarded-Host", "relay.example"))
    assert client(*headers) == RequestClient(PROXY)
    same = (("Forwarded", "for=198.51.100.7"), ("X-Forwarded-For", "6.6.6.6, 198.51.100.7"))
    assert client(*same, ("X-Forwarded-Proto", "https")) == RequestClient("198.51.100.7", "https")


@pytest.mark.parametrize(
    ("headers", "scheme", "host"),
    [
        ([("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "relay.example:8443")], "https", "relay.example:8443"),
        ([("X-Forwarded-Proto", "WSS")], "https", None),
        ([("X-Forwarded-Proto", "gopher"), ("X-Forwarded-Host", "evil@relay.example")], None, None),
        ([("X-Forwarded-Proto", "http, https"), ("X-Forwarded-Host", "evil.example, relay.example")],
         "https", "relay.example"),
        ([("Forwarded", 'for=1.1.1.1;proto=http;host=evil.example, for=198.51.100.7;proto=https;host="relay.example"')],
         "https", "relay.example"),
    ],
)  # fmt: skip
def test_scheme_and_host_are_those_of_the_nearest_hop(
    headers: list[tuple[str, str]], scheme: str | None, host: str | None
) -> None:
    found = client(*headers)
    assert (found.scheme, found.host) == (scheme, host)


@pytest.mark.parametrize("peer", ["192.0.2.14", "::ffff:192.0.2.14", "2001:db8:ffff:1::1"])
def test_networks_of_proxies_are_trusted_in_every_form_of_their_addresses(peer: str) -> None:
    assert client(("X-Forwarded-For", "198.51.100.7"), peer=peer).address == "198.51.100.7"


def behind(*trusted: str, **settings: str) -> RelayConfig:
    return RelayConfig(port=0, trusted_proxies=tuple(map(ip_network, trusted)), **settings)  # type: ignore[arg-type]


async def _wrong_code(place: Place, **headers: str) -> int:
    body = {"deviceId": "phone-1", "type": "mobile", "code": "AAAA-AAAA"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with place.ask("POST", "/api/sign-in", json=body, headers=named) as response:
        return response.status


async def test_wrong_codes_count_for_the_client_behind_a_trusted_proxy(tmp_path: Path) -> None:
    async with open_place(tmp_path, config=behind("127.0.0.1")) as place:
        for number in range(ATTEMPTS_PER_MINUTE + 1):
            forged = f"203.0.113.{number}, 198.51.100.7"
            last = await _wrong_code(place, X_Forwarded_For=forged)
        assert last == 429
        assert await _wrong_code(place, X_Forwarded_For="198.51.100.8") == 403
        assert await _wrong_code(place) == 403


async def test_wrong_codes_count_for_the_sender_where_no_proxy_is_trusted(tmp_path: Path) -> None:
    async with open_place(tmp_path, config=behind("192.0.2.1")) as place:
        for number in range(ATTEMPTS_PER_MINUTE + 1):
            last = await _wrong_code(place, X_Forwarded_For=f"198.51.100.{number}", Forwarded=f"for=203.0.113.{number}")
        assert last == 429
