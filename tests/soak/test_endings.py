"""Every way in which `mobifai soak` can end leaves a report of that run, the promised status, and no process."""

import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mobifai.state import StateDir
from soak.harness.agent_process import agent_under_test
from soak.report.directory import ReportDirectory
from tests.soak import sample_reports
from tests.soak.soak_runs import Soaking, plain, read, soaking
from tests.support.endings import SIGNALS, left_behind, suspend
from tests.support.small_disk import small_disk

pytestmark = [pytest.mark.extended, pytest.mark.timeout(600)]

RUN = ("terminals", "--duration", "10m", "--no-memray", "--seed", "7")
SHORT = ("terminals", "--cycles", "5", "--no-memray", "--seed", "7")
ATTACH = ("--attach", "STATE", "--duration", "10m")
SELF_TEST = ("--self-test", "terminals", "--seed", "7")


@asynccontextmanager
async def started(folder: Path, words: tuple[str, ...]) -> AsyncIterator[Soaking]:
    """Start a run in a directory that has the report of an earlier run. Wait until it is in progress."""
    place = folder / "report"
    ReportDirectory(place).write(sample_reports.held(1))
    if words is not ATTACH:
        with soaking(place, *words) as run:
            run.until(run.agents, "an agent")
            yield run
        return
    settings = folder / "config.toml"
    settings.touch()
    async with agent_under_test(folder / "a", settings, ["--port", "0"]) as agent:
        state = StateDir(agent.state_dir).path
        with soaking(place, *(str(state) if word == "STATE" else word for word in words)) as run:
            run.until(lambda: "watching" in run.errors(), "a first look")
            yield run


def written(run: Soaking) -> tuple[str, bool, bool]:
    """Return the report's verdict, and the values of `finished` and `interrupted`."""
    report = read(run.place)
    assert "soak" in report.command
    assert report.environment["pid"] == run.process.pid, "the report of another run"
    return report.verdict, report.finished, report.interrupted


# -- signals


@pytest.mark.parametrize("ending", SIGNALS)
@pytest.mark.parametrize("words", [RUN, ATTACH], ids=["run", "attach"])
async def test_a_signal_leaves_a_report_of_that_run_and_nothing_else(
    tmp_path: Path, words: tuple[str, ...], ending: str
) -> None:
    async with started(tmp_path, words) as run:
        SIGNALS[ending](run)
        ended = run.wait()
        assert left_behind(run) == []
        killed = ending == "SIGKILL"
        assert ended.status == (-signal.SIGKILL if killed else 4), ended.err
        assert written(run) == (("unfinished", False, False) if killed else ("inconclusive", True, True))
        assert ended.out == ("" if killed else (run.place / "report.json").read_text())
        assert "Traceback" not in ended.err


@pytest.mark.parametrize("ending", ["Ctrl-C again and again", "SIGTERM", "SIGKILL"])
async def test_a_signal_ends_all_runs_of_a_self_test_and_its_table_says_so(tmp_path: Path, ending: str) -> None:
    async with started(tmp_path, SELF_TEST) as run:
        SIGNALS[ending](run)
        ended = run.wait()
        assert left_behind(run) == []
        killed = ending == "SIGKILL"
        assert ended.status == (-signal.SIGKILL if killed else 4), ended.err
        reported = json.loads((run.place / "self-test.json").read_bytes())
        assert (reported["finished"], reported["interrupted"]) == ((False, False) if killed else (True, True))
        assert "not complete" in (run.place / "self-test.md").read_text()
        assert not (run.place / "report.json").exists()
        assert "Traceback" not in ended.err


# -- processes that die


@pytest.mark.parametrize("who", ["agent", "keeper"])
async def test_a_process_under_test_that_dies_fails_the_run(tmp_path: Path, who: str) -> None:
    async with started(tmp_path, RUN) as run:
        run.phase("warming up")
        (process,) = run.agents() if who == "agent" else run.keepers()
        process.kill()
        ended = run.wait()
        assert left_behind(run) == []
        assert (ended.status, *written(run)) == (3, "failed", True, False), ended.err


async def test_a_relay_apart_that_dies_fails_the_run(tmp_path: Path) -> None:
    async with started(tmp_path, ("reconnects", *RUN[1:])) as run:
        run.phase("warming up")
        for process in run.processes():
            if "relay" in process.cmdline():
                process.kill()
        ended = run.wait()
        assert left_behind(run) == []
        assert (ended.status, *written(run)) == (3, "failed", True, False), ended.err


# -- pauses


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be stopped here")
async def test_a_pause_of_the_whole_machine_is_reported_and_not_judged(tmp_path: Path) -> None:
    async with started(tmp_path, RUN) as run:
        run.phase("warming up")
        suspend(run)
        run.phase("running")
        run.interrupt()
        ended = run.wait()
        assert left_behind(run) == []
        assert (ended.status, *written(run)) == (4, "inconclusive", True, True), ended.err
        assert ended.report.findings == []
        assert any("paused" in note for note in ended.report.notes)
        assert "paused for" in ended.err


# -- a disk that is full


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a disk")
@pytest.mark.parametrize("for_good", [False, True], ids=["for a while", "for good"])
async def test_a_run_goes_on_while_the_disk_of_its_report_is_full(tmp_path: Path, for_good: bool) -> None:
    with small_disk(tmp_path / "disk") as disk:
        (disk.path / "r").mkdir()
        (tmp_path / "report").symlink_to(disk.path / "r")  # the run's output is on another disk, which has space
        async with started(tmp_path, RUN) as run:
            run.phase("warming up")
            disk.fill()
            run.until(lambda: "can't be written" in run.errors(), "the run to say that it can't write")
            if not for_good:
                disk.free()
                run.until(lambda: "written again" in run.errors(), "the report to be written again")
            run.interrupt()
            ended = run.wait()
            assert left_behind(run) == []
            assert '"verdict": "inconclusive"' in ended.out
            assert ended.status == 4, ended.err
            verdict = "unfinished" if for_good else "inconclusive"
            assert written(run) == (verdict, not for_good, not for_good)
            assert ("the verdict is not in a file" in ended.err) is for_good


# -- two runs together


async def test_a_second_run_into_the_same_directory_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    async with started(tmp_path, RUN) as run:
        before = plain(run.place)["started_at"]
        with soaking(tmp_path / "second", *SHORT, "--report", str(run.place)) as second:
            refused = second.wait()
            assert left_behind(second) == []
        assert (refused.status, refused.out) == (2, "")
        assert f"process {run.process.pid}" in refused.err
        assert run.process.poll() is None
        assert plain(run.place)["started_at"] == before
        run.process.terminate()
        assert run.wait().status == 4


# -- resuming


async def test_a_run_that_was_interrupted_in_its_warm_up_goes_on(tmp_path: Path) -> None:
    async with started(tmp_path, SHORT) as run:
        run.phase("warming up")
        run.interrupt()
        assert run.wait().status == 4
        assert read(run.place).counts.judged_cycles == 0
    with soaking(tmp_path / "again", "--resume", str(run.place)) as again:
        again.phase("warming up")
        again.interrupt()
        ended = again.wait()
    report = read(run.place)
    assert (ended.status, report.segments, report.interrupted) == (4, 2, True), ended.err
