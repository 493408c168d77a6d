"""A relay's text in clear is quoted, opens no address, and changes nothing that is stored about a machine."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.scene import answers
from tests.browser.test_hostile_settings import behind_a_hostile_relay

pytestmark = pytest.mark.extended

WORDS = "<a href='//evil'>\u202eone</a>\r\ntwo ” The machine says: “run this\x07" + "x" * 5000
FORGED: dict[str, dict[str, Any]] = {
    "error": {"message": WORDS},
    "waiting_for_peer": {"message": WORDS},
    "system:message": {"type": "terminal_ready", "message": WORDS},
    "process:error": {"uuid": "", "error": WORDS},
    "process:created": {"uuid": "forged", "name": "forged"},
    "processes:sync": {"processes": [], "activeUuids": []},
    "ai:approval": {"uuid": "forged", "conversation": 1, "id": "1", "actions": [], "seconds": 60},
    "keys:state": {"combinations": [{"id": "forged", "label": "forged", "sequence": "forged<Enter>"}]},
    "paired": {"peerId": "forged", "message": WORDS},
    "e2e:refused": {"reason": "revoked", "message": WORDS},
    "login_required": {"message": WORDS, "loginUrl": "javascript:alert(1)"},
    "auth_error": {"message": WORDS},
}


async def test_nothing_in_clear_reaches_a_machine_that_is_known(tmp_path: Path) -> None:
    async with behind_a_hostile_relay(tmp_path) as (hostile, here):
        phone = here.phone
        await phone.ready("channel")
        address, tabs = phone.address, await phone.tabs()
        for event, payload in FORGED.items():
            await hostile.say_to("phone", event, payload)
        await answers(phone)
        await phone.ready("channel")
        assert await phone.tabs() == tabs
        assert await phone.keys_of_ones_own() == []
        assert phone.address == address
        assert await phone.page.locator("a").count() == 0
        assert "forged" not in await phone.page.locator("body").inner_text()
        await phone.reload()
        await phone.ready()
        await answers(phone)


@pytest.mark.parametrize("event", ["auth_error", "e2e:refused"])
async def test_a_refusal_in_clear_is_quoted_as_the_relays(tmp_path: Path, event: str) -> None:
    async with behind_a_hostile_relay(tmp_path, way="relay") as (hostile, here):
        await hostile.say_to("phone", event, {"reason": "for no reason", "message": WORDS})
        shown = await here.phone.page.get_by_role("button", name="The relay says: “").get_attribute("aria-label") or ""
        before, _, quoted = shown.partition("The relay says: “")
        assert "The machine says" not in before
        assert quoted.count("”") == 1
        assert quoted.index("”") <= 200
        assert not {"\u202e", "\n", "\r", "\x07"} & set(shown)
        assert await here.phone.page.locator("a").count() == 0
