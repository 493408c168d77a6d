"""The assistant, used by a command over the control socket."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mobifai.assistant.config import ApprovalMode
from mobifai.assistant.control_handlers import AssistantControl
from mobifai.assistant.model import ModelRequest
from mobifai.control.client import send_request, stream_events
from mobifai.control.server import control_server
from mobifai.errors import StateError
from mobifai.protocol import messages
from mobifai.state import StateDir
from tests.assistant.fakes import FakeTab
from tests.assistant.place import LOOK, Place, a_place, says, types, waits
from tests.support.eventually import eventually


@asynccontextmanager
async def an_agent(state: Path, *steps: Any, **settings: Any) -> AsyncIterator[tuple[Place, Path]]:
    """Run an assistant with a control socket."""
    async with a_place(state, *steps, **settings) as place:
        asking = AssistantControl(place.assistant, place.ledger)
        socket = StateDir(state).control_socket
        async with control_server(socket, {"ask": asking.ask, "approve": asking.approve}, place.ledger):
            yield place, socket


async def all_of(socket: Path, **request: object) -> list[tuple[str, Any]]:
    return [(event["type"], event["payload"]) async for event in stream_events(socket, "ask", request)]


async def hangs(_: ModelRequest) -> Any:
    await asyncio.get_running_loop().create_future()


async def test_every_step_is_followed(tmp_path: Path) -> None:
    async with an_agent(tmp_path, [types("ls\n"), LOOK], [says("done")]) as (place, socket):
        events = await all_of(socket, prompt="list")
        assert [name for name, _ in events] == ["ai:started", "ai:action", "ai:action", "ai:message", "ai:finished"]
        assert place.terminal.text == "ls\r"
        assert place.phone.said == []
        assert place.entry("assistant.conversations").used == 0


async def test_a_tab_is_named_by_name_or_id(tmp_path: Path) -> None:
    async with an_agent(tmp_path, [types("x")], terminals=3) as (place, socket):
        one, two, three = place.terminals.terminals
        two.tab = FakeTab("build")
        for tab in ("build", "b"):
            await all_of(socket, prompt="x", tab=tab)
        assert (one.text, two.text, three.text) == ("", "xx", "")
        with pytest.raises(StateError, match="0 tabs match 'test'. The tabs are: Tab 1"):
            await all_of(socket, prompt="x", tab="test")
        with pytest.raises(StateError, match="2 tabs match 'Tab 1'"):
            await all_of(socket, prompt="x", tab="Tab 1")


async def test_without_an_active_tab_any_is_used_and_without_any_it_says_so(tmp_path: Path) -> None:
    async with an_agent(tmp_path, [types("x")], terminals=2) as (place, socket):
        place.terminals.active = ()
        await all_of(socket, prompt="x")
        assert place.terminal.text == "x"
        place.terminals.terminals.clear()
        with pytest.raises(StateError, match="there is no terminal"):
            await all_of(socket, prompt="x")


async def test_what_can_not_start_is_refused(tmp_path: Path) -> None:
    async with an_agent(tmp_path, hangs) as (place, socket):
        place.prompt("of the phone")
        with pytest.raises(StateError, match="already working in this terminal on 'of the phone'"):
            await all_of(socket, prompt="x")
        with pytest.raises(StateError, match="expected a task"):
            await all_of(socket, prompt=" ")
        with pytest.raises(StateError):
            await all_of(socket)


async def test_a_command_that_goes_away_takes_its_conversation_along(tmp_path: Path) -> None:
    async with an_agent(tmp_path, [waits(10_000)]) as (place, socket):
        async with aclosing(stream_events(socket, "ask", {"prompt": "wait"})) as events:
            assert (await anext(events))["type"] == "ai:started"
        await eventually(lambda: place.entry("assistant.conversations").used == 0)
        await eventually(lambda: place.entry("assistant.events").instances == 0)


async def test_a_phone_that_leaves_does_not(tmp_path: Path) -> None:
    async with an_agent(tmp_path, [waits(300)]) as (place, socket):
        async with aclosing(stream_events(socket, "ask", {"prompt": "wait"})) as events:
            assert (await anext(events))["type"] == "ai:started"
            place.viewers.remove(place.phone)
            assert [event["type"] async for event in events] == ["ai:action", "ai:finished"]


async def test_a_phone_may_cancel_it(tmp_path: Path) -> None:
    async with an_agent(tmp_path, [waits(10_000)]) as (place, socket):
        async with aclosing(stream_events(socket, "ask", {"prompt": "wait"})) as events:
            assert (await anext(events))["type"] == "ai:started"
            place.assistant.cancel(messages.AiCancel(), place.phone)
            assert [event["type"] async for event in events][-1] == "ai:finished"


async def test_a_command_that_does_not_follow_is_not_waited_for(tmp_path: Path) -> None:
    async with a_place(tmp_path, [waits(0)] * 1, limits={"assistant.events": 2}) as place:
        events = AssistantControl(place.assistant, place.ledger).ask({"prompt": "x"})
        assert (await anext(events))["type"] == "ai:started"  # type: ignore[index]
        await eventually(lambda: place.entry("assistant.conversations").used == 0)
        await events.aclose()
    assert place.entry("assistant.events").peak <= 2


async def test_an_approval_is_answered_by_a_command(tmp_path: Path) -> None:
    async with an_agent(tmp_path, [types("x")], approvals=ApprovalMode.ALWAYS) as (place, socket):
        async with aclosing(stream_events(socket, "ask", {"prompt": "wait"})) as events:
            async for event in events:
                if event["type"] == "ai:approval":
                    assert await send_request(socket, "approve", {"id": "none", "ok": True}) == {"found": False}
                    assert await send_request(socket, "approve", {"id": event["payload"]["id"], "ok": True}) == {
                        "found": True
                    }
        assert place.terminal.text == "x"


# -- the command itself


class Command:
    """A running `mobifai ask`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def lines_until(self, words: str) -> list[str]:
        """Return its output up to a line with these words."""
        assert self.process.stdout is not None
        lines: list[str] = []
        while not lines or words not in lines[-1]:
            line = await asyncio.wait_for(self.process.stdout.readline(), 20)
            assert line, lines
            lines.append(line.decode().rstrip("\n"))
        return lines

    async def end(self) -> tuple[int, str, str]:
        """Return its status, and the rest of its output."""
        out, error = await asyncio.wait_for(self.process.communicate(), 20)
        return self.process.returncode or 0, out.decode(), error.decode()


