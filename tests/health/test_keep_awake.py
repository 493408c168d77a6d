"""KeepAwake: one helper while it is needed, and none otherwise."""

import asyncio
import logging
import os
import signal
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from mobifai.health.keep_awake import KeepAwake, keep_awake_command
from tests.support.eventually import eventually

ALONE = 'trap : TERM; set -C; : > "$0" || exit 1; echo $$ >> "$0.pids"; cat; trap "" TERM; rm "$0"'
"""A helper that fails if another one runs, and ends when its input ends."""


def a_helper(tmp_path: Path, script: str = ALONE) -> tuple[str, ...]:
    return ("/bin/sh", "-c", script, str(tmp_path / "held"))


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # its new parent may reap it late
    except psutil.NoSuchProcess:
        return True


async def test_a_helper_runs_while_it_is_needed(tmp_path: Path) -> None:
    held = tmp_path / "held"
    async with KeepAwake(a_helper(tmp_path)) as awake:
        assert awake.pid is None
        awake.need(True)
        await eventually(lambda: held.exists() and awake.pid is not None)
        first = awake.pid
        awake.need(True)
        awake.need(False)
        await eventually(lambda: awake.pid is None)
        assert first is not None and is_gone(first)
        awake.need(True)
        await eventually(lambda: awake.pid not in (None, first))


async def test_there_is_never_more_than_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with KeepAwake(a_helper(tmp_path)) as awake:
        for _ in range(20):
            awake.need(True)
            await eventually(lambda: awake.pid is not None)
            awake.need(False)
            awake.need(True)
            awake.need(False)
            await eventually(lambda: awake.pid is None)
    assert caplog.records == []


async def test_closing_ends_a_helper_that_is_needed_still(tmp_path: Path) -> None:
    async with KeepAwake(a_helper(tmp_path)) as awake:
        awake.need(True)
        await eventually(lambda: awake.pid is not None)
        pid = awake.pid
    assert pid is not None and is_gone(pid)
    awake.need(True)


async def test_closing_immediately_leaves_nothing(tmp_path: Path) -> None:
    async with KeepAwake(a_helper(tmp_path)) as awake:
        awake.need(True)


async def test_a_helper_that_does_not_want_to_end_is_ended(tmp_path: Path) -> None:
    stubborn = 'trap "" TERM; echo $$ > "$0"; while :; do sleep 60; done'
    async with KeepAwake(a_helper(tmp_path, stubborn)) as awake:
        awake.need(True)
        await eventually((tmp_path / "held").exists)
    assert is_gone(int((tmp_path / "held").read_text()))


async def test_a_missing_helper_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async with KeepAwake(("mobifai-no-such-program",), retry_seconds=0) as awake:
        awake.need(True)
        await eventually(lambda: caplog.records)
        for _ in range(20):
            await asyncio.sleep(0)
        awake.need(False)
        awake.need(True)
    assert [record.getMessage() for record in caplog.records] == [
        "this machine may sleep while a terminal or a phone is active: "
        "mobifai-no-such-program can't be started: No such file or directory"
    ]


async def test_a_system_without_any_helper_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async with KeepAwake(keep_awake_command("plan9")) as awake:
        awake.need(True)
        await eventually(lambda: caplog.records)
    assert len(caplog.records) == 1


async def test_a_helper_that_ends_unexpectedly_is_logged_once_and_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tries = tmp_path / "held"
    denied = 'echo x >> "$0"; echo Access denied >&2; exit 1'
    with caplog.at_level(logging.WARNING):
        async with KeepAwake(a_helper(tmp_path, denied), retry_seconds=0) as awake:
            awake.need(True)
            await eventually(lambda: tries.exists() and len(tries.read_text().split()) >= 3)
    assert len(caplog.records) == 1
    assert "ended unexpectedly with status 1: Access denied" in caplog.text


async def test_no_helper_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import asyncio
        from mobifai.health.keep_awake import KeepAwake
        async def main():
            async with KeepAwake({a_helper(tmp_path)!r}) as awake:
                awake.need(True)
                await asyncio.Event().wait()
        asyncio.run(main())
        """
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    pids = tmp_path / "held.pids"
    await eventually(lambda: pids.exists() and pids.read_text().strip())
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    await eventually(lambda: is_gone(int(pids.read_text())))
    await eventually(lambda: not (tmp_path / "held").exists())


def test_each_system_has_its_command() -> None:
    assert keep_awake_command("darwin") == ("caffeinate", "-i", "-w", str(os.getpid()))
    assert keep_awake_command("linux")[:3] == ("systemd-inhibit", "--what=idle:sleep", "--mode=block")
