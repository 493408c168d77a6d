"""The shown terminal: typing into it, and reading it as it is drawn."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.phone_page.part import SECONDS, Part, until

_DRAWN = ".xterm-rows > div, .xterm-accessibility-tree > div"
"""The rows as text: the drawn ones, or with WebGL those for screen readers."""
_ROWS = f"""
(screen) => [...screen.querySelectorAll("{_DRAWN}")].map((row) => row.textContent.trimEnd())
"""
_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_COLUMNS = """
(screen) => {
  const drawn = screen.querySelector(".xterm-char-measure-element");
  const typed = screen.querySelector(".xterm-helper-textarea");
  const width = drawn ? drawn.getBoundingClientRect().width / drawn.textContent.length : parseFloat(typed.style.width);
  return Math.round(screen.querySelector(".xterm-screen").clientWidth / width);
}
"""
"""The size in characters, from the width of the letters that xterm measures, or of the input field."""
_BACKGROUND = """
(screen) => {
  for (let one = screen.querySelector(".xterm-rows"); one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (colour !== "rgba(0, 0, 0, 0)") return colour;
  }
}
"""
_FONTS = re.compile(r"const FONTS = '([^']+)'")
_SOURCE = Path(__file__).parents[3] / "page" / "src" / "ui" / "screen" / "screen.ts"


_FITS = """(host, columns) => {
  const { width } = host.querySelector(".xterm-screen").getBoundingClientRect();
  const { paddingLeft, paddingRight } = getComputedStyle(host.querySelector(".xterm"));
  const free = host.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight) - 8 - width;
  return free >= 0 && free < width / columns;
}"""
"""Whether the columns fill the width beside the scroll bar of 8 pixels, so that no further one fits."""


class TerminalActs(Part):
    """A user's actions with a terminal, and its view."""

    async def focus_terminal(self) -> None:
        """Focus the terminal."""
        await self.screen.get_by_label("Terminal input").focus()

    async def press(self, key: str) -> None:
        """Press a key of a keyboard."""
        await self.focus_terminal()
        await self.page.keyboard.press(key)

    async def insert(self, text: str) -> None:
        """Insert text as a whole, as a soft keyboard does for a suggestion or an emoji."""
        await self.focus_terminal()
        await self.page.keyboard.insert_text(text)

    async def enter(self, line: str) -> None:
        """Type a line, and Enter."""
        await self.focus_terminal()
        await self.type_on(f"{line}\n")

    async def type_on(self, text: str) -> None:
        """Type without focusing anything. A line end is Enter."""
        await self.page.keyboard.type(text)

    async def rows(self) -> list[str]:
        """Return the visible lines."""
        shown: list[str] = await self.screen.evaluate(_ROWS)
        return shown

    async def text(self) -> str:
        """Return the visible lines as one text."""
        return "\n".join(await self.rows())

    async def shows(self, text: str, seconds: float = SECONDS) -> None:
        """Wait until this text is visible. It may be wrapped into several lines."""
        await self.until_text(lambda shown: text in shown, f"{text!r} to be shown", seconds)

    async def shows_in_order(self, *texts: str) -> None:
        """Wait until all of these texts are visible, in this order."""
        wanted = re.compile(".*".join(map(re.escape, texts)), re.DOTALL)
        await self.until_text(lambda shown: bool(wanted.search(shown)), f"{texts} to be shown")

    async def until_text(self, is_so: Callable[[str], bool], what: str, seconds: float = SECONDS) -> None:
        """Wait until a condition is true of the visible text, with or without line ends."""
        shown = ""

        async def look() -> bool:
            nonlocal shown
            shown = await self.text()
            return is_so(shown) or is_so(shown.replace("\n", ""))

        try:
            await until(look, seconds)
        except TimeoutError:
            raise AssertionError(f"expected {what} within {seconds:g} s; the terminal shows\n{shown}") from None

    async def whole_text(self) -> list[str]:
        """Return every line of the scrollback, read page by page from the top."""
        await self.press("Shift+Home")
        lines = await self._at_rest()
        while True:
            await self.page.keyboard.press("Shift+PageDown")
            more = await self._at_rest()
            if more == lines[-len(more) :]:
                return lines
            lines += _beyond(lines, more)

    async def _at_rest(self) -> list[str]:
        """Return the visible lines, once they are equal in two frames."""
        now = await self.rows()
        while True:
            await self.page.evaluate(_FRAMES)
            before, now = now, await self.rows()
            if now == before:
                return now

    async def shows_newest(self) -> None:
        """Scroll to the last line."""
        await self.press("Shift+End")

    async def bottom_is_in_sight(self) -> bool:
        """Return whether the last line is above the page's lower end."""
        box, height = await self.screen.bounding_box(), await self.page.evaluate("innerHeight")
        assert box is not None
        return bool(box["y"] + box["height"] <= height + 1)

    async def grid(self) -> tuple[int, int]:
        """Return columns and lines, measured on the drawn rows."""
        return int(await self.screen.evaluate(_COLUMNS)), await self.screen.locator(_DRAWN).count()

    async def fitted_grid(self) -> tuple[int, int]:
        """Return columns and lines, once they fill the screen. The size follows the font with a delay."""
        await until(self._fits)
        return await self.grid()

    async def _fits(self) -> bool:
        return bool(await self.screen.evaluate(_FITS, int(await self.screen.evaluate(_COLUMNS))))

    async def grid_other_than(self, before: tuple[int, int]) -> tuple[int, int]:
        """Return columns and lines, once they have changed."""
        await until(lambda: self._differs(before))
        return await self.grid()

    async def _differs(self, before: tuple[int, int]) -> bool:
        return await self.grid() != before

    async def until_background(self, colour: str) -> None:
        """Wait for a colour behind the text."""
        await until(lambda: self._has_background(colour))

    async def _has_background(self, colour: str) -> bool:
        return bool(await self.screen.evaluate(_BACKGROUND) == colour)

    async def tap_cell(self, column: int, row: int) -> None:
        """Tap a cell of the terminal, with row and column counted from 1."""
        columns, rows = await self.grid()
        box = await self.screen.locator(".xterm-screen").bounding_box()
        assert box is not None
        x = box["x"] + (column - 0.5) * box["width"] / columns
        y = box["y"] + (row - 0.5) * box["height"] / rows
        await self.page.touchscreen.tap(x, y)

    async def picture_at_rest(self) -> bytes:
        """Return the terminal's picture, once it is equal twice."""
        drawn = self.screen.locator(".xterm-screen")
        await self._at_rest()
        now = await drawn.screenshot()
        while True:
            before, now = now, await drawn.screenshot()
            if now == before:
                return now

    async def look(self) -> dict[str, Any]:
        """Return the default appearance of the terminal, in the terms of `tests/browser/reference`."""
        columns, rows = await self.grid()
        box = await self.screen.locator(".xterm-screen").bounding_box()
        assert box is not None
        fonts = _FONTS.search(_SOURCE.read_text())
        assert fonts is not None, f"expected the fonts of the page in {_SOURCE}"
        font = {"fontFamily": fonts[1], "fontSize": 14}
        drawn = {"scrollback": 5000, "cursorInactiveStyle": "outline", "overviewRuler": {"width": 8}}
        options = {"cols": columns, "rows": rows, **font, **drawn}
        return {
            "options": options,
            "palette": "night",
            "left": box["x"],
            "top": box["y"],
            "webgl": await self.by_webgl(),
        }

    async def by_webgl(self) -> bool:
        """Return whether the terminal is drawn as a picture instead of text."""
        return await self.screen.locator(".xterm-rows").count() == 0


def _beyond(lines: list[str], more: list[str]) -> list[str]:
    """Return the unread lines of the next page. Pages overlap by at least a line, except near the end."""
    for size in range(len(more) - 1, 0, -1):
        if lines[-size:] == more[:size]:
            return more[size:]
    raise AssertionError(f"expected pages that overlap; found {lines[-3:]}, then {more[:3]}")
