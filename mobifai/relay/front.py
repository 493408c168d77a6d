"""The relay's HTTP server: the guard, the routes and the sockets' endpoint, put together.

Imported once somebody connects: the library for HTTP takes longer to load than all that an agent needs to be ready.
"""

from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from mobifai.relay.endpoint import PATH, Endpoint
from mobifai.relay.guard import Guard, add_headers
from mobifai.relay.http import MOST_BODY_BYTES, Http

KEEP_ALIVE_SECONDS = 15.0
"""How long a browser may keep a connection for its next request."""
CUT_SECONDS = 0.5
"""How long a plain request has to end when the relay closes."""


def make_runner(
    http: Http, endpoint: Endpoint, allowed_hosts: tuple[str, ...], heard: Callable[[web.Request], None]
) -> web.AppRunner:
    """The server, not set up yet. `heard` is told of each request, before it is handled."""

    @web.middleware
    async def note_request(request: web.Request, handler: Handler) -> web.StreamResponse:
        heard(request)
        return await handler(request)

    middlewares: list[Middleware] = [note_request, Guard(allowed_hosts).middleware()]
    app = web.Application(middlewares=middlewares, client_max_size=MOST_BODY_BYTES)
    app.add_routes([*http.routes(), web.get(PATH, endpoint.serve, allow_head=False)])
    app.on_response_prepare.append(add_headers)
    return web.AppRunner(
        app,
        handle_signals=False,
        access_log=None,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        shutdown_timeout=CUT_SECONDS,
    )
