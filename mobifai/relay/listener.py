"""The relay's listening socket. `http_connections` owns the connections that the socket accepts."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from mobifai.bounds import Ledger
from mobifai.config import EVERY_ADDRESS, EVERY_IPV4_ADDRESS, RelayConfig
from mobifai.errors import StateError
from mobifai.limits import RELAY_REQUESTS
from mobifai.relay.connection_slots import KnownAddresses
from mobifai.relay.forwarded_headers import Networks
from mobifai.relay.http_connections import HttpConnections
from mobifai.resource_limits import describe_shortage

if TYPE_CHECKING:
    from aiohttp import web

_log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0

_BACKLOG = 128
_LAST_PORT = 65535
_SEND_BUFFER = 256 << 10
"""The kernel's send buffer for one connection, in bytes. The default size grows to megabytes, and so much output would
be out of date when it is sent."""
_UNSENT = 16 << 10
"""How many bytes in the kernel's send buffer may be unsent, on systems with such a limit. Later packets queue behind
them."""
_NOTSENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)


OpenServer = Callable[[], Awaitable["web.Server"]]


class Listener:
    """Accepts the relay's HTTP connections, which `http_connections` owns."""

    def __init__(
        self, ledger: Ledger, trusted: Networks, known: KnownAddresses, monotonic: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._bound = ledger.open(RELAY_REQUESTS)
        self.http_connections = HttpConnections(self._bound, known, trusted, monotonic)

    @asynccontextmanager
    async def listen(self, open_server: OpenServer, listening: socket.socket) -> AsyncIterator[None]:
        """Listen for the length of a scope. On the first connection, `open_server` is called for the aiohttp server.

        Until it returns, connections wait in the kernel's backlog.
        """
        async with AsyncExitStack() as scope:
            scope.callback(self._ledger.close, self._bound)
            listening.listen(_BACKLOG)
            opening = asyncio.create_task(self._open(open_server, listening, scope), name="relay listener")
            try:
                yield
            finally:
                opening.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await opening

    async def _open(self, open_server: OpenServer, listening: socket.socket, scope: AsyncExitStack) -> None:
        loop = asyncio.get_running_loop()
        server = await _opened(open_server, listening)
        accepting = await loop.create_server(
            lambda: self.http_connections.accept(server), sock=listening, backlog=_BACKLOG
        )
        scope.callback(accepting.close)


async def _opened(open_server: OpenServer, listening: socket.socket) -> "web.Server":
    """Wait for the first connection, and return the server that `open_server` makes.

    If `open_server` fails, for example during an update of the libraries, try again on the next connection.
    """
    while True:
        await _somebody_connects(listening)
        try:
            return await open_server()
        except Exception:
            _log.exception("the relay's HTTP server failed to start; trying again on the next connection")
            await asyncio.sleep(RETRY_SECONDS)


async def _somebody_connects(listening: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    comes: asyncio.Future[None] = loop.create_future()
    loop.add_reader(listening, _settle, comes)
    try:
        await comes
    finally:
        loop.remove_reader(listening)


def _settle(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def bind(config: RelayConfig) -> socket.socket:
    """Return a socket bound to the configured host and port; port 0 picks a free one. Raises StateError.

    `::` binds all IPv4 and IPv6 addresses of the machine, or all IPv4 addresses if it has no IPv6.
    """
    if not 0 <= config.port <= _LAST_PORT:
        raise StateError(f"expected a port from 0 to {_LAST_PORT} on {config.host}; found {config.port}")
    if config.host == EVERY_ADDRESS and not socket.has_dualstack_ipv6():
        config = replace(config, host=EVERY_IPV4_ADDRESS)
    try:
        # Not resolved by the loop, which would start a thread for it.
        family, *_, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise StateError(
            describe_shortage(error) or f"expected an address of this machine; found {config.host!r}: {error}"
        ) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        if _NOTSENT_LOWAT is not None:
            listening.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, _UNSENT)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, config.host != EVERY_ADDRESS)
        listening.setblocking(False)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise StateError(
            f"the relay can't listen on {config.host} port {config.port} ({error}); "
            "choose another --port, or --port 0 for any free one"
        ) from error
    return listening
