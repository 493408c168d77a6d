"""The assistant on the phone: its steps are shown, it waits for approval, and it can be stopped."""

from pathlib import Path

import pytest

from tests.browser.scene import at_the_phone
from tests.integration.test_assistant import LOOK, script, type_line

pytestmark = pytest.mark.extended


async def test_a_request_is_carried_out_and_its_steps_are_shown(tmp_path: Path) -> None:
    model = script(
        tmp_path / "script.json",
        [*type_line("echo done-$((40+2))"), LOOK],
        [{"type": "message", "text": "It says done-42."}],
    )
    async with at_the_phone(tmp_path, serve=("--model", model)) as here:
        await here.phone.ask("say that it is done")
        await here.phone.assistant_says("It says done-42.")
        await here.phone.assistant_says("echo done-$((40+2))")
        await here.phone.close_assistant()
        await here.phone.shows("done-42")


async def test_an_action_that_needs_approval_waits_for_it(tmp_path: Path) -> None:
    model = script(tmp_path / "script.json", type_line("echo allowed-$((1+1))"), [{"type": "message", "text": "Done."}])
    async with at_the_phone(tmp_path, serve=("--model", model, "--approvals", "always")) as here:
        await here.phone.ask("say allowed")
        await here.phone.assistant_asks("echo allowed-$((1+1))")
        assert "allowed-2" not in await here.phone.text()
        await here.phone.approve()
        await here.phone.shows("allowed-2")


async def test_a_refused_action_is_not_done(tmp_path: Path) -> None:
    model = script(
        tmp_path / "script.json", type_line("echo allowed-$((1+1))"), [{"type": "message", "text": "So be it."}]
    )
    async with at_the_phone(tmp_path, serve=("--model", model, "--approvals", "always")) as here:
        await here.phone.ask("say allowed")
        await here.phone.assistant_asks("echo allowed-$((1+1))")
        await here.phone.refuse()
        await here.phone.assistant_says("So be it.")
        assert "allowed-2" not in await here.phone.text()


async def test_it_can_be_stopped_during_its_work(tmp_path: Path) -> None:
    model = script(tmp_path / "script.json", [{"type": "delay", "ms": 10_000}, LOOK])
    async with at_the_phone(tmp_path, serve=("--model", model)) as here:
        await here.phone.ask("wait forever")
        await here.phone.stop_assistant()
        await here.phone.assistant_says("ancel")


async def test_a_page_that_is_loaded_again_shows_the_steps_and_the_approval(tmp_path: Path) -> None:
    model = script(
        tmp_path / "script.json",
        [
            {"type": "message", "text": "I shall clean up."},
            *type_line("rm -f /tmp/there-is-no-such-file; echo cle''an"),
        ],
    )
    async with at_the_phone(tmp_path, serve=("--model", model, "--shell", "/bin/bash --norc")) as here:
        await here.phone.ask("clean up")
        await here.phone.assistant_asks("rm -f /tmp/there-is-no-such-file")
        await here.phone.reload()
        await here.phone.ready()
        await here.phone.assistant_asks("rm -f /tmp/there-is-no-such-file")
        await here.phone.assistant_asks("s left")
        await here.phone.assistant_says("clean up")
        await here.phone.assistant_says("I shall clean up.")
        await here.phone.approve()
        await here.phone.assistant_says("Done")
        await here.phone.close_assistant()
        await here.phone.shows("\nclean")


async def test_without_a_key_it_says_what_is_missing(tmp_path: Path) -> None:
    async with at_the_phone(tmp_path) as here:
        await here.phone.ask("anything")
        await here.phone.assistant_says("ANTHROPIC_API_KEY")
