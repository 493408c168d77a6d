"""The page for typing a pairing code."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from mobifai.config import EVERY_ADDRESS, RelayConfig
from mobifai.protocol.codes import ATTEMPTS_PER_MINUTE
from mobifai.relay.signin import IssuedInvitation
from tests.relay.device import Device
from tests.relay.place import Place, open_place, until


async def _type(
    place: Place, code: str, device_id: str = "phone-1", kind: str = "mobile", nonce: str = ""
) -> tuple[int, str, str]:
    """Send the form. Return status, Location and page."""
    form = {"code": code, "deviceId": device_id, "type": kind, "nonce": nonce}
    async with place.ask("POST", "/login", data=form) as response:
        return response.status, response.headers.get("Location", ""), await response.text()


async def test_the_page_asks_for_a_code_and_runs_nothing(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.ask("GET", "/login?deviceId=a%2Db&type=mobile") as response:
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]
    assert 'name="deviceId" value="a-b"' in page
    assert "<script" not in page
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("query", ["", "?deviceId=&type=mobile", "?deviceId=%3Cb%3E&type=mobile", "?deviceId=a&type=x"])
async def test_the_login_page_without_a_valid_device_shows_an_error(tmp_path: Path, query: str) -> None:
    async with open_place(tmp_path) as place, place.ask("GET", f"/login{query}") as response:
        assert response.status == 400
        assert "<b>" not in await response.text()


async def test_the_right_code_brings_a_phone_back_to_its_app_with_a_token(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        status, location, _ = await _type(place, place.invite().code)
        assert (status, location[:15]) == (302, "mobifai://auth?")
        query = parse_qs(urlsplit(location).query)
        assert query["email"] == [place.relay.sign_in.accounts.owner.user.email]
        async with place.phone(device_id="phone-1", token=query["token"][0]) as phone:
            assert phone.client.connected


async def test_a_wrong_code_shows_the_page_again_and_the_right_one_stays_good(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        right = place.invite().code
        for _ in range(ATTEMPTS_PER_MINUTE - 1):
            status, _, page = await _type(place, "WRNG-C0DE")
            assert status == 403
            assert "pairing code is wrong" in page
        assert (await _type(place, right))[0] == 302


async def test_an_address_that_fails_too_often_is_put_off(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        for _ in range(ATTEMPTS_PER_MINUTE):
            assert (await _type(place, "WRNG-C0DE"))[0] == 403
        right = place.invite().code
        status, _, page = await _type(place, right)
        assert status == 429
        assert "wait a minute" in page
        place.clock.pass_by(60)
        assert (await _type(place, right))[0] == 302


async def test_user_input_is_escaped_in_pages(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        _, _, page = await _type(place, "<script>alert(1)</script>")
        assert "<script" not in page


async def test_a_form_without_a_code_is_a_wrong_code(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        async with place.ask("POST", "/login", data={"deviceId": "a", "type": "mobile"}) as response:
            assert response.status == 403


async def test_only_forms_are_read(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        async with place.ask("POST", "/login", json={"code": "x"}) as response:
            assert response.status == 415


def _nonce(login_url: str) -> str:
    return parse_qs(urlsplit(login_url).query)["nonce"][0]


async def test_a_waiting_agent_is_signed_in_on_its_connection(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, Device("mac").connected(place.url) as agent:
        await agent.register()
        asked: Any = await agent.hear("login_required")
        assert asked["loginUrl"].startswith(f"/login?deviceId={agent.device_id}&type=mac&nonce=")
        code, nonce = place.invite("agent").code, _nonce(asked["loginUrl"])
        status, _, page = await _type(place, code, agent.device_id, "mac", nonce)
        assert status == 200
        assert "signed in" in page
        answer = await agent.hear("authenticated")
        await agent.hear("waiting_for_peer")
        async with place.ask("GET", "/api/devices", token=answer["token"]) as response:
            (device,) = (await response.json())["devices"]
        assert (device["deviceId"], device["type"], device["connected"]) == (agent.device_id, "mac", True)


async def test_a_waiting_phone_is_signed_in_and_others_are_not(tmp_path: Path) -> None:
    async with (
        open_place(tmp_path) as place,
        Device("mobile").connected(place.url) as phone,
        Device("mobile").connected(place.url) as other,
    ):
        urls = []
        for device in (phone, other):
            await device.register()
            urls.append((await device.hear("login_required"))["loginUrl"])
        assert (await _type(place, place.invite().code, phone.device_id, nonce=_nonce(urls[0])))[0] == 302
        await phone.hear("available_devices")
        await other.say("request_connection", {"targetDeviceId": "agent-1"})
        assert "register first" in (await other.hear("error"))["message"]


async def test_another_client_that_waits_under_a_known_device_id_is_not_signed_in(tmp_path: Path) -> None:
    """In either order of connecting, and with each way of signing in."""
    async with (
        open_place(tmp_path) as place,
        Device("mobile").connected(place.url) as before,
        Device("mobile", before.device_id).connected(place.url) as phone,
        Device("mobile", before.device_id).connected(place.url) as after,
    ):
        nonces = []
        for device in (before, phone, after):
            await device.register()
            nonces.append(_nonce((await device.hear("login_required"))["loginUrl"]))
        assert len(set(nonces)) == 3
        assert min(map(len, nonces)) >= 20
        assert (await _type(place, place.invite().code, phone.device_id, nonce=nonces[1]))[0] == 302
        await phone.hear("authenticated")
        assert (await _type(place, place.invite().code, phone.device_id))[0] == 302
        assert (await _type(place, place.invite().code, phone.device_id, nonce="x" * 22))[0] == 302
        assert (await _sign_in(place, place.invite().code, deviceId=phone.device_id))[0] == 200
        for stranger in (before, after):
            await stranger.settle()
            assert stranger.received == []


async def test_the_address_of_a_sign_in_is_good_for_one_answer_to_one_device(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, Device("mac").connected(place.url) as agent:
        await agent.register()
        nonce = _nonce((await agent.hear("login_required"))["loginUrl"])
        code = place.invite("agent").code
        assert (await _type(place, code, "another-agent", "mac", nonce))[0] == 410
        assert (await _type(place, code, agent.device_id, "mac", nonce))[0] == 200
        await agent.hear("authenticated")
        status, _, page = await _type(place, place.invite("agent").code, agent.device_id, "mac", nonce)
        assert status == 410
        assert "No agent is waiting for this sign-in" in page


@pytest.mark.parametrize("nonce", ["", "x" * 22])
async def test_an_agent_that_does_not_wait_can_t_be_signed_in_and_its_code_stays_good(
    tmp_path: Path, nonce: str
) -> None:
    async with open_place(tmp_path) as place:
        code = place.invite("agent").code
        async with place.ask("GET", f"/login?deviceId=agent-7&type=mac&nonce={nonce}") as response:
            assert response.status == 410
            assert "mobifai serve" in await response.text()
        assert (await _type(place, code, "agent-7", "mac", nonce))[0] == 410
        assert (await _sign_in(place, code, deviceId="agent-7", type="mac"))[0] == 200


async def test_the_login_page_names_the_waiting_device(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, Device("mobile").connected(place.url) as phone:
        await phone.register(deviceName="<b>Pixel")
        asked = await phone.hear("login_required")
        async with place.ask("GET", asked["loginUrl"]) as response:
            page = await response.text()
    assert "&lt;b&gt;Pixel at 127.0.0.1" in page


# -- each invitation is for one kind of client


@dataclass(frozen=True)
class Client:
    """A kind of client: its registration, and its kind of invitation."""

    kind: str
    type: str
    features: tuple[str, ...] = ()
    states_kind: bool = False

    async def by_token(self, place: Place, invitation: IssuedInvitation) -> bool:
        """Register with an invitation's token. Return whether it is admitted."""
        async with Device(self.type).connected(place.url) as device:
            await device.register(token=invitation.token, features=self.features)
            answers = {"authenticated", "auth_error"}
            await until(lambda: any(event in answers for event, _ in device.received))
            return any(event == "authenticated" for event, _ in device.received)

    async def by_json(self, place: Place, invitation: IssuedInvitation) -> bool:
        """Send an invitation's code as JSON. Return whether it is admitted."""
        kind = {"kind": self.kind} if self.states_kind else {}
        status, answer = await _sign_in(place, invitation.code, deviceId=str(uuid4()), type=self.type, **kind)
        assert status == 200 or "mobifai pair" in answer["message"]
        return status == 200

    async def by_form(self, place: Place, invitation: IssuedInvitation) -> bool:
        """Type an invitation's code into the login page. Return whether it is admitted."""
        async with Device(self.type).connected(place.url) as device:
            await device.register(features=self.features)
            nonce = _nonce((await device.hear("login_required"))["loginUrl"])
            status, _, page = await _type(place, invitation.code, device.device_id, self.type, nonce)
            assert status in (200, 302) or "mobifai pair" in page
            return status in (200, 302)


