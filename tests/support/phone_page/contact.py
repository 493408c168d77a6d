"""Pairing and connection: links, the page's messages about its connection, and the phone's sleep."""

import re

from playwright.async_api import CDPSession, expect

from tests.support.phone_page.part import MS, Part

_WAYS = {"channel": "direct", "relay": "relay", None: "(direct|relay)"}

_SEEN = """(shown) => {
  const state = shown ? "visible" : "hidden";
  Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
  Object.defineProperty(document, "hidden", {value: !shown, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


class ContactActs(Part):
    """A user's actions with links and the connection."""

    _asleep: CDPSession | None = None

    @property
    def address(self) -> str:
        """Return the page's address in the browser."""
        return self.page.url

    async def open(self, url: str) -> None:
        """Follow a link, as from a QR code."""
        await self.page.goto(url)

    async def reload(self) -> None:
        """Load the page again."""
        await self.page.reload()

    async def paste_link(self, link: str) -> None:
        """Paste a link into its field, and submit it."""
        await self.page.get_by_label("Link from the machine").fill(link)
        await self.page.get_by_role("button", name="Pair", exact=True).tap()

    async def follow(self, link: str) -> None:
        """Open a link in the open page, as if it was tapped in another app."""
        await self.page.evaluate("(fragment) => { location.hash = fragment; }", link.partition("#")[2])

    async def answer(self, button: str) -> str:
        """Answer the page's question, by the name of a button. Return the question."""
        asked = await self.sheet.inner_text()
        await self.sheet.get_by_role("button", name=button, exact=True).tap()
        await expect(self.sheet).to_have_count(0)
        return asked

    async def open_machines(self) -> list[str]:
        """Return the names of the machines that the page knows, in their order."""
        await self.status_button.tap()
        await self.sheet.get_by_role("button", name="Machines").tap()
        return await self.sheet.locator(".machines .menu-words > span").all_inner_texts()

    async def use_machine(self, name: str) -> None:
        """Use another machine."""
        await self.open_machines()
        await self.sheet.get_by_role("button", name=re.compile(f"^{re.escape(name)}")).tap()

    async def ready_at(self, name: str) -> None:
        """Wait until the page is connected to this machine."""
        await expect(self.status_button).to_have_attribute("title", re.compile(f"^Connected to {name},"), timeout=MS)

    async def ready(self, way: str | None = None, seconds: float = MS / 1000) -> None:
        """Wait until the page shows a connection by this path, by default by any."""
        wanted = re.compile(f"^Connected to .*, {_WAYS[way]}$")
        await expect(self.status_button).to_have_attribute("title", wanted, timeout=seconds * 1000)

    async def until_away(self) -> None:
        """Wait until the page shows that it is not connected."""
        await expect(self.status_button).not_to_have_attribute("title", re.compile("^Connected to"), timeout=MS)

    async def is_connected(self) -> bool:
        """Return whether the page shows that it is connected."""
        return (await self.status_button.get_attribute("title") or "").startswith("Connected to")

    async def says(self, words: str) -> None:
        """Wait until the page shows this text instead of a terminal, or above it."""
        said = self.page.locator(".banner-words:visible, .welcome-card:visible").first
        await expect(said).to_contain_text(words, ignore_case=True, timeout=MS)

    async def problem(self) -> str:
        """Return the page's error message, in any part of the page."""
        instead = (".welcome[data-page=refused] .lead", ".welcome .problem:not(:empty)")
        places = (*instead, ".banner[data-tone=bad]:not(.busy) .banner-words", ".notice-words")
        said = self.page.locator(", ".join(f"{place}:visible" for place in places)).first
        await expect(said).to_be_visible(timeout=MS)
        return await said.inner_text()

    async def installed(self) -> None:
        """Wait until the page is cached, so that it opens without a network."""
        await self.page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")

    async def sleep(self) -> None:
        """Switch the phone's screen off: the page is hidden, and frozen."""
        assert self._asleep is None
        self._asleep = await self.page.context.new_cdp_session(self.page)
        await self.page.evaluate(_SEEN, False)
        await self._asleep.send("Page.setWebLifecycleState", {"state": "frozen"})

    async def wake(self) -> None:
        """Switch it on again."""
        assert self._asleep is not None
        await self._asleep.send("Page.setWebLifecycleState", {"state": "active"})
        await self._asleep.detach()
        self._asleep = None
        await self.page.evaluate(_SEEN, True)
