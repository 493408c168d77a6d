"""`mobifai ask`: use the assistant from the command line."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import click
import msgspec

from mobifai.cli.control_client import request_running
from mobifai.cli.settings import state_dir_option
from mobifai.control.client import NotRunning, stream_events
from mobifai.control.client import send_request as ask_once
from mobifai.errors import CommandError
from mobifai.protocol.plain_text import escaped, lines, one_line
from mobifai.state import StateDir


@click.command()
@click.argument("prompt")
@click.option(
    "--tab", metavar="NAME", help="Name or id of the tab to work in.  [default: the tab that is active on the phone]"
)
@click.option("--json", "as_json", is_flag=True, help="Print each step as a line of JSON.")
@state_dir_option
def ask(prompt: str, tab: str | None, as_json: bool, state_dir: Path) -> None:
    """Ask the assistant to do something in a terminal of the running agent.

    PROMPT is the task in plain words. Shows each step that the assistant takes. Press Ctrl-C to stop the assistant.
    """
    if tab is None and os.environ.get("TERM_PROGRAM") == "MobiFai":
        raise CommandError(
            "the assistant would type into the terminal that this command runs in; choose another with --tab"
        )
    try:
        asyncio.run(_ask(StateDir(state_dir).control_socket, {"prompt": prompt, "tab": tab}, as_json))
    except NotRunning:
        request_running(state_dir, "ask")  # raises the error of the keeper, if there is one


async def _ask(socket: Path, request: Mapping[str, object], as_json: bool) -> None:
    async with aclosing(stream_events(socket, "ask", request)) as steps:
        upcoming: asyncio.Task[Any] | None = None
        with suppress(StopAsyncIteration):
            while True:
                step = await (upcoming or anext(steps))
                upcoming = None
                event, payload = step["type"], step["payload"]
                if as_json or event != "ai:answered":
                    click.echo(msgspec.json.encode(step) if as_json else _text(event, payload))
                if event == "ai:approval":
                    upcoming = asyncio.ensure_future(anext(steps))
                    await _approve(socket, payload, upcoming)
                if event == "ai:error":
                    raise CommandError(one_line(payload["error"], 500))


async def _approve(socket: Path, question: Mapping[str, Any], answered: "asyncio.Task[Any]") -> None:
    """Ask the user for the approval `question`, and send the answer to the agent.

    If another device answers first (`answered` is done), stop asking.
    """
    try:
        asked = asyncio.ensure_future(_approved(question["seconds"]))
        await asyncio.wait((asked, answered), return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            await ask_once(socket, "approve", {"id": question["id"], "ok": asked.result()})
            return
        asked.cancel()
        with suppress(asyncio.CancelledError):
            await asked
        click.echo("Another device answered this question, or nobody answered it in time.")
    except BaseException:
        answered.cancel()
        await asyncio.wait((answered,))
        raise


def _text(event: str, payload: dict[str, Any]) -> str:
    match event:
        case "ai:started":
            return f"The assistant works in the terminal {payload['uuid']}. Press Ctrl-C to stop the assistant."
        case "ai:action":
            return f"  {_step(payload['action'])}"
        case "ai:message":
            who = "model" if payload.get("source", "model") == "model" else "agent"
            return f"{who}: {lines(payload['text'])}"
        case "ai:approval":
            return "\n".join(["The assistant wants to:", *(f"  {_step(step)}" for step in payload["actions"])])
        case "ai:finished":
            return f"{payload['outcome'].capitalize()}: {payload['turns']} turns, {payload['tokens']:,} tokens."
        case _:
            return f"Failed: {one_line(payload['error'], 500)}" if event == "ai:error" else event


def _step(step: dict[str, Any]) -> str:
    match step["type"]:
        case "keystroke":
            what = f"press {step['key']}" if step.get("key") else f"type '{escaped(step.get('text') or '')}'"
            if step.get("line"):
                what += f", which runs '{escaped(step['line'])}'"
        case "delay":
            what = f"wait {step['ms']} ms"
        case _:
            what = "look at the screen"
    return f"{what}   ({one_line(step['risk'])})" if step.get("risk") else what


async def _approved(seconds: float) -> bool:
    """Ask the user at this terminal for approval. Return whether the user gives it within `seconds`."""
    if not sys.stdin.isatty():
        click.echo("Not allowed: standard input is not a terminal, so nobody can be asked.", err=True)
        return False
    click.echo("Allow it? [y/N] ", nl=False)
    async with _input() as lines:
        try:
            async with asyncio.timeout(seconds):
                return (await lines).strip().lower() in ("y", "yes")
        except TimeoutError:
            return False


@asynccontextmanager
async def _input() -> AsyncIterator["asyncio.Future[str]"]:
    """Yield a future that becomes the next line of standard input. Stop reading at the end of the scope."""
    loop = asyncio.get_running_loop()
    line: asyncio.Future[str] = loop.create_future()

    def typed() -> None:
        loop.remove_reader(sys.stdin)
        line.set_result(sys.stdin.readline())

    loop.add_reader(sys.stdin, typed)
    try:
        yield line
    finally:
        loop.remove_reader(sys.stdin)
