"""A run ends in time and with a finding if anything gets stuck: the product, a target, or the fuzzer's own loop."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fuzz import bounded, engine, place
from tests.fuzz.engine import Engine, Result
from tests.fuzz.oracle import Fault
from tests.fuzz.target import Target
from tests.fuzz.targets import keeper
from tests.fuzz.targets.control import Control
from tests.support import agent
from tests.support.eventually import eventually

pytestmark = pytest.mark.extended

ROOT = Path(__file__).parents[2]

DEAF_FUZZER = """
import sys, time
from pathlib import Path
from tests.fuzz import findings, run
from tests.fuzz.target import Target

class Deaf(Target):
    name, boundary, place = "deaf", "a fuzzer whose loop does not turn", "none"
    def make(self):
        return b"input"
    async def deliver(self, batch):
        time.sleep(600)

run.TARGETS["deaf"] = Deaf
run.MOST_SECONDS_MORE = 1
sys.exit(run.main(["--seconds", "1", "--target", "deaf", "--seed", "7"]))
"""


async def fuzzed(folder: Path, *targets: type[Target], seconds: float = 0.5) -> Result:
    (folder / "run").mkdir()
    run = Engine(targets, 1, folder / "run", lambda _: None)
    run.findings_folder = folder / "findings"
    return await run.run(seconds)


def stopping(which: str) -> type[Target]:
    """A target that stops a process of the product, to simulate a hang."""

    class Stopping(Control):
        async def deliver(self, batch: list[bytes]) -> int:
            product = self.here.agent
            pid = product.pid if which == "agent" else product.keeper
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            return await super().deliver(batch)

    Stopping.name = f"stopped-{which}"
    return Stopping


@pytest.mark.parametrize("name", ["agent", "keeper"])
async def test_a_process_that_hangs_is_a_finding_and_does_not_outlast_the_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "KEEPER_SECONDS", 1)
    monkeypatch.setattr(agent, "STOP_SECONDS", 0.5)
    monkeypatch.setattr(engine, "LAST_LOOK_SECONDS", 8)
    result = await fuzzed(tmp_path, stopping(name))
    assert {finding.kind for finding in result.findings} & {"stall", "stuck"}
    assert bounded.processes_of(tmp_path) == []
    assert result.seconds < 60


async def test_a_target_that_waits_forever_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Waiting(Target):
        name = "waiting"
        boundary = "a wait without a time limit"
        place = "none"

        def make(self) -> bytes:
            return b"input"

        async def deliver(self, batch: list[bytes]) -> int:
            await asyncio.Event().wait()
            return 0

    monkeypatch.setattr(engine, "LAST_SESSION_SECONDS", 0.5)
    result = await fuzzed(tmp_path, Waiting)
    (finding,) = result.findings
    assert finding.kind == "stuck"
    assert "test_ends.py" in finding.detail
    assert set(finding.inputs) == {b"input"}


async def test_an_error_of_the_fuzzer_itself_is_a_finding_and_the_run_goes_on(tmp_path: Path) -> None:
    class Failing(Target):
        name = "failing"
        boundary = "a fault of the fuzzer"
        place = "none"

        def make(self) -> bytes:
            raise ZeroDivisionError("planted")

        async def deliver(self, batch: list[bytes]) -> int:
            return 0

    class Working(Failing):
        name = "working"

        def make(self) -> bytes:
            return b"input"

        async def deliver(self, batch: list[bytes]) -> int:
            await asyncio.sleep(0.01)
            return len(batch)

    result = await fuzzed(tmp_path, Failing, Working)
    assert [finding.kind for finding in result.findings] == ["fuzzer"]
    assert "planted" in result.findings[0].detail
    assert result.handled["working"]


async def test_work_that_ignores_its_cancellation_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    released = asyncio.Event()

    async def stubborn() -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    monkeypatch.setattr(bounded, "CANCEL_SECONDS", 0.1)
    with pytest.raises(Fault, match="something did not end within"):
        await bounded.within(0.1, "something", stubborn())
    released.set()


async def test_a_process_that_runs_on_is_named_and_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "END_SECONDS", 0.2)
    words = (sys.executable, "-c", "import time; time.sleep(600)", str(tmp_path / "state"))
    process = await asyncio.create_subprocess_exec(*words)
    with pytest.raises(Fault, match=str(process.pid)):
        await bounded.no_process_is_left(tmp_path)
    assert await process.wait() == -signal.SIGKILL


def test_a_fuzzer_whose_loop_does_not_turn_still_prints_its_summary(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", DEAF_FUZZER],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "FOUND stuck (run, seed 7" in done.stdout
    assert "1 fault was found" in done.stdout.splitlines()[-1]
    assert "in deliver" in done.stderr  # the position of the loop


async def test_an_agent_that_reads_nothing_of_its_keeper_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging(keeper.KeepersAgent):
        batch = 32

        def make(self) -> bytes:
            return b'{"error":"%s"}' % (b"x" * 60_000)

        async def _speak(self, ours: socket.socket, process: asyncio.subprocess.Process, batch: list[bytes]) -> int:
            await eventually(lambda: _has_come(ours))
            os.kill(process.pid, signal.SIGSTOP)
            return await super()._speak(ours, process, batch)

    monkeypatch.setattr(keeper, "START_SECONDS", 2)
    result = await fuzzed(tmp_path, Hanging)
    assert ["took no line" in finding.detail for finding in result.findings] == [True]


def _has_come(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


async def test_a_keeper_that_never_stops_sending_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "ANSWER_SECONDS", 0.5)
    nothing: Any = None
    target = keeper.Keeper(nothing, nothing, 1, tmp_path)
    target.process = SimpleNamespace(returncode=None)  # type: ignore[assignment]
    target.log = tmp_path / "log"
    target.log.touch()
    with flooding() as target.line:
        began = time.monotonic()
        with pytest.raises(Fault, match="did not answer"):
            await target.deliver([b'{"ask":"hello"}'])
        assert time.monotonic() - began < 10


@contextmanager
def flooding() -> Iterator[socket.socket]:
    """A connection that receives lines without end."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    def flood() -> None:
        with theirs:
            try:
                while True:
                    theirs.sendall(b'{"ended":1}\n' * 5000)
            except OSError:
                pass

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        with ours:
            yield ours
    finally:
        thread.join()
