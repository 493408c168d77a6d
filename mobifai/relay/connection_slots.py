"""Fair allocation of connections among network addresses, as long as no device is signed in on them.

A slot is room for one connection that may be closed for a newer one: an HTTP connection, or a WebSocket that is not
signed in. Each address has a limit of its own, so that a flood from one address only evicts its own connections. When
all slots are in use, the address with the most slots loses its oldest connection. A quarter of the slots is reserved
for known addresses, from which a device has signed in.

IPv6 addresses are counted by their /64 network, since a host can use any address of it.
"""

import ipaddress
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Generic, TypeVar

from mobifai.bounds import Bound, BoundedMap, Ledger
from mobifai.limits import RELAY_KNOWN_ADDRESSES

K = TypeVar("K", bound=Hashable)

KNOWN_FACTOR = 2
"""The factor by which a known address' limit is higher than that of others: all devices of a household behind one
router reconnect together."""


@dataclass(frozen=True, slots=True)
class AddressGroup:
    """Network addresses that share one limit of connections: a single address, or a /64 network of IPv6.

    If `known` is True, the group is one address, from which a device has signed in. `group` is the text of the address
    or network.
    """

    group: str
    known: bool


THIS_PROCESS = AddressGroup("", known=True)


class KnownAddresses:
    """The addresses from which devices signed in, the most recent last."""

    def __init__(self, ledger: Ledger) -> None:
        self._bound = ledger.open(RELAY_KNOWN_ADDRESSES)
        self._addresses: BoundedMap[str, None] = BoundedMap(self._bound)
        self._ledger = ledger

    def close(self) -> None:
        """Close the ledger entry of the known addresses."""
        self._ledger.close(self._bound)

    def add(self, address: str) -> None:
        """Record that a device signed in from an address. If there are too many, the least recent one is evicted."""
        self._addresses.pop(address, None)
        self._addresses[address] = None

    def group_of(self, address: str) -> AddressGroup:
        """Return the group whose limit applies to an address."""
        known = address in self._addresses
        return AddressGroup(address if known else _network(address), known)


def _network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))
    return address


class ConnectionSlots(Generic[K]):
    """The slots in use, oldest first. A connection is identified by a key of type `K`.

    `bound` limits their number. `most` is the number of slots that one unknown group of addresses may have.
    """

    def __init__(self, bound: Bound, most: int) -> None:
        self._bound = bound
        self._groups: BoundedMap[K, AddressGroup] = BoundedMap(bound)
        self._most = most
        self._most_unknown = bound.capacity - bound.capacity // 4

    def __contains__(self, key: object) -> bool:
        return key in self._groups

    def __iter__(self) -> Iterator[K]:
        return iter(self._groups)

    def acquire(self, key: K, group: AddressGroup, *, limited: bool = True) -> K | None:
        """Take a slot for a new connection. Return the connection that was evicted for it, or None.

        With `limited`, the limit of slots per group applies to `group`. Raises LimitReached if no connection may be
        evicted: the address is unknown, and known addresses have one slot each.
        """
        gone = self._find_evicted(group, limited=limited)
        if gone is not None:
            self.release(gone)
            self._bound.evicted(1)
        elif not self._bound.room:
            raise self._bound.refuse("one more connection")
        self._groups[key] = group
        return gone

    def _find_evicted(self, new: AddressGroup, *, limited: bool) -> K | None:
        own = [key for key, group in self._groups.items() if group == new]
        if limited and len(own) >= self._most * (KNOWN_FACTOR if new.known else 1):
            return own[0]
        if not new.known and self._count_unknown() >= self._most_unknown:
            return self.pick_evicted(new)
        return self.pick_evicted(new) if len(self._groups) >= self._bound.capacity else None

    def _count_unknown(self) -> int:
        return sum(not group.known for group in self._groups.values())

    def pick_evicted(self, new: AddressGroup, key: K | None = None) -> K | None:
        """Return the connection to evict for a new connection from the group `new`, or None.

        This is the oldest connection of the group with the most slots. Connections of unknown groups are evicted first.
        For a new connection of an unknown group, a known address only loses slots beyond its first.

        `key` is the new connection itself, if it already has a slot. It is not evicted.
        """
        slots = [(other, group) for other, group in self._groups.items() if other != key]
        unknown = [(other, group) for other, group in slots if not group.known]
        if unknown or new.known:
            return _oldest_of_largest(unknown or slots)
        counts = Counter(group for _, group in slots)
        return _oldest_of_largest((other, group) for other, group in slots if counts[group] > 1)

    def move(self, key: K, group: AddressGroup) -> bool:
        """Count the slot of a connection for `group` from now on. Return whether that group is within its limit."""
        if self._groups.get(key) not in (None, group):
            self._groups[key] = group
        own = sum(one == group for one in self._groups.values())
        return own <= self._most * (KNOWN_FACTOR if group.known else 1)

    def release(self, key: K) -> None:
        """Free the slot of a connection that is closed or signed in."""
        self._groups.pop(key, None)


def _oldest_of_largest(slots: Iterable[tuple[K, AddressGroup]]) -> K | None:
    slots = list(slots)
    counts = Counter(group for _, group in slots)
    most = max(counts.values(), default=0)
    return next((key for key, group in slots if counts[group] == most), None)
