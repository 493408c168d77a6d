"""The addresses of a phone to which the agent sends datagrams (ICE candidates), and how many there may be. Pure.

The agent checks every address that it is given, so a phone or a relay could have it send to whomever it likes. It sends
to few, and to none that no phone has.
"""

import ipaddress
import re

MOST_ADDRESSES = 24
"""Of one call: a phone with Wi-Fi, mobile data and a VPN has some twelve, with those that servers see."""

_LOWEST_PORT = 1024
"""No phone has a lower one: those are of services such as DNS, which must not get datagrams that a phone wants."""

_LINE = re.compile(r"(?m)^a=candidate:[^\r\n]*(?:\r?\n|\Z)")
_MDNS = re.compile(r"[0-9A-Za-z-]{1,63}\.local\Z")


class Addresses:
    """The addresses of one call. `loopback`: the agent itself is reached there, as on a machine without a network."""

    def __init__(self, *, loopback: bool = False) -> None:
        self._loopback = loopback
        self._known: set[tuple[str, str]] = set()  # bounded by MOST_ADDRESSES

    def allow(self, candidate: str) -> bool:
        """Return whether datagrams may be sent to a candidate, and count it."""
        fields = candidate.removeprefix("candidate:").split()
        if len(fields) < 8 or fields[2].lower() != "udp":
            return False
        host, port = fields[4], fields[5]
        if not (self._may_be_a_phone(host) and port.isascii() and port.isdecimal()):
            return False
        if len(port) > 5 or not _LOWEST_PORT <= int(port) < 1 << 16:
            return False
        if (host, port) not in self._known and len(self._known) >= MOST_ADDRESSES:
            return False
        self._known.add((host, port))
        return True

    def strip(self, sdp: str) -> str:
        """Return a description without the candidates that are not allowed."""
        return _LINE.sub(lambda line: line[0] if self.allow(line[0].strip().removeprefix("a=")) else "", sdp)

    def _may_be_a_phone(self, host: str) -> bool:
        if _MDNS.match(host):
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        address = address if mapped is None else mapped
        if address.is_loopback:
            return self._loopback
        return not (address.is_unspecified or address.is_multicast or address.is_reserved)
