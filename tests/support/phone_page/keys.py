"""The key bar."""

import re

from playwright.async_api import Locator, expect

from tests.support.phone_page.part import MS, Part

_USUAL = ("^C", "^D", "^R", "^Z")
_SPOKEN = {"Esc": "Escape", "Ctrl": "Control"}


class KeyActs(Part):
    """A user's actions with the keys that soft keyboards lack."""

    def _key(self, name: str) -> Locator:
        spoken = re.compile(f"^{re.escape(_SPOKEN.get(name, name))}(, locked)?$")
        return self.page.get_by_role("toolbar", name="Keys").get_by_role("button", name=spoken)

    async def tap_key(self, name: str) -> None:
        """Tap a key."""
        await self._key(name).tap()

    async def lock_key(self, name: str) -> None:
        """Tap a key twice."""
        await self.tap_key(name)
        await self.tap_key(name)

    async def held(self, name: str) -> str:
        """Return `off`, `once` or `locked`, as a screen reader announces it."""
        key = self._key(name)
        if await key.get_attribute("aria-pressed") != "true":
            return "off"
        return "locked" if "locked" in (await key.get_attribute("aria-label") or "") else "once"

    async def add_combination(self, label: str, sequence: str) -> None:
        """Create a key combination."""
        await self._key("Add a combination").tap()
        await self.sheet.get_by_label("Text and keys to send").fill(sequence)
        await self.sheet.get_by_label("Label", exact=True).fill(label)
        await self.sheet.get_by_role("button", name="Save").tap()

    async def keys_of_ones_own(self) -> list[str]:
        """Return the labels of the combinations other than the default ones, once the keys are shown."""
        keys = self.page.get_by_role("toolbar", name="Keys")
        await expect(keys).to_be_visible(timeout=MS)
        shown = await keys.locator(".combo").all_inner_texts()
        return [label for label in shown if label not in _USUAL]

    async def copy_elsewhere(self, text: str) -> None:
        """Put text on the clipboard, as from another app."""
        await self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await self.page.evaluate("(text) => navigator.clipboard.writeText(text)", text)

    async def paste(self) -> None:
        """Tap the key Paste."""
        await self.tap_key("Paste")

    async def agree(self, to: str) -> None:
        """Confirm the page's question."""
        await self.sheet.get_by_role("button", name=to, exact=True).tap()
