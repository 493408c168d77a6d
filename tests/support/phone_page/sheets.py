"""Sheets over the page: the health of the agent, and the settings."""

import re

from playwright.async_api import expect

from tests.support.phone_page.part import MS, Part


class SheetActs(Part):
    """A user's actions with sheets, and their content."""

    async def close_sheet(self) -> None:
        """Close the open sheet."""
        await self.sheet.get_by_role("button", name="Close", exact=True).tap()
        await expect(self.sheet).to_have_count(0)

    async def open_health(self) -> str:
        """Open the agent's health, and return its text."""
        await self.status_button.tap()
        await self.sheet.get_by_role("button", name="Agent health").tap()
        await expect(self.sheet.get_by_role("region", name="Limits")).to_be_visible(timeout=MS)
        return (await self.sheet.inner_text()).replace("\u200b", "")  # possible line breaks in names

    async def open_connection(self) -> str:
        """Return the text about the connection."""
        await self.status_button.tap()
        return await self.sheet.inner_text()

    async def sheets_are_gone(self) -> None:
        """Wait until the page has removed every closed sheet, which it does a moment after they are out of sight."""
        await expect(self.page.locator("dialog")).to_have_count(0)

    async def choose_from_menu(self, item: str) -> None:
        """Open the page's menu, and tap an item."""
        await self.page.get_by_role("button", name=re.compile("^(More|Menu)")).first.tap()
        await self.sheet.get_by_role("button", name=item).tap()

    async def open_settings(self) -> None:
        """Open the settings from the menu."""
        await self.choose_from_menu("Settings")
        await expect(self.sheet.get_by_role("heading", name="Settings")).to_be_visible(timeout=MS)

    async def choose(self, name: str) -> None:
        """Choose an option in the settings, such as colours or an appearance."""
        await self.open_settings()
        chosen = self.page.get_by_role("radio", name=re.compile(f"{re.escape(name)}$"))
        await self.sheet.locator("label", has=chosen).tap()
        await expect(chosen).to_be_checked()
        await self.close_sheet()

    async def have_it_read_out(self) -> None:
        """Switch the support of screen readers on."""
        await self.open_settings()
        await self.sheet.get_by_text("Screen reader support").tap()
        await expect(self.page.get_by_role("switch", name="Screen reader support")).to_be_checked()
        await self.close_sheet()

    async def choose_font_size(self, size: int) -> None:
        """Change the font size."""
        await self.open_settings()
        shown = self.sheet.locator("output")
        while (now := int((await shown.inner_text()).split()[0])) != size:
            await self.sheet.get_by_role("button", name="Larger" if now < size else "Smaller").tap()
        await self.close_sheet()
