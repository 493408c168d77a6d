"""A program that prints without end: it can be stopped, and a phone that does not read costs the agent nothing."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from soak.phone.interface import PhoneInterface
from tests.support.agent import RunningAgent, serving
from tests.support.agent_status import (
    answers,
    arrive,
    asked,
    nothing_went_wrong,
    on_path,
    path_of,
    until_running,
    until_stopped,
)
from tests.support.connected import both_paths, phone_with_terminal
from tests.support.node_phone import NodePhone
from tests.support.phones import Kind, phone_kinds

pytestmark = pytest.mark.extended

MOST_GROWTH = 6 << 20
"""The most bytes on their way to one phone: several buffers of 64 KiB, and 1 MiB in the outbox of the own relay."""


@asynccontextmanager
async def flooded(
    directory: Path, kind: Kind, channel: bool
) -> AsyncIterator[tuple[RunningAgent, PhoneInterface, str, psutil.Process]]:
    """Connect a phone, and run `yes` in its terminal."""
    async with serving(directory / "state") as agent:
        async with phone_with_terminal(agent, kind, channel=channel, keep_output=False) as (phone, terminal):
            await phone.type(terminal, "yes\r")
            await phone.until(lambda: phone.totals(terminal).bytes > 1 << 20, "a megabyte of output", 30)
            shell = psutil.Process((await asked(agent))["terminals"][0]["pid"])
            yield agent, phone, terminal, shell.children()[0]
        nothing_went_wrong(agent)


@phone_kinds
@both_paths
async def test_ctrl_c_gets_through_a_flood(tmp_path: Path, kind: Kind, channel: bool) -> None:
    async with flooded(tmp_path, kind, channel) as (_, phone, terminal, _yes):
        await phone.type(terminal, "\x03")
        await answers(phone, terminal)


@both_paths
async def test_a_phone_that_does_not_read_stops_the_program_and_costs_no_memory(tmp_path: Path, channel: bool) -> None:
    async with flooded(tmp_path, "node", channel) as (agent, phone, terminal, yes):
        assert isinstance(phone, NodePhone) and phone._process is not None
        process = psutil.Process((await asked(agent))["agent_pid"])
        before = process.memory_info().rss
        os.kill(phone._process.pid, signal.SIGSTOP)
        try:
            await until_stopped(yes)
            assert process.memory_info().rss - before < MOST_GROWTH
            assert await path_of(agent) == ("channel" if channel else "relay")
        finally:
            os.kill(phone._process.pid, signal.SIGCONT)
        await until_running(yes)
        await phone.type(terminal, "\x03")
        await answers(phone, terminal)
        assert process.memory_info().rss - before < MOST_GROWTH


@phone_kinds
async def test_the_program_runs_on_when_the_phone_vanishes_from_the_relay(tmp_path: Path, kind: Kind) -> None:
    async with flooded(tmp_path, kind, channel=False) as (agent, phone, terminal, yes):
        await phone.vanish()
        await on_path(agent, None)
        await until_running(yes)
        await arrive(phone, agent.device_id, channel=False)
        await phone.type(terminal, "\x03")
        await answers(phone, terminal)


async def test_the_program_runs_on_before_anybody_misses_a_phone_that_vanished_from_the_channel(tmp_path: Path) -> None:
    async with flooded(tmp_path, "python", channel=True) as (agent, phone, terminal, yes):
        await phone.vanish()
        await until_running(yes)
        # No peer closes the connection: consent to send has to expire (RFC 7675).
        await on_path(agent, None, timeout=10)
        await arrive(phone, agent.device_id)
        await phone.type(terminal, "\x03")
        await answers(phone, terminal)
