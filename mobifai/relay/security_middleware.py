"""The relay's outermost middleware: finds the client, checks Host and Origin, ends slow requests, and formats errors.

Errors are sent as JSON `{message}`, or as a page to a browser that navigates. All responses have restrictive security
headers.
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
"""Time limit of a request to the API or a login page, including its body."""

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
    """The paths to which not all rules of `SecurityMiddleware` apply.

    WebSockets (`sockets`) and files of the phone page (`files`) have no time limit. Files are also exempt from the
    check of Origin. Browsers send Origin for scripts, and without its script the page could not show the error. The
    style sheet (`style`) is exempt from the checks of Host and Origin, since error pages use it.
    """

    sockets: frozenset[str]
    files: frozenset[str]
    style: frozenset[str]


class SecurityMiddleware:
    """Checks requests, and turns exceptions into responses."""

    def __init__(self, names: HostNames, trusted: Networks, paths: PathRules) -> None:
        self._names = names
        self._trusted = trusted
        self._paths = paths

    def middleware(self) -> Middleware:
        """Return the checks and the handling of exceptions as a middleware for aiohttp."""

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await self._limited(self._checked(request), handler)
            except web.HTTPException as error:
                unknown = request.match_info.http_exception is not None and error.status == 404
                message = _no_such_path(request.path) if unknown else error.text or error.reason
                return _error_response(request, error.status, message, error.headers)
            except TimeoutError:
                return _error_response(request, 408, f"expected the whole request within {REQUEST_SECONDS:.0f} s")
            except (ConnectionError, web.RequestPayloadError):
                return _error_response(request, 400, "expected a complete body; the connection broke off")
            except Exception:
                if request.transport is None:  # aiohttp raises various errors for a closed connection
                    return _error_response(request, 400, "the connection broke off")
                log.exception("%s %s failed", request.method, request.path)
                return _error_response(request, 500, "internal error of the relay; see its log")

        return guard

    def _checked(self, request: web.Request) -> web.Request:
        """Return the request with its client's address, scheme and host.

        Raises HTTPForbidden if its Host or Origin is not one of this relay's.
        """
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
    """Add the security headers to a response, unless it has its own, as the phone page does."""
    response.headers[hdrs.SERVER] = "MobiFai"
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)


def _no_such_path(path: str) -> str:
    folder = path[: path.find("/", 1) + 1]
    if not re.fullmatch(r"/[A-Za-z0-9._~-]{1,100}/", folder):
        return "expected a path of this relay; there is nothing at this path"
    return (
        "expected a path of this relay; there is nothing at this path. If a proxy serves the relay under it, "
        f"start MobiFai with `--public-url https://HOST{folder}`"
    )


def _error_response(
    request: web.Request, status: int, message: str, headers: "CIMultiDict[str] | None" = None
) -> web.Response:
    """Return an error as a page if a browser navigates, as JSON otherwise."""
    if request.method == hdrs.METH_GET and "text/html" in request.headers.get(hdrs.ACCEPT, ""):
        text = pages.error_page(message, depth=request.path.count("/") - 1)
        return web.Response(text=text, status=status, content_type="text/html")
    response = web.json_response({"message": message}, status=status)
    for name in (hdrs.ALLOW, hdrs.ACCEPT_ENCODING):
        if headers is not None and name in headers:
            response.headers[name] = headers[name]
    return response
