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

_MDNS = re.compile(r"[0-9A-Za-z-]{1,63}\.local\Z")


class Addresses:
    """The addresses of one call. `loopback`: the agent itself is reached there, as on a machine without a network."""

    def __init__(self, *, loopback: bool = False) -> None:
        self.loopback = loopback
        self._named: set[tuple[str, int]] = set()  # bounded by MOST_ADDRESSES
        self._seen: set[tuple[str, int]] = set()  # bounded by MOST_ADDRESSES

    def allow(self, host: str, port: int, transport: str = "udp") -> bool:
        """Return whether datagrams may be sent to an address, and count it. A name is checked again as an address."""
        if transport.lower() != "udp" or not (_MDNS.match(host) or self.may_be_a_phone(host)):
            return False
        return _count(self._named, host, port)

    def allow_seen(self, host: str, port: int) -> bool:
        """The same for an address that the phone has not named, but from which a check came.

        These are counted by themselves: behind a router, it may be the only one at which the phone is reached.
        """
        return (host, port) in self._named or (self.may_be_a_phone(host) and _count(self._seen, host, port))

    def may_be_a_phone(self, host: str) -> bool:
        """Return whether a phone can have this IP address."""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        address = address if mapped is None else mapped
        if address.is_loopback:
            return self.loopback
        return not (address.is_unspecified or address.is_multicast or address.is_reserved)


def _count(known: set[tuple[str, int]], host: str, port: int) -> bool:
    """Whether there is room for an address among those that are known; then it is one of them."""
    if not _LOWEST_PORT <= port < 1 << 16 or ((host, port) not in known and len(known) >= MOST_ADDRESSES):
        return False
    known.add((host, port))
    return True
