"""What every HTTP request passes first: is it for this relay, from this relay's own pages, and soon over.

The Host header is checked so that a web page elsewhere can't reach this relay under a name of its own (DNS rebinding),
the Origin so that it can't send forms or open sockets. Errors leave as JSON `{message}`, and every answer with headers
that give a page as little as it needs.
"""

import asyncio
import ipaddress
import logging
import socket
from urllib.parse import SplitResult, urlsplit

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from mobifai.relay.endpoint import PATH as SOCKET_PATH

REQUEST_SECONDS = 10.0
"""How long a request that is no WebSocket may take, body and all."""

_PORTS = {"http": 80, "https": 443}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self' mobifai:; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: with that, browsers send the login form with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

log = logging.getLogger(__name__)


class Guard:
    """The outermost middleware. `allowed_hosts` are names beside the machine's own."""

    def __init__(self, allowed_hosts: tuple[str, ...] = (), hostname: str | None = None) -> None:
        own = (hostname or socket.gethostname()).lower().removesuffix(".local")
        self._names = {"localhost", own, f"{own}.local"} | {name.lower() for name in allowed_hosts}

    def middleware(self) -> Middleware:
        """The aiohttp middleware."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                self._check(request)
                return await _limited(request, handler)
            except web.HTTPException as error:
                return json_error(error.status, error.text or error.reason, error.headers)
            except TimeoutError:
                return json_error(408, f"expected the whole request within {REQUEST_SECONDS:.0f} s")
            except ConnectionError:
                return json_error(400, "the connection broke")  # nobody reads it; aiohttp would log a traceback
            except Exception:
                log.exception("%s %s failed", request.method, request.path)
                return json_error(500, "the relay could not handle this; its log says why")

        return guard

    def _check(self, request: web.Request) -> None:
        hosts = request.headers.getall(hdrs.HOST, [])
        host = _split(f"//{hosts[0]}") if len(hosts) == 1 else None
        if host is None or not self._is_own(host.hostname or ""):
            raise web.HTTPForbidden(text="expected an address or a name of this relay in Host; see allowed hosts")
        for origin in request.headers.getall(hdrs.ORIGIN, []):
            if not _is_same(_split(origin), host):
                raise web.HTTPForbidden(text="expected a request from this relay's own pages; found another Origin")

    def _is_own(self, name: str) -> bool:
        name = name.rstrip(".")
        return name in self._names or _is_ip_address(name)


async def _limited(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path == SOCKET_PATH:
        return await handler(request)
    async with asyncio.timeout(REQUEST_SECONDS):
        return await handler(request)


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """The signal that gives every answer its headers; the phone page has some of its own."""
    response.headers[hdrs.SERVER] = "MobiFai"
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def json_error(status: int, message: str, headers: object = None) -> web.Response:
    """An error of the API."""
    response = web.json_response({"message": message}, status=status)
    allowed = getattr(headers, "get", lambda _: None)(hdrs.ALLOW)
    if allowed:
        response.headers[hdrs.ALLOW] = allowed
    return response


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError for what is no port
    except ValueError:
        return None
    # A path, a user or a space in there is no host.
    return parts if parts.netloc and "@" not in parts.netloc and not parts.path.strip("/") else None


def _is_same(origin: SplitResult | None, host: SplitResult) -> bool:
    if origin is None or origin.scheme not in _PORTS:
        return False
    default = _PORTS[origin.scheme]
    return (origin.hostname, origin.port or default) == (host.hostname, host.port or default)


def _is_ip_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
