"""The outermost middleware of the relay: who sent a request, whether it is for this relay, and how long it may take.

Errors leave as JSON `{message}`, or as a page for a person's browser. Every answer has headers that give a page as
little as it needs.
"""

import asyncio
import logging
import re
from dataclasses import dataclass

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from multidict import CIMultiDict

from mobifai.relay import login_pages as pages
from mobifai.relay.forwarded_headers import Networks, find_client
from mobifai.relay.host_names import HostNames

REQUEST_SECONDS = 10.0
"""How long a request of the API may take, body and all."""

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


@dataclass(frozen=True, slots=True)
class PathRules:
    """Paths to which not every rule applies.

    `sockets` are WebSockets, and `files` are those of the phone page: both may take longer than a request of the API.
    Browsers name an Origin for scripts too, and a page without its script could not show what is wrong. `style` dresses
    the page of a refusal.
    """

    sockets: frozenset[str]
    files: frozenset[str]
    style: frozenset[str]


class SecurityMiddleware:
    """Checks requests."""

    def __init__(self, names: HostNames, trusted: Networks, paths: PathRules) -> None:
        self._names = names
        self._trusted = trusted
        self._paths = paths

    def middleware(self) -> Middleware:
        """The aiohttp middleware."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await self._limited(self._checked(request), handler)
            except web.HTTPException as error:
                unknown = request.match_info.http_exception is not None and error.status == 404
                message = _no_such_path(request.path) if unknown else error.text or error.reason
                return _answer(request, error.status, message, error.headers)
            except TimeoutError:
                return _answer(request, 408, f"expected the whole request within {REQUEST_SECONDS:.0f} s")
            except (ConnectionError, web.RequestPayloadError):
                return _answer(request, 400, "expected a whole body; found that it broke off")
            except Exception:
                if request.transport is None:  # aiohttp has several errors for a connection that is gone
                    return _answer(request, 400, "the connection broke")
                log.exception("%s %s failed", request.method, request.path)
                return _answer(request, 500, "the relay could not handle this; its log says why")

        return guard

    def _checked(self, request: web.Request) -> web.Request:
        """Return the request as its client sent it to the nearest trusted proxy. Raises HTTPForbidden."""
        client = find_client(request.remote or "", request.headers, self._trusted)
        if request.path not in self._paths.style:
            origins = [] if request.path in self._paths.files else request.headers.getall(hdrs.ORIGIN, [])
            wrong = self._names.check(request.headers.getall(hdrs.HOST, []), origins, client.host)
            if wrong is not None:
                raise web.HTTPForbidden(text=wrong)
        return request.clone(
            remote=client.address, scheme=client.scheme or request.scheme, host=client.host or request.host
        )

    async def _limited(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in self._paths.sockets | self._paths.files:
            return await handler(request)
        async with asyncio.timeout(REQUEST_SECONDS):
            return await handler(request)


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """The signal that gives every answer its headers; the phone page has some of its own."""
    response.headers[hdrs.SERVER] = "MobiFai"
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def _no_such_path(path: str) -> str:
    folder = path[: path.find("/", 1) + 1]
    if not re.fullmatch(r"/[A-Za-z0-9._~-]{1,100}/", folder):
        return "expected a path of this relay; there is nothing at this one"
    return (
        "expected a path of this relay; there is nothing at this one. If a proxy serves the relay under this path, "
        f"start MobiFai with `--public-url https://HOST{folder}`"
    )


def _answer(request: web.Request, status: int, message: str, headers: "CIMultiDict[str] | None" = None) -> web.Response:
    """Return an error: a page where a browser asks for one to show, JSON otherwise."""
    if request.method == hdrs.METH_GET and "text/html" in request.headers.get(hdrs.ACCEPT, ""):
        text = pages.error_page(message, depth=request.path.count("/") - 1)
        return web.Response(text=text, status=status, content_type="text/html")
    response = web.json_response({"message": message}, status=status)
    for name in (hdrs.ALLOW, hdrs.ACCEPT_ENCODING):
        if headers is not None and name in headers:
            response.headers[name] = headers[name]
    return response
