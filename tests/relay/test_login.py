"""The page on which a person types a pairing code."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mobifai.config import EVERY_ADDRESS, RelayConfig
from mobifai.protocol.codes import ATTEMPTS_PER_MINUTE, WRONG_TRIES
from tests.relay.device import Device
from tests.relay.place import Place, open_place


async def _type(place: Place, code: str, device_id: str = "phone-1", kind: str = "mobile") -> tuple[int, str, str]:
    """Send the form: status, Location, page."""
    form = {"code": code, "deviceId": device_id, "type": kind}
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
async def test_a_page_without_a_proper_device_says_so(tmp_path: Path, query: str) -> None:
    async with open_place(tmp_path) as place, place.ask("GET", f"/login{query}") as response:
        assert response.status == 400
        assert "<b>" not in await response.text()


async def test_the_right_code_brings_a_phone_back_to_its_app_with_a_token(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        status, location, _ = await _type(place, place.relay.sign_in.invite().code)
        assert (status, location[:15]) == (302, "mobifai://auth?")
        query = parse_qs(urlsplit(location).query)
        assert query["email"] == [place.relay.sign_in.user.email]
        async with place.phone(device_id="phone-1", token=query["token"][0]) as phone:
            assert phone.client.connected


async def test_a_wrong_code_shows_the_page_again_and_the_fifth_locks_the_right_one(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        right = place.relay.sign_in.invite().code
        for _ in range(WRONG_TRIES):
            status, _, page = await _type(place, "WRNG-C0DE")
            assert status == 403
            assert "pairing code is wrong" in page
        assert (await _type(place, right))[0] == 403


async def test_an_address_that_fails_too_often_is_put_off(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        for _ in range(ATTEMPTS_PER_MINUTE):
            assert (await _type(place, "WRNG-C0DE"))[0] == 403
        right = place.relay.sign_in.invite().code
        status, _, page = await _type(place, right)
        assert status == 429
        assert "wait a minute" in page
        place.clock.pass_by(60)
        assert (await _type(place, right))[0] == 302


async def test_what_a_person_typed_is_shown_as_text_only(tmp_path: Path) -> None:
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


async def test_an_agent_that_waits_is_let_in_where_it_waits(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, Device("mac").connected(place.url) as agent:
        await agent.register()
        asked: Any = await agent.hear("login_required")
        assert asked["loginUrl"] == f"/login?deviceId={agent.device_id}&type=mac"
        status, _, page = await _type(place, place.relay.sign_in.invite().code, agent.device_id, "mac")
        assert status == 200
        assert "signed in" in page
        answer = await agent.hear("authenticated")
        await agent.hear("waiting_for_peer")
        async with place.ask("GET", "/api/devices", token=answer["token"]) as response:
            (device,) = (await response.json())["devices"]
        assert (device["deviceId"], device["type"], device["connected"]) == (agent.device_id, "mac", True)


async def test_a_phone_that_waits_is_let_in_too_and_others_are_not(tmp_path: Path) -> None:
    async with (
        open_place(tmp_path) as place,
        Device("mobile").connected(place.url) as phone,
        Device("mobile").connected(place.url) as other,
    ):
        for device in (phone, other):
            await device.register()
            await device.hear("login_required")
        assert (await _type(place, place.relay.sign_in.invite().code, phone.device_id))[0] == 302
        await phone.hear("available_devices")
        await other.say("request_connection", {"targetDeviceId": "agent-1"})
        assert "register first" in (await other.hear("error"))["message"]


# -- without a redirect, for a page that stays open


async def _sign_in(place: Place, code: object, **more: object) -> tuple[int, dict[str, Any]]:
    """Send the code as JSON: status and answer."""
    asked = {"deviceId": "phone-1", "type": "mobile", "code": code, **more}
    async with place.ask("POST", "/api/sign-in", json=asked) as response:
        return response.status, dict(await response.json())


async def test_a_page_that_stays_open_gets_a_token_for_the_right_code(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        status, answer = await _sign_in(place, place.relay.sign_in.invite().code.replace("-", ""))
        assert status == 200
        assert answer.keys() == {"token", "user"}
        assert answer["user"]["email"] == place.relay.sign_in.user.email
        async with place.phone(device_id="phone-1", token=answer["token"]) as phone:
            assert phone.client.connected


async def test_a_device_that_waits_is_let_in_by_the_page_too(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, Device("mobile").connected(place.url) as phone:
        await phone.register()
        await phone.hear("login_required")
        assert (await _sign_in(place, place.relay.sign_in.invite().code, deviceId=phone.device_id))[0] == 200
        await phone.hear("available_devices")


async def test_the_page_s_wrong_codes_are_counted_with_the_form_s(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        for number in range(ATTEMPTS_PER_MINUTE):
            if number % 2:
                assert (await _type(place, "WRNG-C0DE"))[0] == 403
            else:
                status, answer = await _sign_in(place, "WRNG-C0DE")
                assert (status, answer.keys()) == (403, {"message"})
        right = place.relay.sign_in.invite().code
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
async def test_what_is_no_sign_in_is_told_so(tmp_path: Path, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    async with open_place(tmp_path) as place:
        async with place.ask("POST", "/api/sign-in", data=body, headers=headers) as response:
            assert response.status == 400
            assert "deviceId, type, code" in (await response.json())["message"]


async def test_no_form_of_another_site_can_sign_a_device_in(tmp_path: Path) -> None:
    """What a form can send without asking the browser first: no JSON, and with its own Origin."""
    async with open_place(tmp_path) as place:
        code = place.relay.sign_in.invite().code
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
        code = place.relay.sign_in.invite().code
        asked = {"deviceId": "phone-1", "type": "mobile", "code": code}
        async with place.ask("POST", "/api/sign-in", json=asked) as response:
            assert "Set-Cookie" not in response.headers
        for path in ("/", "/health", "/login?deviceId=a&type=mobile", "/static/style.css", "/api/me", "/nowhere"):
            async with place.ask("GET", path) as response:
                assert "Set-Cookie" not in response.headers
        form = {"code": place.relay.sign_in.invite().code, "deviceId": "phone-2", "type": "mobile"}
        async with place.ask("POST", "/login", data=form) as response:
            assert "Set-Cookie" not in response.headers


async def test_every_address_means_ipv4_and_ipv6(tmp_path: Path) -> None:
    async with open_place(tmp_path, config=RelayConfig(EVERY_ADDRESS, 0)) as place:
        for host in ("127.0.0.1", "[::1]"):
            place.url = f"http://{host}:{place.relay.port}"
            for _ in range(ATTEMPTS_PER_MINUTE):
                body = {"deviceId": "phone-1", "type": "mobile", "code": "AAAA-AAAA"}
                async with place.ask("POST", "/api/sign-in", json=body) as response:
                    assert response.status == 403  # the two addresses are counted apart
