"""A page that knows a machine keeps it: a link to another one is confirmed first, and machines form a list."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.scene import answers
from tests.integration.relays import NO_STUN, relaying, sign_in
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import phone_of
from tests.support.browser import open_browser
from tests.support.phone_page import PhonePage

pytestmark = pytest.mark.extended


@asynccontextmanager
async def two_machines(folder: Path) -> AsyncIterator[tuple[RunningAgent, RunningAgent, PhonePage]]:
    """A page at the first of two machines, which meet at one relay."""
    async with relaying(folder / "relay") as relay:
        there = ("--relay", relay.url, *NO_STUN)
        async with (
            serving(folder / "one", *there, "--name", "desk", ready=False) as desk,
            serving(folder / "two", *there, "--name", "attic", ready=False) as attic,
        ):
            await sign_in(desk, relay)
            await sign_in(attic, relay)
            async with open_browser() as browser:
                phone = PhonePage(await browser.context.new_page())
                await phone.open((await desk.invite())["link"])
                await phone.ready_at("desk")
                await phone.first_terminal()
                yield desk, attic, phone


async def test_an_unknown_machines_link_is_confirmed_first_and_replaces_nothing(tmp_path: Path) -> None:
    async with two_machines(tmp_path) as (desk, attic, phone):
        await phone.enter("here=desk")
        link = (await attic.invite())["link"]
        await phone.follow(link)
        asked = await phone.answer("Cancel")
        assert "desk" in asked
        assert attic.device_id in asked
        for machine in (desk, attic):
            assert (await machine.status())["fingerprint"] in asked
        assert await phone_of(attic) is None
        await phone.enter("echo it-is-$here")
        await phone.shows("it-is-desk")
        await phone.page.goto(link)  # this reloads the page
        await phone.answer("Cancel")
        await phone.ready_at("desk")
        assert await phone.open_machines() == ["desk"]
        assert await phone_of(attic) is None


async def test_machines_are_added_used_named_and_forgotten(tmp_path: Path) -> None:
    async with two_machines(tmp_path) as (desk, attic, phone):
        await phone.enter("here=desk")
        await phone.follow((await attic.invite())["link"])
        await phone.answer("Add")
        await phone.ready_at("attic")
        await phone.first_terminal()
        await answers(phone)
        await phone.enter("here=attic; clear")
        await phone.use_machine("desk")
        await phone.ready_at("desk")
        await phone.enter("echo it-is-$here")
        await phone.shows("it-is-desk")
        await phone.reload()
        await phone.ready_at("desk")
        assert await phone.open_machines() == ["desk", "attic"]
        await phone.sheet.get_by_role("button", name="Rename attic").tap()
        await phone.sheet.get_by_role("textbox").fill("loft")
        await phone.page.keyboard.press("Enter")
        await phone.use_machine("loft")
        await phone.ready_at("loft")
        await phone.enter("echo it-is-$here")
        await phone.shows("it-is-attic")
        await phone.open_machines()
        await phone.sheet.get_by_role("button", name="Forget desk").tap()
        await phone.answer("Forget")
        assert await phone.open_machines() == ["loft"]
        assert (await desk.status())["terminals"] != []


async def test_machines_are_chosen_with_a_keyboard(tmp_path: Path) -> None:
    async with two_machines(tmp_path) as (_, attic, phone):
        await phone.follow((await attic.invite())["link"])
        await expect(phone.sheet).to_be_visible()
        await phone.page.keyboard.press("Enter")  # the answer that changes nothing has the focus
        assert await phone.open_machines() == ["desk"]
        await phone.page.keyboard.press("Escape")
        await phone.follow((await attic.invite())["link"])
        await expect(phone.sheet).to_be_visible()
        await phone.page.keyboard.press("Tab")
        await phone.page.keyboard.press("Enter")
        await phone.ready_at("attic")
        await phone.open_machines()
        await phone.sheet.get_by_role("button", name="desk").first.focus()
        await phone.page.keyboard.press("Enter")
        await phone.ready_at("desk")
