"""Who gets a place when strangers want more than there are.

A place is a connection that may be ended to make room: one that sent no request yet, one with a request, or a WebSocket
that is not signed in. Each network address has a limit of its own, so that one sender only ever pushes out itself.
When all places are taken, the sender that holds most of them loses its oldest. Addresses from which a device signed in
have a quarter of the places to themselves.

IPv6 addresses are counted by their /64 network: any host of one chooses among all of its addresses.
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
"""By how much the limit of a known address is higher: a household behind one router reconnects at once."""


@dataclass(frozen=True, slots=True)
class AddressGroup:
    """Those who share a limit. `known`: a device signed in from this very address."""

    group: str
    known: bool


THIS_PROCESS = AddressGroup("", known=True)


class KnownAddresses:
    """The addresses from which devices signed in, the latest last."""

    def __init__(self, ledger: Ledger) -> None:
        self._bound = ledger.open(RELAY_KNOWN_ADDRESSES)
        self._addresses: BoundedMap[str, None] = BoundedMap(self._bound)
        self._ledger = ledger

    def close(self) -> None:
        """Close its account in the ledger."""
        self._ledger.close(self._bound)

    def add(self, address: str) -> None:
        """Remember an address; when there are too many, the one that was used longest ago is forgotten."""
        self._addresses.pop(address, None)
        self._addresses[address] = None

    def group_of(self, address: str) -> AddressGroup:
        """Return whose limit counts for an address."""
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
    """The holders of places by their key, oldest first. `most` is how many of them a stranger's address may hold."""

    def __init__(self, bound: Bound, most: int) -> None:
        self._bound = bound
        self._held: BoundedMap[K, AddressGroup] = BoundedMap(bound)
        self._most = most
        self._most_strangers = bound.capacity - bound.capacity // 4

    def __contains__(self, key: object) -> bool:
        return key in self._held

    def __iter__(self) -> Iterator[K]:
        return iter(self._held)

    def acquire(self, key: K, sender: AddressGroup, *, limited: bool = True) -> K | None:
        """Give a place to a newcomer; return the holder that has to make room for it, if one has to.

        That one has no place any more. `limited`: the limit of an address applies. Raises LimitReached for a stranger
        when known addresses hold all places.
        """
        gone = self._find_evicted(sender, limited=limited)
        if gone is not None:
            self.release(gone)
            self._bound.evicted(1)
        elif not self._bound.room:
            raise self._bound.refuse("one more connection")
        self._held[key] = sender
        return gone

    def _find_evicted(self, newcomer: AddressGroup, *, limited: bool) -> K | None:
        own = [key for key, sender in self._held.items() if sender == newcomer]
        if limited and len(own) >= self._most * (KNOWN_FACTOR if newcomer.known else 1):
            return own[0]
        if not newcomer.known and self._count_strangers() >= self._most_strangers:
            return self.pick_evicted(newcomer)
        return self.pick_evicted(newcomer) if len(self._held) >= self._bound.capacity else None

    def _count_strangers(self) -> int:
        return sum(not sender.known for sender in self._held.values())

    def pick_evicted(self, newcomer: AddressGroup, key: K | None = None) -> K | None:
        """Return who makes room for a newcomer; None for nobody. `key` is its own place.

        It is the oldest holder of the sender that holds most. Strangers go first. For a stranger, a known address loses
        only a place beyond its first.
        """
        holders = [(other, sender) for other, sender in self._held.items() if other != key]
        strangers = [(other, sender) for other, sender in holders if not sender.known]
        if strangers or newcomer.known:
            return _oldest_of_most(strangers or holders)
        counts = Counter(sender for _, sender in holders)
        return _oldest_of_most((other, sender) for other, sender in holders if counts[sender] > 1)

    def move(self, key: K, sender: AddressGroup) -> bool:
        """Count a holder for another sender from now on. Return whether that one has no more than it may."""
        if self._held.get(key) not in (None, sender):
            self._held[key] = sender
        own = sum(one == sender for one in self._held.values())
        return own <= self._most * (KNOWN_FACTOR if sender.known else 1)

    def release(self, key: K) -> None:
        """Take the place of a holder that is gone, or needs none any more."""
        self._held.pop(key, None)


def _oldest_of_most(holders: Iterable[tuple[K, AddressGroup]]) -> K | None:
    holders = list(holders)
    counts = Counter(sender for _, sender in holders)
    most = max(counts.values(), default=0)
    return next((key for key, sender in holders if counts[sender] == most), None)
