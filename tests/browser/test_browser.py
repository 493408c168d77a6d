"""The browser that the other tests use: it is one, it holds its tongue about nothing, and it leaves nothing behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from tests.support.browser import open_browser

POLICY = "default-src 'self'; img-src 'self' data:"
HEAD = "<!doctype html><meta name=viewport content='width=device-width'><link rel=icon href='data:,'>"


@asynccontextmanager
async def site(body: str) -> AsyncIterator[str]:
    """A page with a strict policy, for the length of a scope; its address."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=HEAD + body, content_type="text/html", headers={"Content-Security-Policy": POLICY})

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def test_it_is_of_a_phones_size_and_has_what_the_page_needs() -> None:
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
async def test_what_it_complains_about_fails_a_test(body: str, said: str) -> None:
    async with site(body) as url:
        with pytest.raises(AssertionError, match=said):
            async with open_browser() as browser:
                page = await browser.context.new_page()
                await page.goto(url, wait_until="networkidle")


async def test_an_exception_that_nobody_caught_fails_a_test() -> None:
    async with site("<h1>Hello</h1>") as url:
        with pytest.raises(AssertionError, match="nobody caught this"):
            async with open_browser() as browser:
                page = await browser.context.new_page()
                await page.goto(url)
                async with page.expect_event("pageerror"):
                    await page.evaluate("void setTimeout(() => { throw new Error('nobody caught this') })")
