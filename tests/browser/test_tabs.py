"""Tabs on the phone: creating, naming, ordering and showing them, and unseen output."""

from pathlib import Path

import pytest

from tests.browser.scene import answers, at_the_phone
from tests.support.agent_status import status_when


async def test_tabs_are_made_switched_renamed_and_closed(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        phone = here.phone
        (first,) = await phone.tabs()
        await phone.enter("here=first")
        await phone.new_tab()
        await phone.enter("here=second")
        second = (await phone.tabs())[1]
        assert await phone.shown_tab() == second
        await phone.switch(first)
        await phone.enter("echo it-is-$here")
        await phone.shows("it-is-first")
        await phone.rename(second, "build")
        assert await phone.tabs() == [first, "build"]
        await phone.switch("build")
        await phone.enter("echo it-is-$here")
        await phone.shows("it-is-second")
        await phone.close_tab("build")
        assert await phone.tabs() == [first]
        await answers(phone)
        status = await status_when(here.agent, lambda status: len(status["terminals"]) == 1, "one terminal")
        assert [one["name"] for one in status["terminals"]] == [first]


@pytest.mark.extended
async def test_a_name_is_the_agents_too_and_there_after_a_reload(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        (first,) = await here.phone.tabs()
        await here.phone.rename(first, "naïve 漢字")
        await status_when(here.agent, lambda status: status["terminals"][0]["name"] == "naïve 漢字", "the new name")
        await here.phone.reload()
        await here.phone.ready()
        assert await here.phone.tabs() == ["naïve 漢字"]


@pytest.mark.extended
async def test_their_order_is_changed_and_kept(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        phone = here.phone
        for _ in range(2):
            await phone.new_tab()
        for at, name in enumerate(["one", "two", "three"]):
            await phone.rename((await phone.tabs())[at], name)
        await phone.move_tab("three", -2)
        assert await phone.tabs() == ["three", "one", "two"]
        await phone.reload()
        await phone.ready()
        assert await phone.tabs() == ["three", "one", "two"]


@pytest.mark.extended
async def test_unseen_output_is_marked_until_it_is_shown(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        phone = here.phone
        (first,) = await phone.tabs()
        go = tmp_path / "go"
        await phone.enter(f"until [ -e {go} ]; do sleep 0.05; done; echo now-it-$((1+1))-printed")
        await phone.new_tab()
        await answers(phone)
        second = (await phone.tabs())[1]
        assert await phone.unseen_tabs() == []
        go.touch()
        await phone.until_unseen([first])
        await phone.switch(first)
        await phone.shows("now-it-2-printed")
        await phone.until_unseen([])
        assert await phone.tabs() == [first, second]


@pytest.mark.extended
async def test_a_shell_that_ends_is_reported(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        phone = here.phone
        (first,) = await phone.tabs()
        await phone.new_tab()
        await answers(phone)
        await phone.enter("exit")
        await phone.until_tabs([first])
        await answers(phone)


@pytest.mark.extended
async def test_a_shell_that_exits_leaves_its_last_output_and_its_status(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        phone = here.phone
        (first,) = await phone.tabs()
        await phone.new_tab()
        await answers(phone)
        second = (await phone.tabs())[1]
        await phone.enter("echo last-$((1+1))-words; exit 3")
        await phone.page.get_by_text("The shell exited with status 3.").wait_for()
        await phone.shows("last-2-words")
        assert await phone.tabs() == [first, second]
        await phone.reload()
        await phone.ready()
        await phone.switch(second)
        await phone.shows("last-2-words")
        await phone.page.get_by_role("button", name="Close tab").tap()
        await phone.until_tabs([first])
        await answers(phone)
