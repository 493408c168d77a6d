"""The phone page through a real nginx, under a path, in a real browser."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.scene import answers
from tests.integration.relays import NO_STUN, relaying, sign_in
from tests.support import nginx
from tests.support.agent import serving
from tests.support.agent_status import nothing_went_wrong
from tests.support.browser import OUTAGE, open_browser
from tests.support.nginx import WEBSOCKETS, free_port, proxying
from tests.support.phone_page import PhonePage
from tests.support.phone_page.part import MS

pytestmark = [pytest.mark.extended, pytest.mark.skipif(bool(nginx.why_not()), reason=nginx.why_not())]

FORWARDED = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
USUAL = {
    "the path removed, the Host changed": "proxy_pass http://127.0.0.1:RELAY/;",
    "the path kept, the Host kept": f"proxy_pass http://127.0.0.1:RELAY; proxy_set_header Host $http_host; {FORWARDED}",
    "the path removed, an upstream's name": "proxy_pass http://mobifai_upstream/; proxy_set_header Host localhost;",
}


def below(path: str, passing: str, relay_port: int) -> str:
    """A location of nginx."""
    return f"location {path} {{ {passing.replace('RELAY', str(relay_port))} {WEBSOCKETS} }}"


@pytest.mark.parametrize("passing", USUAL.values(), ids=USUAL)
async def test_everything_works_under_a_path(tmp_path: Path, passing: str) -> None:
    port, relay_port = free_port(), free_port()
    url = f"http://localhost:{port}/mobifai/"
    options = ("--port", str(relay_port), "--public-url", url, "--trusted-proxy", "127.0.0.1")
    async with (
        serving(tmp_path / "state", *options) as agent,
        proxying(tmp_path / "nginx", port, relay_port, below("/mobifai/", passing, relay_port)),
        open_browser() as browser,
    ):
        link = (await agent.invite())["link"]
        assert link.startswith(f"{url}#")
        phone = PhonePage(await browser.context.new_page())
        await phone.open(link)
        await phone.ready()
        await answers(phone)
        await phone.installed()
        await phone.reload()
        await phone.ready()
        await answers(phone)
        browser.expect_complaints("net::ERR_", "WebSocket", "Failed to load resource")
        await browser.context.set_offline(True)
        await phone.reload()
        await phone.says("relay")
        await browser.context.set_offline(False)
        await phone.ready()
        await answers(phone)
        nothing_went_wrong(agent)


async def test_an_agent_uses_a_relay_under_a_path(tmp_path: Path) -> None:
    port, relay_port = free_port(), free_port()
    url = f"http://localhost:{port}/mobifai"
    location = below("/mobifai/", "proxy_pass http://127.0.0.1:RELAY/;", relay_port)
    async with (
        relaying(tmp_path / "relay", relay_port, "--public-url", url, "--trusted-proxy", "127.0.0.1") as relay,
        proxying(tmp_path / "nginx", port, relay_port, location),
        serving(tmp_path / "state", "--relay", url, *NO_STUN, ready=False) as agent,
        open_browser() as browser,
    ):
        await sign_in(agent, relay)
        phone = PhonePage(await browser.context.new_page())
        await phone.open((await agent.invite())["link"])
        await phone.ready()
        await answers(phone)


async def test_a_proxy_that_is_not_named_yet_shows_what_to_do(tmp_path: Path) -> None:
    port, relay_port = free_port(), free_port()
    passing = "proxy_pass http://mobifai_upstream/;"
    async with (
        serving(tmp_path / "state", "--port", str(relay_port)),
        proxying(tmp_path / "nginx", port, relay_port, below("/mobifai/", passing, relay_port)),
        open_browser() as browser,
    ):
        browser.expect_complaints(OUTAGE)
        page = await browser.context.new_page()
        await page.goto(f"http://localhost:{port}/mobifai/")
        await expect(page.get_by_role("alert")).to_contain_text("--allow-host mobifai_upstream", timeout=MS)


async def test_behind_a_proxy_that_hides_its_name_the_page_says_what_to_do(tmp_path: Path) -> None:
    port, relay_port = free_port(), free_port()
    passing = "proxy_pass http://127.0.0.1:RELAY/;"
    async with (
        serving(tmp_path / "state", "--port", str(relay_port)) as agent,
        proxying(tmp_path / "nginx", port, relay_port, below("/mobifai/", passing, relay_port)),
        open_browser() as browser,
    ):
        browser.expect_complaints(OUTAGE)
        fragment = (await agent.invite())["link"].partition("#")[2]
        phone = PhonePage(await browser.context.new_page())
        await phone.open(f"http://localhost:{port}/mobifai/#{fragment}")
        assert f"--allow-host localhost:{port}" in await phone.problem()
