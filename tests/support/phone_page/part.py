"""The base of every part of the page object: the page, and waiting for states without an event."""

import asyncio
from collections.abc import Awaitable, Callable

from playwright.async_api import Locator, Page

SECONDS = 20.0
"""How long anything may take that a person waits for."""
MS = SECONDS * 1000


class Part:
    """A page, seen from one side."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.set_default_timeout(MS)

    @property
    def status_button(self) -> Locator:
        """The connection in one glance."""
        return self.page.get_by_role("button", name="Connection:")

    @property
    def sheet(self) -> Locator:
        """The sheet or dialog that is open over the page."""
        return self.page.get_by_role("dialog")

    @property
    def screen(self) -> Locator:
        """The shown terminal."""
        return self.page.locator(".screen.shown")


async def until(look: Callable[[], Awaitable[object]], seconds: float = SECONDS) -> None:
    """Look again and again until something is true. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.03)
