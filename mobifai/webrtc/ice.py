"""Shorter waits and fewer addresses for aioice, the ICE library of aiortc.

aioice would wait for servers that do not answer, for names that can't be resolved, and after checks that succeed. The
checks are those of aioice, at the same pace and in the same order, but go only to allowed addresses.
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
"""Seconds between two checks, as in aioice (Ta, RFC 8445, section 14.2)."""

MOST_LOOKUPS = 8
"""The most concurrent name lookups of one connection. A browser has one name for each of its addresses."""

CONSENT_INTERVAL = 1.0
CONSENT_SECONDS = 7.0
"""Seconds between two consent checks, and how many seconds a phone may be silent. That is longer than a phone is silent
on a network that loses a third of all packets, and short enough for a person who waits.
"""

_USER_NAME = re.compile(r"[A-Za-z0-9+/]{4,256}\Z")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}\Z")
"""Valid ICE user names and passwords (RFC 8839, section 5.4)."""

_LOOKUPS = ("_remote_candidates_resolving", "_add_remote_candidate")
"""Private attributes of aioice that name lookups need. The second is the method that adds a resolved address."""

_CHECKS = ("_check_periodic", "_check_list", "_closing", "_nominated", "_query_consent_task", "build_request")


def connection_of(connection: Any) -> Any:
    """Return the `aioice.Connection` that an RTCPeerConnection with a data channel uses."""
    return connection.sctp.transport.transport._connection


def prevent_consent_checks(connection: Any) -> None:
    """Prevent further consent checks on a peer connection that is about to close.

    aioice 0.13 starts consent checks even up to 20 ms after its connection was closed, and then never ends them.
    """
    if connection.sctp is not None:
        connection_of(connection).query_consent = _ask_nothing


async def _ask_nothing() -> None:
    """Take the place of aioice's consent checks, and send none."""


def shorten_waits(ice: Any, addresses: Addresses) -> "Lookups":
    """Shorten the waits of the connection `ice`, and make it send only to `addresses`.

    The connection must not have gathered candidates yet. Return its name lookups, which have to be stopped before the
    connection closes.
    """
    # gathering cancels the requests to servers when it is over, unless it is cancelled itself
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
    """Pass a check that arrived to aioice, if its sender's address is allowed. aioice then checks that address."""
    if addresses.allow_seen(address[0], address[1]):
        check(message, address, protocol)


async def _connect(ice: Any, connect: Any) -> None:
    """Connect as aioice does, if the phone's ICE user name and password are valid. Raises ConnectionError if not.

    Every check carries the user name, so its length matters.
    """
    if not (_USER_NAME.match(ice.remote_username or "") and _PASSWORD.match(ice.remote_password or "")):
        raise ConnectionError("expected an ICE user name of 4 to 256 characters and a password of 22 to 256")
    await connect()


def _add_resolved(add: Any, addresses: Addresses, candidate: Any, host: str) -> None:
    """Add the address to which a phone's name was resolved, if a phone can have this address.

    This is checked because DNS answers are not trusted.
    """
    if addresses.may_be_a_phone(host):
        add(candidate, host)
    else:
        _log.info("ignored the phone's ICE candidate %s: no phone can have its address %s", candidate.host[:64], host)


async def _gather(ice: Any, gather: Any, **arguments: Any) -> Any:
    """Gather as aioice does, for at most `GATHER_SECONDS`. The opened sockets ignore datagrams that can't be parsed."""
    candidates = await gather(**{**arguments, "timeout": GATHER_SECONDS})
    for protocol in ice._protocols:
        protocol.datagram_received = functools.partial(_receive, protocol.datagram_received)
    return candidates


def _receive(receive: Any, data: bytes, address: Any) -> None:
    """Handle a datagram, and ignore one that aioice can't parse.

    Anybody can send such data, and uvloop closes a socket whose protocol raises an exception.
    """
    try:
        receive(data, address)
    except (struct.error, ValueError, LookupError, TypeError, AttributeError) as error:
        _log.debug("dropped a datagram that can't be read: %r", error)


class Lookups:
    """Adds the phone's addresses, if they are allowed, and looks up the names among them.

    Browsers hide their addresses behind mDNS names (draft-ietf-mmusic-mdns-ice-candidates). Checks of other addresses
    continue during a lookup: the browser's own checks usually reveal its address earlier, and on many networks the
    lookup fails.
    """

    def __init__(self, add: Any, addresses: Addresses, *, resolves: bool) -> None:
        self._add = add
        self._addresses = addresses
        self._resolves = resolves
        self._tasks: set[asyncio.Task[None]] = set()  # bounded by MOST_LOOKUPS

    async def add(self, candidate: Any) -> None:
        """Add a candidate, unless nothing may be sent to its address. None stands for the end of the candidates.

        Unlike aioice, this method does not wait for the lookup of a name. Candidates of components other than 1 are
        ignored, since checking one breaks aioice.
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
            await asyncio.sleep(0)  # the lookup has begun, so the end of the candidates may follow

    async def _look_up(self, candidate: Any) -> None:
        try:
            await self._add(candidate)
        except (OSError, ValueError) as error:  # no port for mDNS, or the connection is closing
            _log.info("the phone's address %s can't be looked up: %r", candidate.host[:64], error)

    async def stop(self) -> None:
        """Cancel the name lookups that have not ended."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Checks:
    """Starts the connectivity checks of one connection by a timer, so that aioice only waits for their results."""

    def __init__(self, ice: Any) -> None:
        self._ice = ice
        self._start_next = ice._check_periodic

    def begin(self) -> bool:
        """Start the first check. Return True if there is nothing to check yet, so that aioice has to call again."""
        if not self._ice._check_list:
            return bool(self._start_next())
        self._tick()
        return False

    def _tick(self) -> None:
        if self._start_next():
            asyncio.get_running_loop().call_later(PACE_SECONDS, self._tick)


async def _ask_for_consent(ice: Any) -> None:
    """Ask repeatedly whether the phone is still there (RFC 7675), and close the connection when the phone is silent.

    aioice itself asks every 5 s and gives up after 30 s, which is too long for a phone whose address has changed.
    CONSENT_SECONDS suffices for an answer on the slowest network on which a terminal is usable.
    """
    loop = asyncio.get_running_loop()
    answered = loop.time()
    while not ice._closing and loop.time() - answered < CONSENT_SECONDS:
        await asyncio.sleep(random.uniform(0.8, 1.2) * CONSENT_INTERVAL)  # noqa: S311 - spreads requests
        asked = loop.time()
        if await _answers(ice, CONSENT_SECONDS - (asked - answered)):
            answered = asked
    if not ice._closing:
        _log.info("closing the WebRTC connection to the phone: it no longer answers on the data channel")
        ice._query_consent_task = None  # `close` would wait for this task
        await ice.close()


async def _answers(ice: Any, seconds: float) -> bool:
    """Return whether the phone answers a check on one of the connection's pairs of addresses within `seconds`."""
    from aioice.stun import TransactionError  # noqa: PLC0415 - aiortc has brought it, with the first phone

    for pair in list(ice._nominated.values()):
        request = ice.build_request(pair, nominate=False)
        key = ice.remote_password.encode()
        with contextlib.suppress(TransactionError, TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await pair.protocol.request(request, pair.remote_addr, integrity_key=key, retransmissions=2)
                return True
    return False
