"""Users' choices are stored: in this browser, and at the relay for their other devices."""

from pathlib import Path

import pytest

from tests.browser.scene import at_the_phone
from tests.support.browser import open_browser
from tests.support.phone_page import PhonePage

pytestmark = pytest.mark.extended


async def test_colours_and_font_size_are_kept_over_a_reload(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        phone = here.phone
        before = await phone.grid()
        await phone.choose("Gruvbox")
        await phone.choose_font_size(20)
        await phone.until_background("rgb(40, 40, 40)")
        kept = await phone.fitted_grid()
        assert kept[0] < before[0]
        await phone.reload()
        await phone.ready()
        await phone.until_background("rgb(40, 40, 40)")
        assert await phone.fitted_grid() == kept


async def test_another_phone_of_the_account_has_them_too(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        async with here.phone.page.expect_response(lambda answer: answer.request.method == "PUT" and answer.ok):
            await here.phone.choose("Gruvbox")
        await here.phone.page.close()
        async with open_browser() as browser:
            other = PhonePage(await browser.context.new_page())
            await other.open((await here.agent.invite())["link"])
            await other.ready()
            await other.until_background("rgb(40, 40, 40)")


@pytest.mark.parametrize(("scheme", "background"), [("dark", "rgb(13, 17, 23)"), ("light", "rgb(255, 255, 255)")])
async def test_by_default_the_page_follows_the_phones_scheme(tmp_path: Path, scheme: str, background: str) -> None:
    async with at_the_phone(tmp_path) as here:
        await here.phone.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await here.phone.until_background(background)
