"""From the address in the QR code to a shell's output, and the messages for users if that fails."""

import os
from pathlib import Path

import pytest

from mobifai.control.client import send_request
from mobifai.state import StateDir
from tests.browser.scene import Way, answers, at_the_phone, scripts_for
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import is_encrypted, on_path, path_of
from tests.support.browser import open_browser
from tests.support.phone_page import PhonePage

ways = pytest.mark.parametrize("way", ["channel", "relay"])

CODES = 16


@ways
async def test_the_qr_codes_address_leads_to_a_shell(tmp_path: Path, way: Way) -> None:
    async with at_the_phone(tmp_path, way=way) as here:
        await answers(here.phone)
        await on_path(here.agent, way)
        assert await is_encrypted(here.agent) is True


@pytest.mark.extended
async def test_the_address_is_gone_from_the_browser_once_it_was_used(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        assert "#" not in here.phone.address
        assert await here.phone.page.evaluate("history.length") <= 2


@pytest.mark.extended
async def test_the_link_can_be_pasted_too(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent, open_browser() as browser:
        phone = PhonePage(await browser.context.new_page())
        await phone.open(agent.relay_url)
        await phone.paste_link((await agent.invite())["link"])
        await phone.ready()
        await phone.first_terminal()
        await answers(phone)


@pytest.mark.extended
@ways
async def test_after_opening_a_link_one_types_without_a_tap(tmp_path: Path, way: Way) -> None:
    async with serving(tmp_path / "state") as agent, open_browser(*scripts_for(way)) as browser:
        phone = PhonePage(await browser.context.new_page())
        await phone.open((await agent.invite())["link"])
        await phone.first_terminal()
        await phone.shows("$" if os.geteuid() else "#")
        await phone.page.keyboard.type("echo hi-$((1+1))\n")
        await phone.shows("hi-2")
        assert len((await agent.status())["terminals"]) == 1


@pytest.mark.extended
async def test_coming_back_after_closing_the_last_terminal_makes_none(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        (first,) = await here.phone.tabs()
        await here.phone.close_tab(first)
        await here.phone.reload()
        await here.phone.ready()
        await here.phone.says("No terminals open")
        assert (await here.agent.status())["terminals"] == []


@pytest.mark.extended
async def test_a_second_phone_finds_the_terminal_of_the_first(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here, open_browser() as browser:
        await here.phone.enter("whose=first")
        await here.phone.page.close()
        other = PhonePage(await browser.context.new_page())
        await other.open((await here.agent.invite())["link"])
        await other.ready()
        await other.first_terminal()
        await other.enter("echo it-is-$whose")
        await other.shows("it-is-first")


@pytest.mark.extended
@ways
async def test_a_page_that_is_loaded_again_finds_what_was_open(tmp_path: Path, way: Way) -> None:
    async with at_the_phone(tmp_path, way=way) as here:
        phone = here.phone
        await phone.enter("cd /; name=kept; echo before-$((1+1))")
        await phone.shows("before-2")
        await phone.new_tab()
        await answers(phone)
        tabs = await phone.tabs()
        await phone.reload()
        await phone.ready(way)
        assert await phone.tabs() == tabs
        await phone.switch(tabs[0])
        await phone.shows("before-2")
        await phone.enter("echo $name-in-$PWD")
        await phone.shows("kept-in-/")


@pytest.mark.extended
async def test_a_closed_browser_tab_that_is_opened_again_needs_no_new_link(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        await here.phone.page.close()
        await on_path(here.agent, None, timeout=60)
        again = PhonePage(await here.browser.context.new_page())
        await again.open(here.agent.relay_url)
        await again.ready()
        await answers(again)


WRONG = {
    "no link at all": "#1.ABC",
    "another form": f"#9.{'A' * 8}.{'A' * 22}.{'A' * 43}.{'A' * 22}",
}


@pytest.mark.extended
@pytest.mark.parametrize("fragment", WRONG.values(), ids=WRONG)
async def test_an_invalid_link_is_explained_in_a_sentence(tmp_path: Path, fragment: str) -> None:
    async with serving(tmp_path / "state") as agent, open_browser() as browser:
        phone = PhonePage(await browser.context.new_page())
        await phone.open(agent.relay_url + fragment)
        assert is_a_sentence(await phone.problem())


async def test_a_link_with_a_wrong_code_is_explained_in_a_sentence(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent, open_browser() as browser:
        browser.expect_complaints("403")
        phone = PhonePage(await browser.context.new_page())
        link = (await agent.invite())["link"]
        head, code, rest = link.partition("#1.")[0], *link.partition("#1.")[2].split(".", 1)
        await phone.open(f"{head}#1.{code[::-1]}.{rest}")
        assert is_a_sentence(await phone.problem())


@pytest.mark.extended
async def test_a_link_with_a_changed_secret_is_explained_in_a_sentence(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent, open_browser() as browser:
        phone = PhonePage(await browser.context.new_page())
        page, _, fragment = (await agent.invite())["link"].partition("#")
        form, code, secret, key, device = fragment.split(".")
        await phone.open(f"{page}#{form}.{code}.{secret[:-2][::-1]}{secret[-2:]}.{key}.{device}")
        assert is_a_sentence(await phone.problem())
        assert await path_of(agent) is None


@pytest.mark.extended
async def test_a_used_link_is_explained_in_a_sentence(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        link = (await agent.invite())["link"]
        async with open_browser() as first, open_browser() as second:
            second.expect_complaints("403")
            one = PhonePage(await first.context.new_page())
            await one.open(link)
            await one.ready()
            other = PhonePage(await second.context.new_page())
            await other.open(link)
            assert is_a_sentence(await other.problem())
            await one.first_terminal()
            await answers(one)


@pytest.mark.extended
async def test_a_link_with_an_expired_code_is_explained_in_a_sentence(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent, open_browser() as browser:
        browser.expect_complaints("403")
        link = (await agent.invite())["link"]
        for _ in range(CODES):  # the limit of waiting links; one more makes the oldest void
            await send_request(StateDir(agent.state_dir).control_socket, "pair")
        phone = PhonePage(await browser.context.new_page())
        await phone.open(link)
        assert is_a_sentence(await phone.problem())


@pytest.mark.extended
async def test_a_revoked_phone_is_disconnected_and_shows_why(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        await shut_out(here.agent)
        assert is_a_sentence(await here.phone.problem())
        await on_path(here.agent, None)
        assert await here.phone.is_connected() is False
        await here.phone.reload()
        assert is_a_sentence(await here.phone.problem())


async def shut_out(agent: RunningAgent) -> None:
    """Revoke the phone, as the owner of a stolen phone does."""
    devices = (await send_request(StateDir(agent.state_dir).control_socket, "devices"))["devices"]
    (phone,) = (one["deviceId"] for one in devices if one["type"] == "mobile")
    await agent.command("devices", "revoke", phone)


def is_a_sentence(text: str) -> bool:
    """Return whether a text consists of words, without internals."""
    return len(text.split()) >= 4 and not any(sign in text for sign in ("undefined", "Error:", "[object", "{", "null"))


@pytest.mark.extended
async def test_without_a_network_the_page_still_opens_and_says_what_it_waits_for(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        phone = here.phone
        await phone.installed()
        here.browser.expect_complaints("net::ERR_", "WebSocket", "Failed to load resource")
        await here.browser.context.set_offline(True)
        await phone.reload()
        await phone.says("relay")
        await here.browser.context.set_offline(False)
        await phone.ready()
        await answers(phone)
