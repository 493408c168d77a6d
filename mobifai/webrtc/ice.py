"""What aioice makes a call wait for, and need not: servers that do not answer, names that nobody knows, and a pause
behind what succeeds.

Owns a timer from the first check until the last, and the lookups of names until they end or are stopped. Checks are as
many, as far apart and in the order that aioice wants, but go only to addresses that are allowed.
"""

import asyncio
import contextlib
import functools
import logging
import random
import re
import struct
from typing import Any

from mobifai.webrtc.candidates import Addresses

_log = logging.getLogger(__name__)

GATHER_SECONDS = 2
PACE_SECONDS = 0.02
"""Between two checks, as aioice has it (Ta, RFC 8445, section 14.2)."""

MOST_LOOKUPS = 8
"""Names looked up at once for one call; a browser has one for each of its addresses."""

CONSENT_INTERVAL = 1.0
CONSENT_SECONDS = 7.0
"""How often a phone is asked whether it is still there, and how long it may be silent: longer than a network that loses
a third of all packets makes it, and short enough for a person who waits."""

_USER_NAME = re.compile(r"[A-Za-z0-9+/]{4,256}\Z")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}\Z")
"""What a phone may call itself, and its password (RFC 8839, section 5.4)."""

_LOOKUPS = ("_remote_candidates_resolving", "_add_remote_candidate")
"""What aioice has that hears of the end of the candidates while it looks one up, and lets the address be checked."""

_CHECKS = ("_check_periodic", "_check_list", "_closing", "_nominated", "_query_consent_task", "build_request")


def hasten(ice: Any, addresses: Addresses) -> "Lookups":
    """Have this connection, which has not gathered yet, wait no longer than it has to, and send only to `addresses`.
    What is given back is stopped before the connection closes.
    """
    # It cancels what asks the servers, unless it is cancelled itself.
    ice.get_component_candidates = functools.partial(_gather, ice, ice.get_component_candidates)
    if all(hasattr(ice, name) for name in _CHECKS):
        ice._check_periodic = _Checks(ice).begin
        ice.query_consent = functools.partial(_ask_for_consent, ice)
    resolves = all(hasattr(ice, name) for name in _LOOKUPS)
    ice.connect = functools.partial(_connect, ice, ice.connect)
    if hasattr(ice, "check_incoming"):
        ice.check_incoming = functools.partial(_check_incoming, ice.check_incoming, addresses)
    lookups = Lookups(ice.add_remote_candidate, addresses, resolves=resolves)
    if resolves:
        ice._add_remote_candidate = functools.partial(_add_resolved, ice._add_remote_candidate, addresses)
    ice.add_remote_candidate = lookups.add
    return lookups


def _check_incoming(check: Any, addresses: Addresses, message: Any, address: Any, protocol: Any) -> None:
    """Take a check of the phone. aioice keeps the address that it came from, and checks it in turn."""
    if addresses.allow_seen(address[0], address[1]):
        check(message, address, protocol)


async def _connect(ice: Any, connect: Any) -> None:
    """Connect as aioice does. Each check carries the phone's user name, so a long one would be sent to every address.

    Raises ConnectionError.
    """
    if not (_USER_NAME.match(ice.remote_username or "") and _PASSWORD.match(ice.remote_password or "")):
        raise ConnectionError("expected an ICE user name of 4 to 256 letters and digits, and a password of 22 to 256")
    await connect()


def _add_resolved(add: Any, addresses: Addresses, candidate: Any, host: str) -> None:
    """Check the address behind a name: whoever answers the question chooses it."""
    if addresses.may_be_a_phone(host):
        add(candidate, host)
    else:
        _log.info("the phone's address %s is not one that a phone has", candidate.host[:64])


async def _gather(ice: Any, gather: Any, **arguments: Any) -> Any:
    """Gather as aioice does, but not for longer than `GATHER_SECONDS`, and guard the sockets that this opens."""
    candidates = await gather(**{**arguments, "timeout": GATHER_SECONDS})
    for protocol in ice._protocols:
        protocol.datagram_received = functools.partial(_receive, protocol.datagram_received)
    return candidates


