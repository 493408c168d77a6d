"""The files that a message crosses through the relay in the agent's process, compared with the architecture page.

A message that has to wait is also held in a queue. Such a trace is discarded, since it depends on the machine.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import CodeType

import pytest

import mobifai
import soak
from mobifai.protocol import noise
from mobifai.protocol.codes import ClientKind
from soak.phone.phone import Phone
from tests.support.agent_here import serving_agent_here
from tests.support.message_trace import MessageTrace
from tests.support.sealed import sealed_by, sealed_phone

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/explanation/architecture.md"
PRODUCT, PHONE = (Path(str(package.__file__)).parent for package in (mobifai, soak))

MOST_FILES = 12

CONTAINERS = ("bounds/",)
"""Containers that files keep messages in are parts of those files, as lists and dictionaries are."""

QUEUES = {"relay/outbox.py", "session/turns.py", "session/ordering.py"}
"""Files that a message crosses only if it has to wait."""

TRIES = 10

CIPHERS: tuple[CodeType, ...] = (noise.CipherState.seal.__code__, noise.CipherState.open.__code__)


def listed(direction: str) -> list[str]:
    """Return the files that the page lists for the path in a direction, in order."""
    part = re.search(rf"<!-- path:{direction} -->(.*)<!-- end of path:{direction} -->", PAGE.read_text(), re.DOTALL)
    assert part is not None
    return re.findall(r"^\d+\. `([^`]+)`", part[1], re.MULTILINE)


@asynccontextmanager
async def phone_with_shell(folder: Path) -> AsyncIterator[tuple[Phone, str]]:
    """A phone that encrypts, served by the relay in the agent's process, and a terminal whose shell is ready."""
    async with serving_agent_here(folder) as agent:
        invitation = await agent.invite(ClientKind.E2E)
        seal = sealed_by(invitation)
        async with sealed_phone(agent.relay_target.url, invitation["token"], seal) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            terminal = await phone.create()
            await phone.type(terminal, "stty -echo; echo ready-$((1+1))\r")
            await phone.wait_output(terminal, "ready-2")
            yield phone, terminal


async def traced(marker: str, act: Callable[[], Awaitable[object]]) -> MessageTrace:
    """Return the trace of a message with this marker that did not have to wait."""
    for _ in range(TRIES):
        trace = MessageTrace(PRODUCT, marker.encode(), ciphers=CIPHERS, outside=[PHONE], excluded=CONTAINERS)
        with trace.running():
            await act()
        if not QUEUES.intersection(trace.files):
            return trace
    raise AssertionError(f"expected a message that does not wait in {TRIES} tries; found {trace.files}")


async def trace_of_input(folder: Path) -> MessageTrace:
    """Trace a line that a program reads and does not print, until the program has it."""
    async with phone_with_shell(folder) as (phone, terminal):
        tries = 0

        async def type_line() -> None:
            nonlocal tries
            tries += 1
            await phone.type(terminal, "a-marker-of-input\r")
            await phone.wait_output(terminal, f"taken-{tries}.")

        reader = 'n=0; while read -r line; do n=$((n+1)); echo "taken-$n."; done'
        await phone.type(terminal, f"echo reading-$((1+1)); {reader}\r")
        await phone.wait_output(terminal, "reading-2")
        return await traced("a-marker-of-input", type_line)


async def trace_of_output(folder: Path) -> MessageTrace:
    """Trace what a command prints, which differs from what is typed, until the phone has it."""
    async with phone_with_shell(folder) as (phone, terminal):
        tries = 0

        async def run_command() -> None:
            nonlocal tries
            tries += 1
            await phone.type(terminal, f"printf 'a-marker\\055of-output-%d.\\n' {tries}\r")
            await phone.wait_output(terminal, f"a-marker-of-output-{tries}.")

        return await traced("a-marker-of-output", run_command)


TRACES = {"input": trace_of_input, "output": trace_of_output}


@pytest.mark.parametrize("direction", TRACES)
async def test_a_message_crosses_few_files_which_the_page_lists_and_returns_to_none(
    tmp_path: Path, direction: str
) -> None:
    trace = await TRACES[direction](tmp_path)
    assert trace.files == listed(direction)
    assert len(trace.files) <= MOST_FILES
    assert trace.returns == []