AGENT = Client("agent", "mac", ("ack", "e2e"))
PAGE = Client("e2e", "mobile", ("e2e",), states_kind=True)
LEGACY_APP = Client("legacy", "mobile")
CLIENTS = {"agent": AGENT, "page": PAGE, "legacy app": LEGACY_APP}


Way = Callable[[Client, Place, IssuedInvitation], Awaitable[bool]]
BY_TOKEN, BY_JSON, BY_FORM = Client.by_token, Client.by_json, Client.by_form


@pytest.mark.parametrize(
    ("client", "invited", "way"),
    [
        *(("agent", invited, way) for invited in ("page", "legacy app") for way in (BY_TOKEN, BY_JSON, BY_FORM)),
        *(("page", "agent", way) for way in (BY_TOKEN, BY_JSON)),
        ("page", "legacy app", BY_JSON),
        *(("legacy app", "agent", way) for way in (BY_TOKEN, BY_JSON, BY_FORM)),
        *(("legacy app", "page", way) for way in (BY_TOKEN, BY_FORM)),  # the page's token is refused, see below
    ],
)
async def test_an_invitation_for_one_kind_of_client_lets_no_other_in_and_stays_good(
    tmp_path: Path, client: str, invited: str, way: Way
) -> None:
    async with open_place(tmp_path) as place:
        invitation, right = place.invite(CLIENTS[invited].kind), CLIENTS[invited]
        assert not await way(CLIENTS[client], place, invitation)
        assert await (right.by_token(place, invitation) if invited == "page" else way(right, place, invitation))


