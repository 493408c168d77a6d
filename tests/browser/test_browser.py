"""The browser that the other tests use: it reports every complaint, and leaves nothing behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from playwright.async_api import Error as PlaywrightError

from tests.support import impaired_link
from tests.support.browser import OUTAGE, open_browser
from tests.support.frail_wire import frail_wire
from tests.support.impaired_link import CLEAN, Impairment

POLICY = "default-src 'self'; img-src 'self' data:"
HEAD = "<!doctype html><meta name=viewport content='width=device-width'><link rel=icon href='data:,'>"


@asynccontextmanager
async def site(body: str, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """Serve a page with a strict policy. Return its address."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=HEAD + body, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, 0).start()
        yield f"http://{host}:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_it_has_a_phones_size_and_what_the_page_needs() -> None:
    async with site("<h1>Hello</h1>") as url, open_browser() as browser:
        page = await browser.context.new_page()
        await page.goto(url)
        assert await page.evaluate("[innerWidth, innerHeight, navigator.maxTouchPoints > 0]") == [390, 844, True]
        needed = ["isSecureContext", "RTCPeerConnection", "crypto.subtle", "navigator.serviceWorker", "indexedDB"]
        assert await page.evaluate(f"[{', '.join(f'!!{one}' for one in needed)}]") == [True] * len(needed)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<script>document.title = 'inline'</script>", "policy violated: script-src-elem by inline"),
        ("<p style='color: red'>inline</p>", "policy violated: style-src-attr"),
        ("<img src='/nowhere.png'>", "404"),
    ],
    ids=["script", "style", "missing"],
)
async def test_its_complaints_fail_a_test(body: str, said: str) -> None:
    async with site(body) as url:
        with pytest.raises(AssertionError, match=said):
            async with open_browser() as browser:
                page = await browser.context.new_page()
                await page.goto(url, wait_until="networkidle")


async def test_an_uncaught_exception_fails_a_test() -> None:
    async with site("<h1>Hello</h1>") as url:
        with pytest.raises(AssertionError, match="nobody caught this"):
            async with open_browser() as browser:
                page = await browser.context.new_page()
                await page.goto(url)
                async with page.expect_event("pageerror"):
                    await page.evaluate("void setTimeout(() => { throw new Error('nobody caught this') })")


@pytest.mark.skipif(bool(impaired_link.why_not()), reason=impaired_link.why_not() or "there is one")
async def test_it_can_be_in_another_network_that_breaks() -> None:
    async with (
        impaired_link.impaired_link() as link,
        site("<h1>Hello</h1>", link.near) as url,
        open_browser(inside=link.inside) as browser,
    ):
        page = await browser.context.new_page()
        await page.goto(url)
        assert await page.inner_text("h1") == "Hello"
        browser.expect_complaints(OUTAGE)
        await link.impair(Impairment(loss=1))
        with pytest.raises(PlaywrightError, match="Timeout"):
            await page.goto(f"{url}?again", timeout=1000)
        await link.impair(CLEAN)
        await page.goto(f"{url}?once-more")


ASK = """
async (ms) => fetch(location.href, {signal: AbortSignal.timeout(ms)}).then(() => "there", (error) => error.name)
"""


async def test_a_connection_breaks_with_a_close_and_silently() -> None:
    async with site("<h1>Hello</h1>") as url, frail_wire(url) as wire, open_browser() as browser:
        browser.expect_complaints(OUTAGE)
        page = await browser.context.new_page()
        await page.goto(wire.url)
        assert await page.evaluate(ASK, 10_000) == "there"
        await wire.refuse()
        assert await page.evaluate(ASK, 10_000) == "TypeError"
        await wire.mend()
        assert await page.evaluate(ASK, 10_000) == "there"
        wire.silence()
        assert await page.evaluate(ASK, 300) == "TimeoutError"
        await wire.mend()
        assert await page.evaluate(ASK, 10_000) == "there"
