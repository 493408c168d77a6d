"""The relay's HTTP server: the guard, the routes and the sockets' endpoint, put together.

Imported once somebody connects: the library for HTTP takes longer to load than all that an agent needs to be ready.
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
from mobifai.relay.routes import MOST_BODY_BYTES, HttpRoutes
from mobifai.relay.security_middleware import PathRules, SecurityMiddleware, add_headers
from mobifai.relay.socketio_endpoint import PATH, SocketIOEndpoint

KEEP_ALIVE_SECONDS = 15.0
"""How long a browser may keep a connection for its next request."""
LINGER_SECONDS = 1.0
"""How long the rest of a body that nobody wants is read, so that its sender sees the answer."""
CUT_SECONDS = 0.5
"""How long a plain request has to end when the relay closes."""


log = logging.getLogger(__name__)


class _MalformedRequestFilter(logging.Filter):
    """Drops what aiohttp logs of requests that break the rules of HTTP: strangers could fill the log with them."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


log.addFilter(_MalformedRequestFilter())


def make_runner(
    http: HttpRoutes, endpoint: SocketIOEndpoint, config: RelayConfig, note_request: Callable[[web.Request], bool]
) -> web.AppRunner:
    """Return the server, not set up yet. `note_request` is called with each request, and says whether it is handled.

    Everything is served at the root, where a proxy that removes its own path asks for it, and at the path of the public
    URL, where other proxies do.
    """

    @web.middleware
    async def admit(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not note_request(request):
            raise web.HTTPTooManyRequests(text="too many requests from this address at a time; try again in a moment")
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
    """Return the paths of sockets, of the phone page's files, and of the style of the relay's own pages."""
    page = PhonePageFiles.installed()
    return {PATH}, set(page.paths()) if page is not None else set(), {STYLE_PATH}


def _below(prefix: str, route: web.RouteDef) -> web.RouteDef:
    return web.route(route.method, prefix + route.path, route.handler, **route.kwargs)


async def _add_slash(request: web.Request) -> web.Response:
    """Send a browser to the page, whose relative links need the slash at the end of the path."""
    last = request.path.rpartition("/")[2]
    return web.Response(status=308, headers={hdrs.LOCATION: f"{last}/"})