async def test_the_token_of_a_page_is_rejected_from_a_client_that_does_not_encrypt(tmp_path: Path) -> None:
    """An eavesdropper tries it under the page's device id, before the page does."""
    async with open_place(tmp_path) as place:
        code = place.invite("e2e").code
        status, answer = await _sign_in(place, code, deviceId="page-1", kind="e2e")
        assert status == 200
        for token in (answer["token"], place.token("e2e")):
            async with Device("mobile", "page-1", token).connected(place.url) as listener:
                await listener.register()
                assert "mobifai pair --legacy" in (await listener.hear("auth_error"))["message"]
                await listener.say("request_connection", {"targetDeviceId": "agent-1"})
                assert "register first" in (await listener.hear("error"))["message"]
        async with Device("mobile", "page-1", answer["token"]).connected(place.url) as page:
            await page.sign_in(features=["e2e"])
            await page.register()  # once admitted, it stops encrypting
            assert "mobifai pair --legacy" in (await page.hear("auth_error"))["message"]
            await page.say("request_connection", {"targetDeviceId": "agent-1"})
            assert "register first" in (await page.hear("error"))["message"]


# -- the relay of `mobifai serve`


async def test_a_relay_that_serves_one_agent_lets_no_other_in(tmp_path: Path) -> None:
    async with open_place(tmp_path, shared=False) as place:
        for code in (place.invite("e2e").code, place.invite().code):
            status, answer = await _sign_in(place, code, deviceId="evil", type="mac")
            assert status == 403
            assert "mobifai relay" in answer["message"]
            assert (await _type(place, code, "evil", "mac"))[0] == 410
        async with Device("mac", "evil").connected(place.url) as agent:
            for token in (None, place.token(), place.relay.sign_in.agent_token("evil", "Evil")):
                await agent.register(token=token)
                assert "mobifai relay" in (await agent.hear("auth_error"))["message"]
        own = place.relay.sign_in.agent_token("agent-1", "Laptop")
        for method, path in (("POST", "/api/pairing"), ("GET", "/api/devices"), ("DELETE", "/api/devices/agent-1")):
            async with place.ask(method, path, own) as response:
                assert response.status == 401
                assert "on its own machine" in (await response.json())["message"]


