"""A flood of output: the page stays usable, and Ctrl-C ends the flood immediately."""

from pathlib import Path

import pytest

from tests.browser.programs import FLOODS, command
from tests.browser.scene import Way, answers, at_the_phone

pytestmark = pytest.mark.extended

FLOOD_BYTES = 50_000_000

LAG = """
window.__lag = {worst: 0, looks: 0};
let before = performance.now();
setInterval(() => {
  const now = performance.now();
  window.__lag.worst = Math.max(window.__lag.worst, now - before - 50);
  window.__lag.looks += 1;
  before = now;
}, 50);
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["channel", "relay"])
async def test_the_page_works_during_a_flood_and_all_of_it_arrives(tmp_path: Path, way: Way) -> None:
    async with at_the_phone(tmp_path, LAG, way=way) as here:
        phone = here.phone
        (first,) = await phone.tabs()
        await phone.new_tab()
        await answers(phone)
        second = (await phone.tabs())[1]
        await phone.switch(first)
        over = tmp_path / "over"
        await phone.enter(f"{command(tmp_path, FLOODS, str(FLOOD_BYTES))}; touch {over}")
        await phone.shows("a line of very many")
        await phone.switch(second)
        await answers(phone)
        await phone.open_health()
        await phone.close_sheet()
        await phone.switch(first)
        assert not over.exists(), "expected taps to be handled before the flood ended"
        await phone.shows("the flood is over", 240)
        lag = await phone.page.evaluate("window.__lag")
        print(f"{way}: the page's loop was late by {lag['worst']:.0f} ms at most, {lag['looks']} looks")
        await answers(phone)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("way", ["channel", "relay"])
async def test_ctrl_c_ends_a_flood_immediately(tmp_path: Path, way: Way) -> None:
    async with at_the_phone(tmp_path, way=way) as here:
        phone = here.phone
        over = tmp_path / "over"
        await phone.enter(f"{command(tmp_path, FLOODS, '20000000000')}; touch {over}")
        await phone.shows("a line of very many")
        await phone.tap_key("Ctrl")
        await phone.press("c")
        await answers(phone)
        assert "the flood is over" not in await phone.text()
