"""Tests that leave something behind, for `test_leftovers` to run in a pytest of their own. Not collected otherwise."""

import asyncio
import os
import socket
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

KEPT: list[object] = []
FOREVER = "import sys; sys.stdin.read()"


async def linger(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def test_task() -> None:
    KEPT.append(asyncio.create_task(linger(60)))


@given(number=st.integers())
@settings(max_examples=1)
async def test_task_of_a_property(number: int) -> None:
    KEPT.append(asyncio.create_task(linger(60)))


def test_thread() -> None:
    thread = threading.Thread(target=threading.Event().wait, name="left thread", daemon=True)
    thread.start()


def test_file() -> None:
    KEPT.append(os.open(__file__, os.O_RDONLY))


def test_listener() -> None:
    KEPT.append(socket.create_server(("127.0.0.1", 0)))


async def test_server_of_the_loop() -> None:
    KEPT.append(await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0))


def test_child() -> None:
    KEPT.append(subprocess.Popen([sys.executable, "-c", FOREVER], stdin=subprocess.PIPE))


def test_zombie() -> None:
    KEPT.append(subprocess.Popen([sys.executable, "-c", ""]))


@pytest.mark.timeout(1)
async def test_hang() -> None:
    await linger(60)


@pytest.mark.timeout(1)
async def test_hang_in_cleanup() -> None:
    try:
        await linger(60)
    finally:
        await linger(60)


def test_failure_with_a_file() -> None:
    KEPT.append(os.open(__file__, os.O_RDONLY))
    raise AssertionError("the reason")


async def test_clean_task_that_ends_a_little_later() -> None:
    KEPT.append(asyncio.create_task(linger(0.1)))


def test_clean_thread_that_ends_a_little_later() -> None:
    threading.Timer(0.1, int).start()


async def test_clean_executor() -> None:
    await asyncio.to_thread(int)


async def test_clean_child() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", FOREVER, stdin=asyncio.subprocess.PIPE)
    await process.communicate(b"")


def test_clean_file(tmp_path: object) -> None:
    with open(__file__):  # noqa: PTH123
        pass
