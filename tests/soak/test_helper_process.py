"""A helper process: its output, its time limit, and its end."""

import asyncio
import os
import sys
from pathlib import Path

import psutil
import pytest

from soak.harness.helper_process import HelperTimeout, run_helper

ENDLESS = "import os, pathlib, threading; pathlib.Path('pid').write_text(str(os.getpid())); threading.Event().wait()"
POLITE = """
import pathlib, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
pathlib.Path("pid").write_text("there")
signal.sigwait({signal.SIGTERM})
pathlib.Path("ended").touch()
"""


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


async def written(file: Path) -> str:
    async with asyncio.timeout(30):
        while not file.exists() or not file.read_text():
            await asyncio.sleep(0.01)
    return file.read_text()


async def test_output_errors_and_status_are_returned(tmp_path: Path) -> None:
    program = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    result = await run_helper(python(program), environment=os.environ, folder=tmp_path, timeout=30)
    assert (result.status, result.output, result.errors) == (3, b"out\n", b"err\n")
    assert result.last_words == "out\nerr"


async def test_it_runs_in_its_folder_with_its_environment_and_no_input(tmp_path: Path) -> None:
    program = "import os, sys; print(os.getcwd(), os.environ['WORD'], repr(sys.stdin.read()), end='')"
    environment = {**os.environ, "WORD": "given"}
    result = await run_helper(python(program), environment=environment, folder=tmp_path, timeout=30)
    assert result.output.decode() == f"{tmp_path.resolve()} given ''"


async def test_one_that_does_not_end_is_killed_and_reported(tmp_path: Path) -> None:
    with pytest.raises(HelperTimeout, match="to end within 3 s; it was killed"):
        await run_helper(python(ENDLESS), environment=os.environ, folder=tmp_path, timeout=3)
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


async def test_cancellation_kills_it(tmp_path: Path) -> None:
    running = asyncio.ensure_future(run_helper(python(ENDLESS), environment=os.environ, folder=tmp_path, timeout=60))
    pid = int(await written(tmp_path / "pid"))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not psutil.pid_exists(pid)


async def test_with_grace_it_may_end_on_its_own_terms(tmp_path: Path) -> None:
    running = asyncio.ensure_future(
        run_helper(python(POLITE), environment=os.environ, folder=tmp_path, timeout=60, grace=30)
    )
    await written(tmp_path / "pid")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (tmp_path / "ended").exists()
