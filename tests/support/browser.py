"""A real Chromium of a phone's size, driven by Playwright, for the length of a scope.

Owns the browser's processes and its profile. The machine's own browser is used; none is downloaded.
Whatever the browser complains about (errors on the console, exceptions nobody caught, what the content security policy
forbids) fails the test, unless the test has declared it before.
"""

import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError

CHOICE = "MOBIFAI_TEST_CHROMIUM"
"""The path of the browser. By default it is the first of these that exists."""
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"

FLAGS = (
    "--no-sandbox",  # it runs as root in CI
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)
WITHOUT_WEBGL = "--disable-3d-apis"
"""Without WebGL, terminals are drawn as text, which tests can read. Many phones lack WebGL too."""
SIZE = {"width": 390, "height": 844}
LANDSCAPE = {"width": 844, "height": 390}

VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violated: ${event.effectiveDirective} by ${event.blockedURI} ${event.sample}`);
});
"""

OUTAGE = r"WebSocket connection to .* failed|net::ERR_|WebSocket is closed before|Failed to load resource"
"""Chromium's own console messages about an unreachable server."""


def find_chromium() -> str | None:
    """The path of a browser on this machine."""
    chosen = os.environ.get(CHOICE)
    found = [chosen] if chosen else [shutil.which(name) for name in NAMES]
    return next((one for one in (*found, MAC) if one and os.access(one, os.X_OK)), None)


def why_not() -> str:
    """Return why there is no browser here, or an empty text."""
    if find_chromium():
        return ""
    return f"expected one of {', '.join(NAMES)} on the PATH, or {CHOICE}; found none: `apt install chromium` brings one"


@dataclass
class Complaints:
    """The browser's complaints, line by line, and those that a test expects."""

    lines: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Record the complaints of a page."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.lines.append(f"exception: {str(error.stack or error)[:600]}"))
        page.on("crash", lambda _: self.lines.append("the page crashed"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.lines.append(f"console: {message.text} ({message.location.get('url', '')})")

    def unexpected(self) -> list[str]:
        """Return the lines that no test expects."""
        return [line for line in self.lines if not any(re.search(one, line) for one in self.expected)]


class PhoneBrowser:
    """A browser with one profile. What it `complaints` holds is looked at when its scope ends."""

    def __init__(self, browser: Browser, context: BrowserContext) -> None:
        self.browser = browser
        self.context = context
        self.complaints = Complaints()
        context.on("page", self.complaints.watch)

    def expect_complaints(self, *patterns: str) -> None:
        """Accept these complaints, earlier ones included."""
        self.complaints.expected.extend(patterns)


@asynccontextmanager
async def open_browser(
    *scripts: str, flags: tuple[str, ...] = (WITHOUT_WEBGL,), inside: tuple[str, ...] = (), **options: object
) -> AsyncIterator[PhoneBrowser]:
    """A phone's browser with a fresh profile; each page runs `scripts` before its own. Raises AssertionError.

    `inside`: the words before the command that start it in another network. `options`: as Playwright has them.
    """
    async with async_playwright() as playwright, _launched(playwright, flags, inside) as browser:
        phone: dict[str, object] = {"viewport": SIZE, "device_scale_factor": 1, "is_mobile": True, "has_touch": True}
        phone["color_scheme"] = "dark"
        context = await browser.new_context(**{**phone, **options})  # type: ignore[arg-type]
        for script in (VIOLATIONS, *scripts):
            await context.add_init_script(script)
        opened = PhoneBrowser(browser, context)
        try:
            yield opened
        except BaseException:
            await _show(opened)
            raise
        await context.close()
    said = opened.complaints.unexpected()
    assert not said, "the browser complained:\n" + "\n".join(f"  - {line}" for line in said)


async def _show(browser: PhoneBrowser) -> None:
    """Save pictures of the pages of a failed test."""
    folder = Path(tempfile.mkdtemp(prefix="mobifai-page-"))
    for number, page in enumerate(browser.context.pages):
        with suppress(PlaywrightError, TimeoutError):
            await page.screenshot(path=folder / f"{number}.png", timeout=5000)
    complaints = "".join(f"  - {line}\n" for line in browser.complaints.lines)
    sys.stderr.write(f"--- the browser's pages: {folder}/*.png; it complained:\n{complaints}")


@asynccontextmanager
async def _launched(playwright: Playwright, flags: tuple[str, ...], inside: tuple[str, ...]) -> AsyncIterator[Browser]:
    with _program(inside) as program:
        browser = await playwright.chromium.launch(executable_path=program, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()


@contextmanager
def _program(inside: tuple[str, ...]) -> Iterator[str]:
    """Return the path of the program that starts the browser."""
    chromium = find_chromium()
    assert chromium is not None, why_not()
    if not inside:
        yield chromium
        return
    with tempfile.TemporaryDirectory(prefix="mobifai-browser-") as folder:
        starts = Path(folder, "chromium")
        starts.write_text(f'#!/bin/sh\nexec {shlex.join([*inside, chromium])} "$@"\n')
        starts.chmod(0o700)
        yield str(starts)
