"""The relay's HTTP: health, the login page, and the API of signed-in devices.

Reads every body strictly. What it decides nothing about: signing in is `signin`'s, sockets are `sockets`'.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from aiohttp import hdrs, web

from mobifai.bounds import Bound
from mobifai.database import NotKept
from mobifai.errors import SignInRefused
from mobifai.limits import MAX_ID
from mobifai.protocol import messages as wire
from mobifai.relay import pages
from mobifai.relay.devices import Devices
from mobifai.relay.page import Page
from mobifai.relay.signin import OWNER, SignIn, iso_time
from mobifai.relay.sockets import Sockets
from mobifai.relay.store import Store, StoredDevice
from mobifai.relay.tokens import DeviceType

MOST_BODY_BYTES = 64 << 10
"""More than any request needs; the settings have a limit of their own."""

FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"


class Asking(wire.Message, frozen=True):
    """The device that a person signs in."""

    device_id: wire.Id
    type: DeviceType


class SigningIn(Asking, frozen=True):
    """What a page that stays open sends in place of the form."""

    code: Annotated[str, msgspec.Meta(max_length=MAX_ID)]


class Http:
    """The routes. `settings` bounds one account's settings, in bytes of JSON; `now` is in seconds since the epoch."""

    def __init__(
        self,
        store: Store,
        sign_in: SignIn,
        sockets: Sockets,
        devices: Devices,
        settings: Bound,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._sign_in = sign_in
        self._sockets = sockets
        self._devices = devices
        self._settings = settings
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """Every route but the sockets'."""
        page = Page.installed()
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
        asking = _asking(request.query)
        return _html(pages.login(asking.device_id, asking.type)) if asking else _html(pages.no_device(), 400)

    async def _login(self, request: web.Request) -> web.Response:
        if request.content_type != FORM_TYPE:
            raise web.HTTPUnsupportedMediaType(text=f"expected {FORM_TYPE}")
        form = await request.post()
        asking = _asking(form)
        if asking is None:
            return _html(pages.no_device(), 400)
        try:
            token = self._redeem(asking, str(form.get("code", "")), request.remote or "")
        except web.HTTPError as error:
            return _html(pages.login(asking.device_id, asking.type, error.text or ""), error.status)
        return self._signed_in(asking, token)

    def _redeem(self, asking: Asking, code: str, address: str) -> str:
        """Use a code up, and let the device in where it waits: its token. Raises HTTPTooManyRequests, HTTPForbidden."""
        try:
            self._sign_in.check(address)
        except SignInRefused as refused:
            raise web.HTTPTooManyRequests(text=str(refused)) from None
        try:
            token = self._sign_in.redeem(code, asking.device_id, asking.type, address)
        except SignInRefused as refused:
            raise web.HTTPForbidden(text=str(refused)) from None
        self._sockets.let_in(asking.device_id, asking.type, token)
        return token

    async def _sign_in_without_form(self, request: web.Request) -> web.Response:
        """What the form does. JSON only, so that no form of another site's page can send it."""
        if request.content_type != JSON_TYPE:
            raise web.HTTPUnsupportedMediaType(text=f"expected {JSON_TYPE}")
        try:
            asking = msgspec.json.decode(await request.read(), type=SigningIn)
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise web.HTTPBadRequest(text=f"expected {{deviceId, type, code}} as JSON: {error}") from None
        token = self._redeem(asking, asking.code, request.remote or "")
        return _json(wire.Authenticated(token=token, user=self._sign_in.user))

    def _signed_in(self, asking: Asking, token: str) -> web.Response:
        if asking.type == "mac":
            return _html(pages.signed_in())
        query = urlencode({"token": token, "email": self._sign_in.user.email})
        return web.Response(status=302, headers={hdrs.LOCATION: f"mobifai://auth?{query}"})

    # -- the API of every device

    async def _me(self, request: web.Request) -> web.Response:
        self._device(request)
        return _json(self._sign_in.user)

    async def _get_settings(self, request: web.Request) -> web.Response:
        self._device(request)
        return _json(msgspec.Raw(self._store.settings(OWNER).encode()))

    async def _put_settings(self, request: web.Request) -> web.Response:
        self._device(request)
        changes = _decode_object(await request.read())
        merged = {**_decode_object(self._store.settings(OWNER).encode()), **changes}
        encoded = msgspec.json.encode(merged)
        if len(encoded) > self._settings.capacity:
            raise web.HTTPRequestEntityTooLarge(
                self._settings.capacity, len(encoded), text=str(self._settings.refuse(f"{len(encoded)} bytes"))
            )
        try:
            self._store.put_settings(OWNER, encoded.decode())
        except NotKept as error:
            raise web.HTTPInsufficientStorage(text=str(error)) from None
        self._settings.set(len(encoded))
        self._sockets.broadcast_settings(merged)
        return _json(merged)

    def _device(self, request: web.Request) -> StoredDevice:
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise web.HTTPUnauthorized(text="expected Authorization: Bearer TOKEN; sign in for a token")
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
        invitation = self._sign_in.invite()
        return _json({"token": invitation.token, "code": invitation.code, "expires_at": invitation.expires_at})

    async def _list_devices(self, request: web.Request) -> web.Response:
        self._agent(request)
        return _json({"devices": self._devices.known()})

    async def _revoke(self, request: web.Request) -> web.Response:
        agent = self._agent(request)
        device_id = request.match_info["device_id"]
        if device_id == agent.device_id:
            raise web.HTTPConflict(text="this is the device that asks; it can't revoke itself")
        try:
            self._devices.revoke(device_id)
        except SignInRefused as unknown:
            raise web.HTTPNotFound(text=str(unknown)) from None
        return _json({"deviceId": device_id})

    def _agent(self, request: web.Request) -> StoredDevice:
        device = self._device(request)
        if device.type != "mac":
            raise web.HTTPForbidden(text="expected an agent's token; phones can't do this")
        return device


def _asking(fields: Mapping[str, object]) -> Asking | None:
    try:
        found = {name: fields[name] for name in ("deviceId", "type") if name in fields}
        return msgspec.convert(found, Asking)
    except msgspec.ValidationError:
        return None


def _decode_object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise web.HTTPBadRequest(text=f"expected a JSON object: {error}") from None


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html")
