"""The relay's HTTP routes: health, the login page, and the API of signed-in devices.

`request_bodies` decodes the bodies, `signin` decides which devices have access, and `event_dispatcher` handles their
events.
"""

from collections.abc import Callable
from urllib.parse import urlencode

import msgspec
from aiohttp import hdrs, web

from mobifai.clocks import iso_time
from mobifai.database import WriteFailed
from mobifai.errors import SignInRefused, TooManyAttempts
from mobifai.protocol import messages
from mobifai.protocol.codes import ClientKind
from mobifai.protocol.features import E2E
from mobifai.relay import login_pages as pages
from mobifai.relay.accounts import Account
from mobifai.relay.devices import RelayDevices
from mobifai.relay.event_dispatcher import DeviceConnection, EventDispatcher
from mobifai.relay.phone_page import PhonePageFiles
from mobifai.relay.request_bodies import (
    FORM_TYPE,
    JSON_TYPE,
    InvitationRequest,
    LoginForm,
    SignInDevice,
    SignInRequest,
    decode_form,
    decode_object,
    find_device,
)
from mobifai.relay.sign_in_errors import AGENT_KINDS, PHONE_KINDS
from mobifai.relay.signin import SignIn
from mobifai.relay.store import RelayStore, StoredDevice


class HttpRoutes:
    """Handlers of all routes. `now` returns seconds since the epoch."""

    def __init__(
        self,
        store: RelayStore,
        sign_in: SignIn,
        dispatcher: EventDispatcher,
        devices: RelayDevices,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._sign_in = sign_in
        self._dispatcher = dispatcher
        self._devices = devices
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """Return all routes except that of WebSockets."""
        page = PhonePageFiles.installed()
        return [
            *(page.routes() if page is not None else [web.get("/", self._no_page)]),
            web.get("/health", self._health),
            web.get(pages.STYLE_PATH, self._style),
            web.get("/login", self._login_page),
            web.post("/login", self._login),
            web.post("/api/sign-in", self._sign_in_without_form),
            web.get("/api/me", self._me),
            web.get("/api/settings", self._get_settings),
            web.put("/api/settings", self._put_settings),
            web.post("/api/pairing", self._pair),
            web.get("/api/devices", self._list_devices),
            web.delete("/api/devices/{device_id}", self._revoke),
        ]

    # -- pages

    async def _no_page(self, _request: web.Request) -> web.Response:
        return _html(pages.no_page(), 404)

    async def _style(self, _request: web.Request) -> web.Response:
        return web.Response(body=pages.STYLE, content_type="text/css")

    async def _health(self, _request: web.Request) -> web.Response:
        return _json({"status": "ok", "timestamp": iso_time(self._now())})

    async def _login_page(self, request: web.Request) -> web.Response:
        asking = find_device(request.query)
        if asking is None:
            return _html(pages.no_device(), 400)
        waiting = self._dispatcher.find_pending(asking.nonce, asking.device_id, asking.type)
        if waiting is None and asking.type == "mac":
            return _html(pages.not_waiting(), 410)
        return _html(_login(asking, waiting))

    async def _login(self, request: web.Request) -> web.Response:
        if request.content_type != FORM_TYPE:
            raise web.HTTPUnsupportedMediaType(text=f"expected {FORM_TYPE}")
        form = decode_form(await request.read())
        asking = find_device(form)
        if asking is None:
            return _html(pages.no_device(), 400)
        waiting = self._dispatcher.find_pending(asking.nonce, asking.device_id, asking.type)
        if waiting is None and asking.type == "mac":
            return _html(pages.not_waiting(), 410)
        try:
            answer = self._redeem(asking, str(form.get("code", "")), request.remote or "", _wanted(asking, waiting))
        except web.HTTPError as error:
            return _html(_login(asking, waiting, error.text or ""), error.status)
        if waiting is not None:
            self._dispatcher.sign_in(waiting, answer.token)
        return _signed_in(asking, answer)

    def _redeem(
        self, asking: SignInDevice, code: str, address: str, wanted: frozenset[ClientKind]
    ) -> messages.Authenticated:
        """Redeem an invitation's code for a device. Return the device's token and user.

        Raises HTTPTooManyRequests, HTTPForbidden.
        """
        try:
            return self._sign_in.redeem(code, asking.device_id, asking.type, address, wanted)
        except TooManyAttempts as refused:
            raise web.HTTPTooManyRequests(text=str(refused)) from None
        except SignInRefused as refused:
            raise web.HTTPForbidden(text=str(refused)) from None

    async def _sign_in_without_form(self, request: web.Request) -> web.Response:
        """Sign in a device with a code, without the login page. The body must be JSON, which forms can't send."""
        if request.content_type != JSON_TYPE:
            raise web.HTTPUnsupportedMediaType(text=f"expected {JSON_TYPE}")
        try:
            asking = msgspec.json.decode(await request.read(), type=SignInRequest)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise web.HTTPBadRequest(text=f"expected {{deviceId, type, code}} as JSON: {error}") from None
        wanted = AGENT_KINDS if asking.type == "mac" else PHONE_KINDS
        if asking.kind is not None:
            wanted &= {ClientKind(asking.kind)}
        return _json(self._redeem(asking, asking.code, request.remote or "", wanted))

    # -- the API of every device

    async def _me(self, request: web.Request) -> web.Response:
        return _json(self._account(request).user)

    async def _get_settings(self, request: web.Request) -> web.Response:
        return _json(msgspec.Raw(self._store.settings(self._account(request).name).encode()))

    async def _put_settings(self, request: web.Request) -> web.Response:
        self._device(request)
        changes = decode_object(await request.read())
        account = self._account(request)  # again, since it may have changed while the body was read
        merged = {**decode_object(self._store.settings(account.name).encode()), **changes}
        encoded, bound = msgspec.json.encode(merged), account.settings
        if len(encoded) > bound.capacity:
            text = str(bound.refuse(f"{len(encoded)} bytes"))
            raise web.HTTPRequestEntityTooLarge(bound.capacity, len(encoded), text=text)
        try:
            self._store.put_settings(account.name, encoded.decode())
        except WriteFailed as error:
            raise web.HTTPInsufficientStorage(text=str(error)) from None
        bound.set(len(encoded))
        self._dispatcher.broadcast_settings(account.name, merged)
        return _json(merged)

    def _account(self, request: web.Request) -> Account:
        """Return the account of the requesting device. Raises HTTPUnauthorized, HTTPTooManyRequests."""
        account = self._sign_in.accounts.get(self._device(request).user_id)
        if account is None:
            raise web.HTTPUnauthorized(text="the account of this token is not on this relay; sign in again")
        return account

    def _device(self, request: web.Request) -> StoredDevice:
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise web.HTTPUnauthorized(text="expected the header Authorization: Bearer TOKEN; sign in to get a token")
        address = request.remote or ""
        try:
            return self._sign_in.identify(token.strip(), address)
        except SignInRefused as refused:
            raise self._unauthorized(address, refused) from None

    def _unauthorized(self, address: str, refused: SignInRefused) -> web.HTTPError:
        try:
            self._sign_in.check(address)
        except SignInRefused as too_many:
            return web.HTTPTooManyRequests(text=str(too_many))
        return web.HTTPUnauthorized(text=str(refused))

    # -- the API of agents only

    async def _pair(self, request: web.Request) -> web.Response:
        self._agent(request)
        body = await request.read()
        agent = self._agent(request)  # again, since it may have been revoked while the body was read
        try:
            inviting = msgspec.json.decode(body or b"{}", type=InvitationRequest)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise web.HTTPBadRequest(text=f"expected {{kind}} as JSON: {error}") from None
        return _json(self._sign_in.invite(ClientKind(inviting.kind), agent.user_id))

    async def _list_devices(self, request: web.Request) -> web.Response:
        return _json({"devices": self._devices.known(self._agent(request).user_id)})

    async def _revoke(self, request: web.Request) -> web.Response:
        agent = self._agent(request)
        device_id = request.match_info["device_id"]
        if device_id == agent.device_id:
            raise web.HTTPConflict(text="a device can't revoke itself")
        try:
            self._devices.revoke(agent.user_id, device_id)
        except SignInRefused as unknown:
            raise web.HTTPNotFound(text=str(unknown)) from None
        return _json({"deviceId": device_id})

    def _agent(self, request: web.Request) -> StoredDevice:
        device = self._device(request)
        if device.type != "mac":
            raise web.HTTPForbidden(text="expected an agent's token; found a phone's, which does not allow this")
        return device


def _wanted(asking: SignInDevice, waiting: DeviceConnection | None) -> frozenset[ClientKind]:
    """Return the kinds of invitation that a device can use. A phone without a waiting connection is a legacy app."""
    if asking.type == "mac":
        return AGENT_KINDS
    encrypts = waiting is not None and waiting.pending_register is not None and E2E in waiting.pending_register.features
    return PHONE_KINDS if encrypts else frozenset({ClientKind.LEGACY})


def _login(asking: LoginForm, waiting: DeviceConnection | None, problem: str = "") -> str:
    register = waiting.pending_register if waiting is not None else None
    asks = f"{register.device_name or asking.device_id} at {waiting.address}" if waiting and register else ""
    return pages.login(asking.device_id, asking.type, asking.nonce, asks, problem)


def _signed_in(asking: SignInDevice, answer: messages.Authenticated) -> web.Response:
    if asking.type == "mac":
        return _html(pages.signed_in())
    query = urlencode({"token": answer.token, "email": answer.user.email})
    return web.Response(status=302, headers={hdrs.LOCATION: f"mobifai://auth?{query}"})


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html")
