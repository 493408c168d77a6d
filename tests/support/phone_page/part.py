"""The base of every part of the page object: the page, and waiting for states without an event."""

import asyncio
from collections.abc import Awaitable, Callable

from playwright.async_api import Locator, Page

SECONDS = 20.0
"""The time limit of anything that a user waits for."""
MS = SECONDS * 1000


class Part:
    """A part of the page object."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.set_default_timeout(MS)

    @property
    def status_button(self) -> Locator:
        """The indicator of the connection."""
        return self.page.get_by_role("button", name="Connection:")

    @property
    def sheet(self) -> Locator:
        """The open sheet or dialog."""
        return self.page.get_by_role("dialog")

    @property
    def screen(self) -> Locator:
        """The shown terminal."""
        return self.page.locator(".screen.shown")


async def until(look: Callable[[], Awaitable[object]], seconds: float = SECONDS) -> None:
    """Poll a condition until it is true. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await look():
            await asyncio.sleep(0.03)
