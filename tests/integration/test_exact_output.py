"""The phone gets a program's output byte for byte, on both paths."""

import re
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from soak.phone.interface import PhoneInterface
from tests.integration.relays import NO_STUN, relaying, sign_in
from tests.support.agent import serving
from tests.support.agent_status import nothing_went_wrong, on_path
from tests.support.connected import both_paths, connected_phone
from tests.support.phones import Kind, open_phone, phone_kinds
from tests.support.slow_wire import slow_wire

pytestmark = pytest.mark.extended

BEGIN, END = "<<-", "->>"

ALL_CHARACTERS = """
import sys
out, number = sys.stdout.buffer, 0
for first in range(0, 0x110000, 64):
    if not 0xD800 <= first < 0xE000:
        number += 1
        out.write(b"%d:" % number + "".join(map(chr, range(first, first + 64))).encode() + b"\\n")
"""
"""Numbered lines of all 1,112,064 characters, those that control a terminal among them: 4.5 MB."""

LINES = """
import sys
sys.stdout.write("".join(f"line {number} \\U0001f600\\n" for number in range(20000)))
"""

SPLIT = """
import os
for byte in ("a\\u00e9\\u20ac\\U0001f600\\U0010ffff" * 60).encode():
    os.write(1, bytes([byte]))
os.write(1, b"[\\xff\\xc3(\\xe2\\x82|\\xf0\\x9f\\x98]")
"""
"""Characters of every length, one byte at a time, and invalid ones."""


def all_characters() -> str:
    starts = [first for first in range(0, 0x110000, 64) if not 0xD800 <= first < 0xE000]
    return "".join(
        f"{number}:{''.join(map(chr, range(first, first + 64)))}\n" for number, first in enumerate(starts, 1)
    )


async def printed(phone: PhoneInterface, terminal: str, program: Path, *, raw: bool) -> str:
    """The part of a program's output that a phone receives."""
    phone.forget_output(terminal)
    mode = "stty -opost; " if raw else ""
    # printf composes the marks, so that the echo of the command does not contain them.
    marked = f"printf '<%s' '<-'; {sys.executable} {program}; printf -- '-%s' '>>'"
    await phone.type(terminal, f"{mode}{marked}; stty sane\r")
    text = await phone.wait_output(terminal, END, timeout=60)
    return text.partition(BEGIN)[2].partition(END)[0]


@phone_kinds
@both_paths
async def test_a_program_s_output_arrives_byte_for_byte(tmp_path: Path, kind: Kind, channel: bool) -> None:
    programs = {}
    for name, source in (("all", ALL_CHARACTERS), ("lines", LINES), ("split", SPLIT)):
        programs[name] = tmp_path / f"{name}.py"
        programs[name].write_text(source)
    async with serving(tmp_path / "state") as agent:
        async with connected_phone(agent, kind, channel=channel) as phone:
            await on_path(agent, "channel" if channel else "relay", phone)
            terminal = await phone.create()
            assert await printed(phone, terminal, programs["all"], raw=True) == all_characters()
            cooked = "".join(f"line {number} \U0001f600\r\n" for number in range(20000))
            assert await printed(phone, terminal, programs["lines"], raw=False) == cooked
            whole = "a\u00e9\u20ac\U0001f600\U0010ffff" * 60
            assert await printed(phone, terminal, programs["split"], raw=True) == f"{whole}[\ufffd\ufffd(\ufffd|\ufffd]"


COUNTING = """
import select, sys
for number in range(1, 1000000):
    print(f"line {number} of many", flush=True)
    if select.select([sys.stdin], [], [], 0.0005)[0]:
        break
print(f"counted to {number}.")
"""
"""Prints numbers, some thousand lines a second, until Enter is pressed."""


@phone_kinds
async def test_no_line_is_lost_or_doubled_when_the_path_changes_under_it(tmp_path: Path, kind: Kind) -> None:
    program = tmp_path / "counting.py"
    program.write_text(COUNTING)
    async with serving(tmp_path / "state") as agent:
        token = (await agent.invite_legacy())["token"]
        async with open_phone(kind, agent.relay_url, token) as phone:
            await phone.connect()
            await phone.pair(agent.device_id)
            terminal = await phone.create()
            await phone.type(terminal, f"{sys.executable} {program}\r")
            await phone.channel_open()
            for _ in range(2):
                await on_path(agent, "channel", phone)
                await phone.drop_channel()
                await on_path(agent, "relay", phone)
                await phone.channel_open()
            await on_path(agent, "channel", phone)
            await phone.type(terminal, "\r")
            text = await phone.wait_output(terminal, "counted to ")
            shown = [int(number) for number in re.findall(r"^line (\d+) of many\r$", text, re.MULTILINE)]
            assert len(shown) > 100
            assert shown == list(range(shown[0], shown[-1] + 1))
            await phone.wait_output(terminal, f"counted to {shown[-1]}.")
        nothing_went_wrong(agent)


async def test_what_the_relay_still_carries_when_the_channel_opens_comes_first(tmp_path: Path) -> None:
    program = tmp_path / "counting.py"
    program.write_text(COUNTING)
    async with AsyncExitStack() as scope:
        relay = await scope.enter_async_context(relaying(tmp_path / "relay"))
        wire = await scope.enter_async_context(slow_wire(relay.url, 0.5))
        agent = await scope.enter_async_context(
            serving(tmp_path / "state", "--relay", wire, "--e2e", "allow", *NO_STUN, ready=False)
        )
        await sign_in(agent, relay)
        token = (await agent.invite_legacy())["token"]
        phone = await scope.enter_async_context(open_phone("python", relay.url, token))
        await phone.connect()
        await phone.pair(agent.device_id)
        terminal = await phone.create()
        screens = phone.events("process:screen")
        await phone.type(terminal, f"{sys.executable} {program}\r")
        await phone.channel_open()
        await on_path(agent, "channel", phone)
        await phone.wait_output(terminal, "line 2000 of")
        await phone.type(terminal, "\r")
        text = await phone.wait_output(terminal, "counted to ")
        shown = [int(number) for number in re.findall(r"^line (\d+) of many\r$", text, re.MULTILINE)]
        assert shown == list(range(1, shown[-1] + 1))
        assert phone.events("process:screen") == screens, "the screen came again: the relay was not waited for"
        assert "the relay says" not in agent.log.read_text()
        nothing_went_wrong(agent)
