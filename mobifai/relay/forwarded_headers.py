"""The client of a request, as trusted reverse proxies report it in Forwarded and X-Forwarded-* headers.

These are pure functions of a request's headers. Each proxy appends its client at the right end of a header. So a header
is read from the right, up to the first hop that is not a trusted proxy. Headers that arrive from other peers are
ignored.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import SplitResult, urlsplit

from multidict import CIMultiDictProxy

IPAddress = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
# The standard requires quotes around a value with a colon or a bracket, but many proxies leave them out.
_PAIR = re.compile(rf"\s*({_NAME})=({_QUOTED}|[^\s\",;]+)\s*(;|,|\Z)")
_OBFUSCATED = re.compile(r"_[A-Za-z0-9._-]{1,64}")
_PORT = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
_BRACKETS = re.compile(rf"\[([0-9A-Fa-f:.]+)\]{_PORT}")
_DOTTED = re.compile(rf"([0-9.]+){_PORT}")

_Element = dict[str, str]
"""One hop of the header `Forwarded`: the values of `for`, `by`, `host` and `proto`, by name."""


@dataclass(frozen=True, slots=True)
class RequestClient:
    """The client that sent a request.

    `address` is an IP address, or an identifier that a trusted proxy uses in place of one. `scheme` and `host` are
    those of the URL that the client uses, if a trusted proxy reports them.
    """

    address: str
    scheme: str | None = None
    host: str | None = None


def find_client(peer: str, headers: "CIMultiDictProxy[str]", trusted: Networks) -> RequestClient:
    """Return the client that sent a request. `peer` is the address from which the request arrived, perhaps a proxy's.

    Only the headers of proxies in the networks `trusted` are used.
    """
    address = plain_address(peer)
    if not is_trusted(address, trusted):
        return RequestClient(address)
    by_standard = _by_forwarded(address, headers.getall("Forwarded", []), trusted)
    by_custom = _by_x_forwarded(address, headers, trusted)
    if by_standard is None:
        return by_custom
    if "X-Forwarded-For" in headers and by_standard.address != by_custom.address:
        # The proxy sets one of them and passes the other on as the client sent it. We can't know which.
        return RequestClient(address)
    return RequestClient(
        by_standard.address, by_standard.scheme or by_custom.scheme, by_standard.host or by_custom.host
    )


def plain_address(address: str) -> str:
    """Return an IP address in canonical form: without a zone, and an IPv4-mapped IPv6 address as IPv4."""
    parsed = _parse_address(address)
    return str(parsed) if parsed is not None else address


def _parse_address(text: str) -> IPAddress | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_trusted(address: str, trusted: Networks) -> bool:
    """Return whether an address is that of a trusted proxy."""
    parsed = _parse_address(address)
    return parsed is not None and any(parsed in network for network in trusted)


# -- Forwarded (RFC 7239)


def _by_forwarded(peer: str, lines: Sequence[str], trusted: Networks) -> RequestClient | None:
    """Return the client according to the header `Forwarded`, which has these lines; None if there are none.

    The search ends at the first hop that can't be parsed.
    """
    if not lines:
        return None
    client = RequestClient(peer)
    for line in reversed(lines):
        elements = _parse_forwarded(line)
        if elements is None:
            return client
        for element in reversed(elements):
            address = _node_address(element.get("for", ""))
            if address is None:
                return client
            client = RequestClient(address, _scheme(element.get("proto")), _host(element.get("host")))
            if not is_trusted(address, trusted):
                return client
    return client


def _parse_forwarded(line: str) -> list[_Element] | None:
    """Return the elements of one header line; None for a malformed line."""
    elements: list[_Element] = []
    end = ","
    while line := line.lstrip(" \t,") if end == "," else line:
        found = _PAIR.match(line)
        if found is None:
            return None
        if end == ",":
            elements.append({})
        name, value, end = found.groups()
        elements[-1][name.lower()] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        line = line[found.end() :]
    return elements


def _node_address(node: str) -> str | None:
    """Return the address in a node (a value of `for`), without a port; None for `unknown` and for a malformed node."""
    if _OBFUSCATED.fullmatch(node):
        return node
    found = _BRACKETS.fullmatch(node) or _DOTTED.fullmatch(node)
    parsed = _parse_address(found[1] if found else node)
    return str(parsed) if parsed is not None else None


# -- X-Forwarded-*


def _by_x_forwarded(peer: str, headers: "CIMultiDictProxy[str]", trusted: Networks) -> RequestClient:
    """Return the client according to the headers `X-Forwarded-*`.

    The search ends at the first hop that can't be parsed.
    """
    scheme = _scheme(_last(headers.getall("X-Forwarded-Proto", [])))
    host = _host(_last(headers.getall("X-Forwarded-Host", [])))
    address = peer
    for hop in reversed(_split_list(headers.getall("X-Forwarded-For", []))):
        found = _node_address(hop.strip('"'))
        if found is None:
            break
        address = found
        if not is_trusted(address, trusted):
            break
    return RequestClient(address, scheme, host)


def _split_list(lines: Iterable[str]) -> list[str]:
    return [item.strip() for line in lines for item in line.split(",")]


def _last(lines: Sequence[str]) -> str | None:
    return _split_list(lines)[-1] if lines else None


# -- values


def _scheme(value: str | None) -> str | None:
    """Return the page's scheme (`http` or `https`) for the scheme of a request or a WebSocket; None for other text."""
    return {"http": "http", "https": "https", "ws": "http", "wss": "https"}.get((value or "").lower())


def _host(value: str | None) -> str | None:
    return value if value and split_host(value) is not None else None


def split_host(host: str) -> SplitResult | None:
    """Split `HOST[:PORT]`. Return None for anything else."""
    return split_origin(f"//{host}")


def split_origin(url: str) -> SplitResult | None:
    """Split `SCHEME://HOST[:PORT]`. Return None for a URL with a user, a path or a bad port, and for other text."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError for a bad port
    except ValueError:
        return None
    return parts if parts.netloc and "@" not in parts.netloc and not parts.path.strip("/") else None
