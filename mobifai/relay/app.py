"""The relay's HTTP server: assembles the security middleware, the routes and the Socket.IO endpoint.

This module is imported on the first connection, since loading aiohttp takes longer than the rest of the agent's start.
"""

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from mobifai.config import RelayConfig
from mobifai.relay.host_names import HostNames
from mobifai.relay.login_pages import STYLE_PATH
from mobifai.relay.phone_page import PhonePageFiles
from mobifai.relay.request_bodies import MOST_BODY_BYTES
from mobifai.relay.routes import HttpRoutes
from mobifai.relay.security_middleware import PathRules, SecurityMiddleware, add_headers
from mobifai.relay.socketio_endpoint import PATH, SocketIOEndpoint

KEEP_ALIVE_SECONDS = 15.0
"""How long an idle connection stays open for the client's next request."""
LINGER_SECONDS = 1.0
"""How long the relay reads the rest of a rejected body. Without this, its sender may not get the response."""
CUT_SECONDS = 0.5
"""How long HTTP requests have to finish when the relay closes."""


log = logging.getLogger(__name__)


class _MalformedRequestFilter(logging.Filter):
    """Drops aiohttp's log records of malformed requests, with which anyone could fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


log.addFilter(_MalformedRequestFilter())


def make_runner(
    http: HttpRoutes, endpoint: SocketIOEndpoint, config: RelayConfig, note_request: Callable[[web.Request], bool]
) -> web.AppRunner:
    """Return the HTTP server, not set up yet. It rejects each request for which `note_request` returns False.

    It serves every path twice: at the root, for proxies that strip their path prefix, and below the path of the public
    URL, for proxies that do not.
    """

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not note_request(request):
            raise web.HTTPTooManyRequests(text="too many concurrent requests from this address; try again in a moment")
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").strip().lower() != "identity":
            raise web.HTTPUnsupportedMediaType(
                text="expected a body without Content-Encoding", headers={hdrs.ACCEPT_ENCODING: "identity"}
            )
        return await handler(request)

    prefix = urlsplit(config.public_url or "").path.rstrip("/")
    guard_paths = PathRules(*(frozenset({*some, *(prefix + path for path in some)}) for some in _kinds_of_paths()))
    guard = SecurityMiddleware(HostNames(config.allowed_hosts, config.public_url), config.trusted_proxies, guard_paths)
    app = web.Application(middlewares=[guard.middleware(), admit], client_max_size=MOST_BODY_BYTES)
    routes = [*http.routes(), web.get(PATH, endpoint.serve, allow_head=False)]
    app.add_routes(routes)
    if prefix:
        app.add_routes([_below(prefix, route) for route in routes])
        app.router.add_get(prefix, _add_slash)
    app.on_response_prepare.append(add_headers)
    return web.AppRunner(
        app,
        handle_signals=False,
        access_log=None,
        logger=log,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        lingering_time=LINGER_SECONDS,
        auto_decompress=False,
        shutdown_timeout=CUT_SECONDS,
    )


def _kinds_of_paths() -> tuple[set[str], set[str], set[str]]:
    """Return the paths of WebSockets, of the phone page's files, and of the style sheet of the login pages."""
    page = PhonePageFiles.installed()
    return {PATH}, set(page.paths()) if page is not None else set(), {STYLE_PATH}


def _below(prefix: str, route: web.RouteDef) -> web.RouteDef:
    return web.route(route.method, prefix + route.path, route.handler, **route.kwargs)


async def _add_slash(request: web.Request) -> web.Response:
    """Redirect from the public URL's path to the same path with a slash, which the phone page's relative links need."""
    last = request.path.rpartition("/")[2]
    return web.Response(status=308, headers={hdrs.LOCATION: f"{last}/"})