def _receive(receive: Any, data: bytes, address: Any) -> None:
    """Take a datagram. Anybody can send one that aioice can't read; uvloop closes a socket whose protocol raises."""
    try:
        receive(data, address)
    except (struct.error, ValueError, LookupError, TypeError, AttributeError) as error:
        _log.debug("dropped a datagram that can't be read: %r", error)


class Lookups:
    """The phone's addresses, however they come, and their limits.

    Among them are names by which pages in browsers hide their addresses (draft-ietf-mmusic-mdns-ice-candidates). They
    are looked up while checks go on: the page's own checks mostly show its address before, and on many networks no name
    is found.
    """

    def __init__(self, add: Any, addresses: Addresses, *, resolves: bool) -> None:
        self._add = add
        self._addresses = addresses
        self._resolves = resolves
        self._tasks: set[asyncio.Task[None]] = set()  # bounded by MOST_LOOKUPS

    async def add(self, candidate: Any) -> None:
        """Take an address. aioice's `add_remote_candidate` would wait until a name is found, or a second has passed.

        One to which nothing may be sent is passed over. A check of another component than the only one breaks aioice.
        """
        if candidate is None:
            await self._add(candidate)
        elif candidate.component != 1 or not self._addresses.allow(candidate.host, candidate.port, candidate.transport):
            return
        elif not candidate.host.endswith(".local"):
            await self._add(candidate)
        elif self._resolves and len(self._tasks) < MOST_LOOKUPS:
            task = asyncio.create_task(self._look_up(candidate), name="mdns-lookup")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(0)  # it has begun: the end of the candidates may be told

    async def _look_up(self, candidate: Any) -> None:
        try:
            await self._add(candidate)
        except (OSError, ValueError) as error:  # no port for mDNS, or nothing is wanted any more
            _log.info("the phone's address %s can't be looked up: %r", candidate.host[:64], error)

    async def stop(self) -> None:
        """End them."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Checks:
    """Starts the checks of one connection, while that waits for their outcome and not for the time of the next one."""

    def __init__(self, ice: Any) -> None:
        self._ice = ice
        self._start_next = ice._check_periodic

    def begin(self) -> bool:
        """Start the first check; whether aioice is to come again, since there is nothing to check yet."""
        if not self._ice._check_list:
            return bool(self._start_next())
        self._tick()
        return False

    def _tick(self) -> None:
        if self._start_next():
            asyncio.get_running_loop().call_later(PACE_SECONDS, self._tick)


async def _ask_for_consent(ice: Any) -> None:
    """Ask again and again whether the phone is still there (RFC 7675), and close the connection when it is silent.

    aioice itself asks every 5 s and gives up after 30 s. A phone whose address has changed is not waited for so long.
    An answer may take as long as the slowest network that a terminal is used on.
    """
    loop = asyncio.get_running_loop()
    heard = loop.time()
    while not ice._closing and loop.time() - heard < CONSENT_SECONDS:
        await asyncio.sleep(random.uniform(0.8, 1.2) * CONSENT_INTERVAL)  # noqa: S311 - spreads requests
        asked = loop.time()
        if await _answers(ice, CONSENT_SECONDS - (asked - heard)):
            heard = asked
    if not ice._closing:
        _log.info("the phone is silent on the data channel; its connection is closed")
        ice._query_consent_task = None  # `close` would wait for it
        await ice.close()


async def _answers(ice: Any, seconds: float) -> bool:
    """Whether the phone answers a check on one of the connection's pairs in time."""
    from aioice.stun import TransactionError  # noqa: PLC0415 - aiortc has brought it, with the first phone

    for pair in list(ice._nominated.values()):
        request = ice.build_request(pair, nominate=False)
        key = ice.remote_password.encode()
        with contextlib.suppress(TransactionError, TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=2)
                return True
    return False