@asynccontextmanager
async def a_command(*arguments: str, stdin: int = asyncio.subprocess.DEVNULL, **environ: str) -> AsyncIterator[Command]:
    """Run `mobifai ask` in a separate process, which is gone at the end of this scope."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mobifai", "ask", *arguments,
        stdin=stdin, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(Path(__file__).parents[2]), **environ},
    )  # fmt: skip
    try:
        yield Command(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_command_shows_the_steps(tmp_path: Path) -> None:
    steps = ([types("ls\n"), waits(5), LOOK], [says("all \x1b[2Jdone")])
    async with an_agent(tmp_path, *steps), a_command("list the files", "--state-dir", str(tmp_path)) as command:
        status, out, error = await command.end()
        assert (status, error) == (0, "")
        lines = out.splitlines()
        assert lines[0] == "The assistant works in the terminal a. Press Ctrl-C to stop the assistant."
        assert lines[1:4] == ["  type 'ls\\n'", "  wait 5 ms", "  look at the screen"]
        assert lines[4] == "model: all \ufffd[2Jdone"
        assert lines[5].startswith("Done: 2 turns, ")


@pytest.mark.parametrize("text", ["rm  'a   b'", "echo " + "\u202e" * 1500 + "; rm x"], ids=["blanks", "long"])
async def test_the_command_shows_a_step_whole(tmp_path: Path, text: str) -> None:
    async with an_agent(tmp_path, [types(text)]), a_command("x", "--state-dir", str(tmp_path)) as command:
        _, out, _ = await command.end()
        assert out.splitlines()[1] == f"  type '{text}'".replace("\u202e", "\\u202e")


async def test_the_command_prints_json(tmp_path: Path) -> None:
    async with an_agent(tmp_path, [says("hi")]), a_command("x", "--json", "--state-dir", str(tmp_path)) as command:
        status, out, _ = await command.end()
        assert status == 0
        assert [json.loads(line)["type"] for line in out.splitlines()] == ["ai:started", "ai:message", "ai:finished"]


async def test_ctrl_c_cancels(tmp_path: Path) -> None:
    async with an_agent(tmp_path, hangs) as (place, _), a_command("x", "--state-dir", str(tmp_path)) as command:
        await command.lines_until("The assistant works in the terminal")
        command.process.send_signal(signal.SIGINT)
        status, _, error = await command.end()
        assert status == 130
        assert "Traceback" not in error
        await eventually(lambda: place.entry("assistant.conversations").used == 0)


async def test_a_failed_conversation_is_a_failed_command(tmp_path: Path) -> None:
    async with an_agent(tmp_path, "no"), a_command("x", "--state-dir", str(tmp_path)) as command:
        status, _, error = await command.end()
        assert status == 1
        assert error.startswith("mobifai: the model answered twice")


async def test_without_a_person_nothing_is_allowed(tmp_path: Path) -> None:
    steps = ([types("ls\n"), LOOK], [says("ok")])
    async with an_agent(tmp_path, *steps, approvals=ApprovalMode.ALWAYS) as (place, _):
        async with a_command("x", "--state-dir", str(tmp_path)) as command:
            status, out, error = await command.end()
            assert status == 0
            assert "The assistant wants to:\n  type 'ls\\n'" in out
            assert "nobody can be asked" in error
            assert place.terminal.texts == []


@pytest.mark.parametrize(("answer", "typed"), [("y\n", ["ls\r"]), ("n\n", []), ("\n", [])])
async def test_a_person_may_allow_it(tmp_path: Path, answer: str, typed: list[str]) -> None:
    steps = ([types("ls\n"), LOOK], [says("ok")])
    keyboard, terminal = os.openpty()
    try:
        async with an_agent(tmp_path, *steps, approvals=ApprovalMode.ALWAYS) as (place, _):
            async with a_command("x", "--state-dir", str(tmp_path), stdin=terminal) as command:
                await place_asks(command)
                os.write(keyboard, answer.encode())
                status, _, error = await command.end()
                assert (status, error) == (0, "")
                assert place.terminal.texts == typed
    finally:
        os.close(keyboard)
        os.close(terminal)


async def test_a_question_that_is_answered_elsewhere_does_not_wait_here(tmp_path: Path) -> None:
    steps = ([types("ls\n"), LOOK], [says("ok")])
    keyboard, terminal = os.openpty()
    try:
        async with an_agent(tmp_path, *steps, approvals=ApprovalMode.ALWAYS, follows=True) as (place, _):
            async with a_command("x", "--state-dir", str(tmp_path), stdin=terminal) as command:
                await place_asks(command)
                asked = await place.phone.until("ai:approval")
                place.assistant.approve(messages.AiApprove(id=asked["id"], ok=True), place.phone)
                status, out, error = await command.end()
                assert (status, error) == (0, "")
                assert "Another device answered" in out
                assert place.terminal.texts == ["ls\r"]
    finally:
        os.close(keyboard)
        os.close(terminal)


async def place_asks(command: Command) -> None:
    """Wait for the question, which has no line end."""
    assert command.process.stdout is not None
    await asyncio.wait_for(command.process.stdout.readuntil(b"[y/N] "), 20)


async def test_without_an_agent_it_says_what_to_do(tmp_path: Path) -> None:
    async with a_command("x", "--state-dir", str(tmp_path)) as command:
        status, _, error = await command.end()
        assert (status, "start `mobifai serve`" in error) == (1, True)


async def test_it_does_not_type_into_itself(tmp_path: Path) -> None:
    async with an_agent(tmp_path, [says("hi")]):
        async with a_command("x", "--state-dir", str(tmp_path), TERM_PROGRAM="MobiFai") as command:
            status, _, error = await command.end()
            assert (status, "choose another with --tab" in error) == (1, True)
        async with a_command("x", "--tab", "a", "--state-dir", str(tmp_path), TERM_PROGRAM="MobiFai") as command:
            assert (await command.end())[0] == 0
