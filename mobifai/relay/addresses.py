"""Finds the addresses at which phones can reach this machine, the one that most likely works first.

To find the interface with the default route, a UDP socket is connected to an address on the internet, which sends no
packet. The local address of this socket is then that of the interface.
"""

import contextlib
import ipaddress
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from mobifai.config import EVERY_ADDRESS, EVERY_IPV4_ADDRESS

_FAR = {socket.AF_INET: "1.1.1.1", socket.AF_INET6: "2606:4700:4700::1111"}
"""Addresses that only the default route covers. Nothing is sent to them."""

_VPN = re.compile(r"(?:u?tun|tap|wg|ppp|ipsec|gpd|tailscale|zt|nordlynx|proton|mullvad|cscotun|vpn)[a-z0-9_-]*")
_BRIDGE = re.compile(
    r"(?:docker|br-|bridge|virbr|veth|vnet|vmnet|vboxnet|lxcbr|lxdbr|incusbr|podman|cni|flannel|cali|kube|nerdctl|"
    r"hyper|vEthernet|awdl|llw|ap)[a-z0-9._-]*"
)


class Rank(IntEnum):
    """The kinds of addresses. The lower the rank, the more likely a phone can reach an address of this kind."""

    DEFAULT_ROUTE = 0
    NETWORK = 1
    VPN = 2
    BRIDGE = 3
    SELF_ASSIGNED = 4


@dataclass(frozen=True, slots=True)
class Interface:
    """One address of a network interface that is up."""

    name: str
    address: IPv4Address | IPv6Address
    point_to_point: bool = False
    bridge: bool = False


class _SortKey(NamedTuple):
    rank: Rank
    version: int
    order: int


def public_urls(host: str, port: int) -> list[str]:
    """Return the URLs of a relay that listens on `host`, at least one. The first is the most likely to work."""
    hosts = [host]
    if host in (EVERY_ADDRESS, EVERY_IPV4_ADDRESS):
        hosts = [str(address) for address in machine_addresses(ipv6=host == EVERY_ADDRESS)] or ["127.0.0.1"]
    return [_url(shown, port) for shown in hosts]


def _url(host: str, port: int) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def local_url(host: str, port: int) -> str:
    """Return the URL at which this machine reaches a relay that listens on `host`."""
    return _url("127.0.0.1" if host in (EVERY_ADDRESS, EVERY_IPV4_ADDRESS) else host, port)


def is_loopback(url: str) -> bool:
    """Return whether the host of a URL is loopback."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def invitation_urls(urls: list[str]) -> dict[str, Any]:
    """Return an invitation's fields for these URLs: `relay_url`, `page_url`, and `other_urls` if there are more."""
    url, *others = urls
    return {"relay_url": url, "page_url": f"{url}/", **({"other_urls": others} if others else {})}


def machine_addresses(*, ipv6: bool = True) -> list[IPv4Address | IPv6Address]:
    """Return this machine's addresses on its networks, sorted by how likely phones can reach them, best first."""
    sources = {_source(socket.AF_INET), _source(socket.AF_INET6)}
    found = [one for one in _interfaces() if ipv6 or one.address.version == 4]
    return sort_by_reachability(found, {source for source in sources if source is not None})


def sort_by_reachability(
    interfaces: list[Interface], sources: set[IPv4Address | IPv6Address]
) -> list[IPv4Address | IPv6Address]:
    """Return the usable addresses of `interfaces`, sorted by how likely phones can reach them, best first.

    `sources` are the addresses from which this machine sends packets to the internet.
    """
    usable = [one for one in interfaces if not _is_useless(one.address)]
    keyed = [
        (_SortKey(_rank(one, sources), one.address.version, number), one.address) for number, one in enumerate(usable)
    ]
    return list(dict.fromkeys(address for _, address in sorted(keyed, key=lambda pair: pair[0])))


def _rank(one: Interface, sources: set[IPv4Address | IPv6Address]) -> Rank:
    is_vpn = one.point_to_point or _VPN.fullmatch(one.name) is not None
    if one.address.is_link_local:
        return Rank.SELF_ASSIGNED
    if one.address in sources and not is_vpn:
        return Rank.DEFAULT_ROUTE
    if is_vpn:
        return Rank.VPN
    if one.bridge or _BRIDGE.fullmatch(one.name):
        return Rank.BRIDGE
    return Rank.NETWORK


def _is_useless(address: IPv4Address | IPv6Address) -> bool:
    """Return whether no phone can use an address.

    This includes link-local IPv6 addresses: each needs a zone, which a URL can't hold.
    """
    return address.is_loopback or address.is_unspecified or (address.version == 6 and address.is_link_local)


def _source(family: socket.AddressFamily) -> IPv4Address | IPv6Address | None:
    """Return the address from which this machine sends packets to the internet; None without a default route."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_FAR[family], 53))
            return ipaddress.ip_address(probe.getsockname()[0])
    except (OSError, ValueError):
        return None


def _interfaces() -> Iterator[Interface]:
    import psutil  # noqa: PLC0415 - not needed by a relay on loopback

    states = psutil.net_if_stats()
    for name, addresses in psutil.net_if_addrs().items():
        state = states.get(name)
        if state is not None and not state.isup:
            continue
        flags = state.flags.split(",") if state is not None else []
        for address in addresses:
            if address.family in _FAR:
                with contextlib.suppress(ValueError):
                    parsed = ipaddress.ip_address(address.address.partition("%")[0])
                    yield Interface(name, parsed, "pointopoint" in flags, _is_bridge(name))


def _is_bridge(name: str) -> bool:
    """Return whether Linux reports that an interface is a bridge. On other systems, return False."""
    return Path("/sys/class/net", name, "bridge").is_dir()
