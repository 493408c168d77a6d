"""The size of the screen: turned, or with a soft keyboard over it, the shell receives the new size once."""

import re
from pathlib import Path

import pytest

from tests.browser.programs import WATCHES, command
from tests.browser.scene import at_the_phone
from tests.support.browser import LANDSCAPE, SIZE
from tests.support.phone_page import PhonePage

pytestmark = pytest.mark.extended

KEYBOARD = {"width": 390, "height": 500}
SAID = re.compile(r"(\d+)x(\d+) after (\d+) changes")


async def said(phone: PhonePage, changes: int) -> tuple[int, int]:
    """Return columns and lines, once the program was notified of this number of changes."""
    await phone.shows(f"after {changes} changes")
    return next(
        (int(cols), int(lines)) for cols, lines, count in SAID.findall(await phone.text()) if int(count) == changes
    )


async def test_turning_and_a_soft_keyboard_reach_the_shell_once_each(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        phone = here.phone
        await phone.enter(f"clear; {command(tmp_path, WATCHES)}")
        upright = await said(phone, 0)
        await phone.page.set_viewport_size(KEYBOARD)
        under_keys = await said(phone, 1)
        assert under_keys[0] == upright[0]
        assert under_keys[1] < upright[1] - 5
        await phone.page.set_viewport_size(SIZE)
        assert await said(phone, 2) == upright
        await phone.page.set_viewport_size(LANDSCAPE)
        turned = await said(phone, 3)
        assert turned[0] > upright[0] * 1.5
        await phone.page.set_viewport_size(SIZE)
        assert await said(phone, 4) == upright
        assert await phone.grid() == upright


async def test_a_keyboard_that_slides_in_is_one_change(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        phone = here.phone
        await phone.enter(f"clear; {command(tmp_path, WATCHES)}")
        await said(phone, 0)
        for height in range(SIZE["height"], KEYBOARD["height"] - 1, -43):
            await phone.page.set_viewport_size({"width": 390, "height": height})
        await phone.page.set_viewport_size(KEYBOARD)
        cols, lines = await said(phone, 1)
        await phone.page.set_viewport_size(SIZE)
        await said(phone, 2)  # without a further change in between
        assert (cols, lines) != await phone.grid()


async def test_what_was_typed_stays_in_sight_above_the_keyboard(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        await here.phone.enter("seq 1 200; echo last-$((1+1))-line")
        await here.phone.shows("last-2-line")
        await here.phone.page.set_viewport_size(KEYBOARD)
        await here.phone.shows("last-2-line")
        assert await here.phone.bottom_is_in_sight()