# -- without a redirect, for a page that stays open


async def _sign_in(place: Place, code: object, **more: object) -> tuple[int, dict[str, Any]]:
    """Send the code as JSON. Return status and answer."""
    asked = {"deviceId": "phone-1", "type": "mobile", "code": code, **more}
    async with place.ask("POST", "/api/sign-in", json=asked) as response:
        return response.status, dict(await response.json())


async def test_a_page_that_stays_open_gets_a_token_for_the_right_code(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        status, answer = await _sign_in(place, place.invite().code.replace("-", ""))
        assert status == 200
        assert answer.keys() == {"token", "user"}
        assert answer["user"]["email"] == place.relay.sign_in.accounts.owner.user.email
        async with place.phone(device_id="phone-1", token=answer["token"]) as phone:
            assert phone.client.connected


async def test_the_page_s_wrong_codes_are_counted_with_the_form_s(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        for number in range(ATTEMPTS_PER_MINUTE):
            if number % 2:
                assert (await _type(place, "WRNG-C0DE"))[0] == 403
            else:
                status, answer = await _sign_in(place, "WRNG-C0DE")
                assert (status, answer.keys()) == (403, {"message"})
        right = place.invite().code
        status, answer = await _sign_in(place, right)
        assert status == 429
        assert "wait a minute" in answer["message"]
        place.clock.pass_by(60)
        assert (await _sign_in(place, right))[0] == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"{", b'{"deviceId": "a", "type": "mobile"}',
     b'{"deviceId": "", "type": "mobile", "code": "x"}',
     b'{"deviceId": "a", "type": "tablet", "code": "x"}', b'{"deviceId": "a", "type": "mobile", "code": 7}',
     b'{"deviceId": "a", "type": "mobile", "code": "' + b"x" * 65 + b'"}', b"[" * 5000],
)  # fmt: skip
async def test_a_malformed_sign_in_is_rejected_with_a_message(tmp_path: Path, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    async with open_place(tmp_path) as place:
        async with place.ask("POST", "/api/sign-in", data=body, headers=headers) as response:
            assert response.status == 400
            assert "deviceId, type, code" in (await response.json())["message"]


async def test_no_form_of_another_site_can_sign_a_device_in(tmp_path: Path) -> None:
    """A form's request without a preflight: no JSON, and with its own Origin."""
    async with open_place(tmp_path) as place:
        code = place.invite().code
        text = f'{{"deviceId": "evil", "type": "mobile", "code": "{code}"}}'
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            headers = {"Content-Type": kind}
            async with place.ask("POST", "/api/sign-in", data=text.encode(), headers=headers) as response:
                assert response.status == 415
        headers = {"Content-Type": "application/json", "Origin": "http://evil.example"}
        async with place.ask("POST", "/api/sign-in", data=text.encode(), headers=headers) as response:
            assert response.status == 403
        assert (await _sign_in(place, code))[0] == 200


async def test_no_answer_sets_a_cookie(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        code = place.invite().code
        asked = {"deviceId": "phone-1", "type": "mobile", "code": code}
        async with place.ask("POST", "/api/sign-in", json=asked) as response:
            assert "Set-Cookie" not in response.headers
        for path in ("/", "/health", "/login?deviceId=a&type=mobile", "/static/style.css", "/api/me", "/nowhere"):
            async with place.ask("GET", path) as response:
                assert "Set-Cookie" not in response.headers
        form = {"code": place.invite().code, "deviceId": "phone-2", "type": "mobile"}
        async with place.ask("POST", "/login", data=form) as response:
            assert "Set-Cookie" not in response.headers


async def test_every_address_means_ipv4_and_ipv6(tmp_path: Path) -> None:
    async with open_place(tmp_path, config=RelayConfig(EVERY_ADDRESS, 0)) as place:
        for host in ("127.0.0.1", "[::1]"):
            place.url = f"http://{host}:{place.relay.port}"
            for _ in range(ATTEMPTS_PER_MINUTE):
                body = {"deviceId": "phone-1", "type": "mobile", "code": "AAAA-AAAA"}
                async with place.ask("POST", "/api/sign-in", json=body) as response:
                    assert response.status == 403  # the two addresses are counted separately
