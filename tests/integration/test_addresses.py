"""The addresses in links, on machines with all kinds of networks."""

from pathlib import Path

import pytest

from tests.integration.relays import relaying
from tests.support.agent import run_command, serving
from tests.support.other_network import Wire, why_not, words

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

DOCKER = Wire("docker0", ("172.17.0.1/16",))
VPN = Wire("wg0", ("10.8.0.2/24",))
NETWORKS = {
    "docker and a VPN before the LAN": (
        (DOCKER, VPN, Wire("eth0", ("192.168.1.7/24",), "192.168.1.1")),
        ["192.168.1.7", "10.8.0.2", "172.17.0.1"],
    ),
    "a rented server with docker": (
        (DOCKER, Wire("eth0", ("203.0.113.5/24", "2001:db8::5/64"), "203.0.113.1")),
        ["203.0.113.5", "[2001:db8::5]", "172.17.0.1"],
    ),
    "a VPN that takes everything": (
        (Wire("tun0", ("10.8.0.2/24",), "10.8.0.1"), DOCKER, Wire("wlan0", ("192.168.1.7/24",))),
        ["192.168.1.7", "10.8.0.2", "172.17.0.1"],
    ),
    "IPv6 only": (
        (Wire("eth0", ("fd00:1::5/64", "2001:db8::5/64"), "2001:db8::1"),),
        ["[2001:db8::5]", "[fd00:1::5]"],
    ),
    "a LAN that leads nowhere, IPv6 only": ((Wire("eth0", ("fd00:1::5/64",)),), ["[fd00:1::5]"]),
    "a bridge that is the LAN": (
        (DOCKER, Wire("br0", ("192.168.1.7/24",), "192.168.1.1")),
        ["192.168.1.7", "172.17.0.1"],
    ),
    "two networks": (
        (Wire("eth1", ("10.1.0.5/16",)), Wire("eth0", ("192.168.1.7/24",), "192.168.1.1")),
        ["192.168.1.7", "10.1.0.5"],
    ),
    "none": ((), ["127.0.0.1"]),
}


@pytest.mark.parametrize(("wires", "hosts"), NETWORKS.values(), ids=NETWORKS)
async def test_a_link_names_the_address_that_a_phone_is_likeliest_to_reach(
    tmp_path: Path, wires: tuple[Wire, ...], hosts: list[str]
) -> None:
    async with serving(tmp_path / "state", "--lan", inside=words(*wires)) as agent:
        invitation = await agent.invite()
        port = invitation["relay_url"].rpartition(":")[2]
        first, *others = [f"http://{host}:{port}" for host in hosts]
        assert invitation["relay_url"] == agent.relay_url == first
        assert invitation["link"].startswith(f"{first}/#")
        assert invitation.get("other_urls", []) == others
        shown = await agent.command("pair")
        log = agent.log.read_text()
    for url in others:
        assert url in shown
        assert url in log
    assert ("No network" in log) == (not wires)


async def test_the_public_url_is_the_only_address(tmp_path: Path) -> None:
    wires = (DOCKER, Wire("eth0", ("192.168.1.7/24",), "192.168.1.1"))
    options = ("--lan", "--public-url", "https://Relay.example/mobifai/")
    async with serving(tmp_path / "state", *options, inside=words(*wires)) as agent:
        invitation = await agent.invite()
    assert invitation["relay_url"] == "https://relay.example/mobifai"
    assert invitation["link"].startswith("https://relay.example/mobifai/#")
    assert "other_urls" not in invitation


async def test_a_relay_alone_names_its_addresses_the_same_way(tmp_path: Path) -> None:
    wires = (DOCKER, Wire("eth0", ("192.168.1.7/24",), "192.168.1.1"))
    async with relaying(tmp_path / "relay", 0, "--host", "::", inside=words(*wires)) as relay:
        invitation = await relay.invite()
        assert invitation["page_url"] == f"{relay.url}/"
        assert relay.url.startswith("http://192.168.1.7:")
        assert invitation["other_urls"][0].startswith("http://172.17.0.1:")
    async with relaying(tmp_path / "relay", 0, "--public-url", "http://relay.example") as relay:
        assert (await relay.invite())["page_url"] == "http://relay.example/"


@pytest.mark.parametrize(
    "url",
    ["relay.example", "ftp://relay.example", "https://", "https://relay.example:99999", "https://relay.example/?a",
     "https://relay.example/#a", "https://me@relay.example", "https://relay.example/a b", "https://[::1", "http://:80",
     "https://relay.example/../x", "https://re%lay", "https://999.1.1.1", ""],
)  # fmt: skip
async def test_a_public_url_that_is_none_is_refused_in_a_sentence(tmp_path: Path, url: str) -> None:
    for command in ("serve", "relay"):
        status, _, err = await run_command(command, "--state-dir", str(tmp_path / "state"), "--public-url", url)
        assert status != 0
        assert "--public-url: expected https://HOST" in err
        assert "Traceback" not in err


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--trusted-proxy", "nginx", "expected an address such as 192.0.2.7"),
        ("--trusted-proxy", "10.0.0.1/8", "10.0.0.0/8"),
        ("--trusted-proxy", "", "expected an address"),
        ("--allow-host", "https://relay.example", "expected a host such as relay.example"),
        ("--allow-host", "relay.example:0", "expected a host such as relay.example"),
        ("--allow-host", "", "expected a host such as relay.example"),
    ],
)
async def test_what_is_no_proxy_or_name_is_refused_in_a_sentence(
    tmp_path: Path, option: str, value: str, message: str
) -> None:
    status, _, err = await run_command("serve", "--state-dir", str(tmp_path / "state"), option, value)
    assert status != 0
    assert f"{option}: " in err
    assert message in err
    assert "Traceback" not in err


async def test_the_settings_file_and_the_environment_name_proxies_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text('trusted_proxy = ["10.0.0.0/8", "caddy"]\nallow_host = ["relay.example"]\n')
    serve = ("serve", "--state-dir", str(tmp_path / "state"))
    status, _, err = await run_command("--config", str(settings), *serve)
    assert (status != 0, "--trusted-proxy: expected an address" in err, "'caddy'" in err) == (True, True, True)
    monkeypatch.setenv("MOBIFAI_TRUSTED_PROXY", "10.0.0.0/8 traefik")
    status, _, err = await run_command(*serve)
    assert (status != 0, "'traefik'" in err) == (True, True)
    monkeypatch.delenv("MOBIFAI_TRUSTED_PROXY")
    monkeypatch.setenv("MOBIFAI_PUBLIC_URL", "relay.example")
    status, _, err = await run_command(*serve)
    assert (status != 0, "--public-url: expected https://HOST" in err) == (True, True)
