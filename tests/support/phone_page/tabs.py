"""The strip of tabs."""

import re

from playwright.async_api import Locator, expect

from tests.support.phone_page.part import MS, Part


class TabActs(Part):
    """A user's actions with tabs, and their view."""

    @property
    def _tabs(self) -> Locator:
        return self.page.get_by_role("tablist", name="Terminals").get_by_role("tab")

    def _tab(self, name: str) -> Locator:
        return self._tabs.filter(has=self.page.locator(".tab-name", has_text=re.compile(f"^{re.escape(name)}$")))

    @property
    def _unseen(self) -> Locator:
        return self._tabs.and_(self.page.locator(".unseen")).locator(".tab-name")

    async def tabs(self) -> list[str]:
        """Return the names of the tabs, in their order."""
        return await self._tabs.locator(".tab-name").all_inner_texts()

    async def until_tabs(self, names: list[str]) -> None:
        """Wait until exactly these tabs exist."""
        await expect(self._tabs.locator(".tab-name")).to_have_text(names, timeout=MS)

    async def shown_tab(self) -> str:
        """Return the name of the shown tab."""
        return await self.page.get_by_role("tab", selected=True).locator(".tab-name").inner_text()

    async def new_tab(self) -> None:
        """Open a tab, and wait until it is shown."""
        count = await self._tabs.count()
        await self.page.get_by_role("button", name="New terminal").first.tap()
        await expect(self._tabs).to_have_count(count + 1, timeout=MS)
        await expect(self._tabs.last).to_have_attribute("aria-selected", "true", timeout=MS)
        await expect(self.screen).to_be_visible(timeout=MS)

    async def first_terminal(self) -> None:
        """Wait for the terminal that a page opens after pairing."""
        await expect(self._tabs).to_have_count(1, timeout=MS)
        await expect(self.screen).to_be_visible(timeout=MS)

    async def switch(self, name: str) -> None:
        """Show a tab, unless it is shown already: another tap would open its menu."""
        if await self.shown_tab() == name:
            return
        await self._tab(name).tap()
        await expect(self._tab(name)).to_have_attribute("aria-selected", "true", timeout=MS)

    async def rename(self, name: str, new: str) -> None:
        """Rename a tab from its menu."""
        await self._menu(name, re.compile("^Rename"))
        await self.sheet.get_by_role("textbox").fill(new)
        await self.page.keyboard.press("Enter")
        await expect(self._tab(new)).to_be_visible(timeout=MS)

    async def close_tab(self, name: str) -> None:
        """Close a tab from its menu, and confirm."""
        await self._menu(name, re.compile("^Close"))
        await self.sheet.locator(".sheet-buttons").get_by_role("button", name=re.compile("^(Close|End)")).tap()
        await expect(self._tab(name)).to_have_count(0, timeout=MS)

    async def move_tab(self, name: str, by: int) -> None:
        """Drag a tab by some places to the right, or to the left, with a mouse."""
        names = await self.tabs()
        x, y, width = await _middle(self._tab(name))
        there, _, other = await _middle(self._tab(names[names.index(name) + by]))
        await self.page.mouse.move(x, y)
        await self.page.mouse.down()
        beyond = (width + other) / 2 * (-0.6 if by < 0 else 0.6)
        await self.page.mouse.move(there + beyond, y, steps=8)
        await self.page.mouse.up()

    async def unseen_tabs(self) -> list[str]:
        """Return the names of the tabs with a dot, which means unseen output."""
        return await self._unseen.all_inner_texts()

    async def until_unseen(self, names: list[str]) -> None:
        """Wait until exactly these have a dot, for eyes and for screen readers."""
        await expect(self._unseen).to_have_text(names, timeout=MS)
        await expect(self._tabs.and_(self.page.locator("[aria-label$='new output']"))).to_have_count(len(names))

    async def _menu(self, name: str, item: re.Pattern[str]) -> None:
        await self.switch(name)
        await self._tab(name).tap()
        await self.sheet.locator(".menu").get_by_role("button", name=item).tap()


async def _middle(tab: Locator) -> tuple[float, float, float]:
    """Return the middle and the width of a tab."""
    box = await tab.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"]
