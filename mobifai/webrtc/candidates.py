"""The addresses of a phone to which the agent may send datagrams (ICE candidates), and how many there may be.

ICE sends a check to every address that the phone names, so a phone or a relay could make the agent send to any host.
Therefore the agent sends only to a limited number of addresses, and only to those that a phone can have.
"""

import ipaddress
import re

MOST_ADDRESSES = 24
"""The most addresses of one connection. A phone with Wi-Fi, mobile data and a VPN has about twelve, including those
that servers see.
"""

_LOWEST_PORT = 1024
"""No phone has a lower port. Those belong to services such as DNS, which must not get datagrams on a phone's behalf."""

_MDNS = re.compile(r"[0-9A-Za-z-]{1,63}\.local\Z")


class Addresses:
    """The addresses to which one connection may send.

    `loopback`: loopback addresses are allowed, because the agent itself can be reached at one, as on a machine without
    a network.
    """

    def __init__(self, *, loopback: bool = False) -> None:
        self.loopback = loopback
        self._named: set[tuple[str, int]] = set()  # bounded by MOST_ADDRESSES
        self._seen: set[tuple[str, int]] = set()  # bounded by MOST_ADDRESSES

    def allow(self, host: str, port: int, transport: str = "udp") -> bool:
        """Return whether datagrams may be sent to an address that the phone named. If so, count the address.

        `host` may be an mDNS name. The caller has to check the address to which it resolves with `may_be_a_phone`.
        """
        if transport.lower() != "udp" or not (_MDNS.match(host) or self.may_be_a_phone(host)):
            return False
        return _count(self._named, host, port)

    def allow_seen(self, host: str, port: int) -> bool:
        """Return whether datagrams may be sent to an address from which a connectivity check (STUN) arrived.

        Addresses that the phone has not named have a limit of their own: behind a router, such an address may be the
        only one at which the phone can be reached.
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
    """Add an address to `known`, unless its port is not allowed or `known` is full. Return whether `known` has it."""
    if not _LOWEST_PORT <= port < 1 << 16 or ((host, port) not in known and len(known) >= MOST_ADDRESSES):
        return False
    known.add((host, port))
    return True
