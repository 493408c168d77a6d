"""The HTTP interface of devices that are signed in."""

from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from mobifai.protocol.codes import ATTEMPTS_PER_MINUTE
from tests.relay.device import Device
from tests.relay.place import Place, open_place


async def _ask(place: Place, method: str, path: str, token: str = "", **options: Any) -> tuple[int, Any]:
    async with place.ask(method, path, token, **options) as response:
        return response.status, await response.json()


async def test_health_says_ok_and_when(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place:
        assert await _ask(place, "GET", "/health") == (200, {"status": "ok", "timestamp": "2027-01-15T08:00:00Z"})


async def test_a_device_learns_whose_it_is(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.phone() as phone:
        _, user = await _ask(place, "GET", "/api/me", str(phone.token))
        assert (user["id"], user["name"]) == ("owner", place.relay.sign_in.accounts.owner.user.name)


@pytest.mark.parametrize("path", ["/api/me", "/api/settings", "/api/devices"])
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer"}, {"Authorization": "Bearer x"}, {"Authorization": "Basic x"}]
)
async def test_without_a_good_token_there_is_nothing(tmp_path: Path, path: str, headers: dict[str, str]) -> None:
    async with open_place(tmp_path) as place:
        status, answer = await _ask(place, "GET", path, headers=headers)
        assert status == 401
        assert answer["message"]


async def test_an_address_with_too_many_bad_tokens_is_put_off_and_a_good_token_is_not(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.phone() as phone:
        answers = [(await _ask(place, "GET", "/api/me", "rubbish"))[0] for _ in range(ATTEMPTS_PER_MINUTE)]
        assert answers == [401] * (ATTEMPTS_PER_MINUTE - 1) + [429]
        assert (await _ask(place, "GET", "/api/me", str(phone.token)))[0] == 200


# -- settings


async def test_settings_are_merged_stored_and_sent_to_every_device(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent, place.phone() as phone:
        token = str(phone.token)
        assert await _ask(place, "GET", "/api/settings", token) == (200, {})
        await _ask(place, "PUT", "/api/settings", token, json={"theme": "dark", "fontSize": 12})
        merged = {"theme": "light", "fontSize": 12}
        assert await _ask(place, "PUT", "/api/settings", token, json={"theme": "light"}) == (200, merged)
        for device in (agent, phone):
            await device.hear("settings:updated", lambda settings: settings == merged)
    async with open_place(tmp_path) as place, place.phone() as phone:
        assert await _ask(place, "GET", "/api/settings", str(phone.token)) == (200, merged)


@pytest.mark.parametrize(
    "body", ["", "[]", "7", "null", "{", '{"a": NaN}', "[" * 5000, '{"a":' * 5000, '{"\ud800": 1}']
)
async def test_settings_that_are_no_object_are_refused(tmp_path: Path, body: str) -> None:
    async with open_place(tmp_path) as place, place.phone() as phone:
        data = body.encode("utf-8", "surrogatepass")
        status, answer = await _ask(place, "PUT", "/api/settings", str(phone.token), data=data)
        assert status == 400
        assert "expected a JSON object" in answer["message"]


@pytest.mark.parametrize(("size", "status"), [(99, 200), (100, 200), (101, 413)])
async def test_settings_have_a_limit_together(tmp_path: Path, size: int, status: int) -> None:
    async with open_place(tmp_path, {"relay.settings": 100}) as place, place.phone() as phone:
        await _ask(place, "PUT", "/api/settings", str(phone.token), json={"a": 1})
        more = {"b": "x" * (size - len('{"a":1,"b":""}'))}
        assert (await _ask(place, "PUT", "/api/settings", str(phone.token), json=more))[0] == status
        assert place.entry("relay.settings").peak == (size if status == 200 else 7)


async def test_a_body_without_end_is_not_read(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.phone() as phone:
        status, answer = await _ask(place, "PUT", "/api/settings", str(phone.token), data=b" " * 100_000)
        assert status == 413
        assert answer["message"]


# -- what only agents may do


@pytest.mark.parametrize("body", [None, {}, {"kind": "e2e"}])
async def test_an_agent_invites_a_phone_that_encrypts(tmp_path: Path, body: object) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent:
        _, invitation = await _ask(place, "POST", "/api/pairing", str(agent.token), json=body)
        assert invitation["expires_at"] == "2027-01-15T08:10:00Z"
        assert len(invitation["code"]) >= 26
        async with Device("mobile", token=invitation["token"]).connected(place.url) as phone:
            await phone.sign_in(features=["e2e"])


@pytest.mark.parametrize("body", [[], {"kind": "agent"}, {"kind": ""}, {"kind": 7}])
async def test_an_agent_can_invite_phones_only(tmp_path: Path, body: object) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent:
        assert (await _ask(place, "POST", "/api/pairing", str(agent.token), json=body))[0] == 400


async def test_an_agent_invites_a_legacy_app(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent() as agent:
        _, invitation = await _ask(place, "POST", "/api/pairing", str(agent.token), json={"kind": "legacy"})
        assert len(invitation["code"]) == 9
        async with place.phone(token=invitation["token"]) as phone:
            assert phone.client.connected


async def test_an_agent_lists_and_revokes_phones(tmp_path: Path) -> None:
    async with open_place(tmp_path) as place, place.agent("agent-1") as agent:
        async with place.phone(device_id="phone-1") as phone:
            _, answer = await _ask(place, "GET", "/api/devices", str(agent.token))
            assert [(one["deviceId"], one["name"], one["connected"]) for one in answer["devices"]] == [
                ("agent-1", "Laptop", True), ("phone-1", "Pixel", True),
            ]  # fmt: skip
            assert answer["devices"][1]["createdAt"] == "2027-01-15T08:00:00Z"
            assert (await _ask(place, "DELETE", "/api/devices/phone-1", str(agent.token)))[0] == 200
            await phone.gone.wait()
            assert (await _ask(place, "GET", "/api/me", str(phone.token)))[0] == 401
        assert (await _ask(place, "DELETE", "/api/devices/phone-1", str(agent.token)))[0] == 404
        assert (await _ask(place, "DELETE", "/api/devices/agent-1", str(agent.token)))[0] == 409


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/api/pairing"), ("GET", "/api/devices"), ("DELETE", "/api/devices/agent-1")]
)
async def test_a_phone_may_do_none_of_it(tmp_path: Path, method: str, path: str) -> None:
    async with open_place(tmp_path) as place, place.agent("agent-1"), place.phone() as phone:
        status, answer = await _ask(place, method, path, str(phone.token))
        assert status == 403
        assert "agent" in answer["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("DELETE", "/health", 405), ("POST", "/", 405), ("GET", "/static/../server.py", 404)],
)
async def test_errors_are_json(tmp_path: Path, method: str, path: str, status: int) -> None:
    async with open_place(tmp_path) as place, ClientSession() as session:
        async with session.request(method, place.url + path) as response:
            assert response.status == status
            assert (await response.json())["message"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
