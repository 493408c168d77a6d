"""A relay can change the page's appearance by an account's settings, but no key that types."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.browser.scene import Scene, Way, answers, at_the_phone, scripts_for
from tests.support.agent import serving
from tests.support.agent_status import asked
from tests.support.browser import open_browser
from tests.support.hostile_relay import HostileRelay, hostile_relay
from tests.support.phone_page import PhonePage

pytestmark = pytest.mark.extended

GRUVBOX, NORD, DAY = "rgb(40, 40, 40)", "rgb(46, 52, 64)", "rgb(255, 255, 255)"
USUAL = [("interrupt", "^C"), ("end-of-input", "^D"), ("search-history", "^R"), ("suspend", "^Z")]


def poisoned(palette: str) -> dict[str, Any]:
    """Return settings with a combination of the relay in every place where a version stored one."""
    combos = [{"id": name, "label": label, "sequence": "echo poi$((1+1))soned<Enter>"} for name, label in USUAL]
    more = {"combos": combos, "keys": combos, "combinations": combos, "list": combos, "isUnsent": True}
    fonts = {"fontFamily": "x; } * { display: none } a {", "cursorStyle": "<b>", "keyBar": "one-row"}
    return {**more, **fonts, "fontSize": 15, "theme": "x" * 50_000, "page": {"palette": palette, **more, **fonts}}


@asynccontextmanager
async def behind_a_hostile_relay(folder: Path, *, way: Way = "channel") -> AsyncIterator[tuple[HostileRelay, Scene]]:
    """A page behind a hostile relay. The agent's own connection is not affected."""
    async with serving(folder / "state", "--e2e", "require") as agent, hostile_relay(agent.relay_url) as hostile:
        hostile.answers["/api/settings"] = poisoned("gruvbox")
        async with open_browser(*scripts_for(way)) as browser:
            phone = PhonePage(await browser.context.new_page())
            link = (await agent.invite())["link"]
            await phone.open(f"{hostile.url}/#{link.partition('#')[2]}")
            await phone.ready(way)
            await phone.first_terminal()
            yield hostile, Scene(agent, browser, phone)


async def interrupts(phone: PhonePage) -> None:
    """Tap the ^C key while a program runs: the program ends, and nothing is typed."""
    await phone.enter("sleep 1000")
    await phone.tap_key("^C")
    await answers(phone)
    assert "poi" not in await phone.text()


async def test_a_relay_puts_nothing_onto_the_keys(tmp_path: Path) -> None:
    async with behind_a_hostile_relay(tmp_path) as (hostile, here):
        phone = here.phone
        await phone.until_background(GRUVBOX)
        await interrupts(phone)
        await hostile.say_to("phone", "settings:updated", poisoned("nord"))
        await phone.until_background(NORD)
        await interrupts(phone)
        await phone.reload()
        await phone.ready()
        await phone.until_background(GRUVBOX)
        await interrupts(phone)


async def test_an_overheard_token_puts_nothing_onto_the_keys(tmp_path: Path) -> None:
    async with behind_a_hostile_relay(tmp_path) as (hostile, here):
        token = next(re.findall(r'"token": ?"([^"]+)"', text)[0] for text in hostile.seen if '"token"' in text)
        small = {**poisoned("nord"), "theme": "nord"}
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as thief:
            async with thief.put(f"{here.agent.relay_url}/api/settings", json=small) as answer:
                assert answer.ok
        await here.phone.until_background(NORD)
        await interrupts(here.phone)
        await here.phone.page.close()
        for device in (await asked(here.agent, "devices"))["devices"]:
            if device["type"] == "mobile":
                await here.agent.command("devices", "revoke", device["deviceId"])
        async with open_browser() as browser:
            new = PhonePage(await browser.context.new_page())
            await new.open((await here.agent.invite())["link"])
            await new.ready()
            await new.until_background(NORD)
            await interrupts(new)


async def test_a_relay_learns_nothing_of_the_persons_own_keys(tmp_path: Path) -> None:
    async with behind_a_hostile_relay(tmp_path) as (hostile, here):
        phone = here.phone
        await phone.add_combination("Mine", "echo my-secret-words<Enter>")
        await phone.tap_key("Mine")
        await phone.shows("my-secret-words")
        async with phone.page.expect_request(lambda request: request.method == "PUT") as saving:
            await phone.choose_font_size(18)
        sent = json.loads((await saving.value).post_data or "")
        assert sent.keys() == {"theme", "fontSize", "page"}
        assert sent["page"].keys() == {"palette", "scheme"}
        assert hostile.knows("my-secret-words") == []


async def test_own_keys_are_on_the_next_phone_until_their_phone_is_revoked(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        await here.phone.add_combination("Mine", "echo of-the-$((1+0))st-phone<Enter>")
        await here.phone.tap_key("Mine")
        await here.phone.shows("of-the-1st-phone")
        await here.phone.page.close()
        async with open_browser() as browser:
            other = PhonePage(await browser.context.new_page())
            await other.open((await here.agent.invite())["link"])
            await other.ready()
            await other.enter("clear")
            await other.tap_key("Mine")
            await other.shows("of-the-1st-phone")
            await other.page.close()
        for device in (await asked(here.agent, "devices"))["devices"]:
            if device["type"] == "mobile":
                await here.agent.command("devices", "revoke", device["deviceId"])
        async with open_browser() as browser:
            new = PhonePage(await browser.context.new_page())
            await new.open((await here.agent.invite())["link"])
            await new.ready()
            await answers(new)  # so the agent has also answered with its list
            assert await new.keys_of_ones_own() == []


OLD = {
    "combos": [
        {"id": "own-1", "label": "Mine", "sequence": "echo mine-$((1+1))<Enter>"},
        {"id": "interrupt", "label": "^C", "sequence": "echo theirs-$((1+1))<Enter>"},
    ]
}
KEEP_OLD = f"""
if (location.protocol === "http:" && !localStorage.getItem("was-here")) {{
  localStorage.setItem("mobifai.preferences", JSON.stringify({json.dumps(OLD)}));
  localStorage.setItem("was-here", "yes");
}}
"""


async def test_keys_of_an_earlier_version_are_reviewed_once(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent, open_browser(KEEP_OLD) as browser:
        phone = PhonePage(await browser.context.new_page())
        await phone.open((await agent.invite())["link"])
        await phone.first_terminal()
        await interrupts(phone)
        await phone.page.get_by_role("button", name="Review", exact=True).tap()
        assert "echo theirs-$((1+1))<Enter>" in await phone.sheet.inner_text()
        await phone.sheet.get_by_text("“Mine” sends").tap()
        await phone.sheet.get_by_role("button", name="Keep selected").tap()
        await phone.tap_key("Mine")
        await phone.shows("mine-2")
        await interrupts(phone)
        await phone.reload()
        await phone.ready()
        assert await phone.keys_of_ones_own() == ["Mine"]
        assert await phone.page.get_by_role("button", name="Review", exact=True).count() == 0
        assert "theirs" not in await phone.text()
