"""The keyboard focus: after a tap, users continue typing without a tap into the terminal."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.browser.scene import at_the_phone
from tests.support.phone_page import PhonePage

pytestmark = pytest.mark.extended

Leaves = Callable[[PhonePage], Awaitable[None]]


async def by_its_button(phone: PhonePage) -> None:
    await phone.close_sheet()


async def by_escape(phone: PhonePage) -> None:
    await phone.page.keyboard.press("Escape")


@pytest.mark.parametrize("leaves", [by_its_button, by_escape], ids=lambda one: one.__name__)
async def test_a_closed_sheet_leaves_the_keyboard_with_the_terminal(tmp_path: Path, leaves: Leaves) -> None:
    async with at_the_phone(tmp_path) as here:
        await here.phone.focus_terminal()
        await here.phone.open_settings()
        await leaves(here.phone)
        await here.phone.type_on("echo typed-$((1+1))\n")
        await here.phone.shows("typed-2")


async def test_the_assistant_that_a_menu_opened_has_the_focus(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        await here.phone.focus_terminal()
        await here.phone.choose_from_menu("Assistant")
        await here.phone.sheets_are_gone()
        await here.phone.type_on("what runs here")
        await here.phone.question_is("what runs here")


async def test_the_focus_moves_to_the_terminal_that_is_shown(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        phone = here.phone
        (first,) = await phone.tabs()
        await phone.enter("here=first")
        await phone.new_tab()
        await phone.type_on("echo it-is-${here:-new}\n")
        await phone.shows("it-is-new")
        await phone.switch(first)
        await phone.type_on("echo it-is-$here\n")
        await phone.shows("it-is-first")
