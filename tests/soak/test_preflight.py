"""The checks before a run. Each error says what was expected, what was found, and what to do."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from soak.harness import preflight as checks
from soak.harness.preflight import NotReady, preflight
from soak.report.directory import ReportDirectory
from tests.soak import sample_reports
from tests.support.small_disk import small_disk

Done = subprocess.CompletedProcess[str]


def said(
    folder: Path, *words: str, before: str = "", scenario: str = "terminals", **environ: str
) -> subprocess.CompletedProcess[str]:
    """Return the output of a quick run, started by a shell that executes `before` first."""
    words_ = f"soak {scenario} --cycles 1 --report {folder / 'new' / 'report'}"
    command = f"{before} exec {sys.executable} -P -m mobifai {words_}"
    return subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **environ}, cwd=folder, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_machine_that_has_all_is_ready(tmp_path: Path) -> None:
    preflight(tmp_path, ["terminals"], {"TMPDIR": str(tmp_path)})


def test_too_few_descriptors_are_refused_before_anything_is_started(tmp_path: Path) -> None:
    done = said(tmp_path, before="ulimit -n 64;")
    assert (done.returncode, done.stdout) == (2, "")
    assert "256 open files" in done.stderr
    assert "found 64" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_temporary_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = said(tmp_path, TMPDIR=str(tmp_path / "nowhere"))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"TMPDIR={tmp_path / 'nowhere'}" in done.stderr


def test_a_temporary_directory_without_room_is_refused(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        disk.fill()
        with pytest.raises(NotReady, match=r"expected 50 MB of free space for temporary files, found 0\.0 MB"):
            preflight(tmp_path, ["terminals"], {"TMPDIR": str(disk.path)})


def test_a_report_without_room_is_refused(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        disk.fill()
        with pytest.raises(NotReady, match="for the report, found"):
            preflight(disk.path, ["terminals"], {"TMPDIR": str(tmp_path)})


def test_a_report_that_can_not_be_replaced_is_refused_before_anything_runs(tmp_path: Path) -> None:
    place = tmp_path / "new" / "report"
    ReportDirectory(place).write(sample_reports.held(5))
    (place / "junit.xml").unlink()
    (place / "junit.xml").mkdir()
    done = said(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "the earlier report can't be removed" in done.stderr


def test_no_terminal_is_refused() -> None:
    def none() -> tuple[int, int]:
        raise OSError(2, "out of pty devices")

    with pytest.raises(NotReady, match="expected a pseudo-terminal, found none"):
        checks.check_terminals(none)


def test_a_scenario_that_fills_every_limit_takes_more_descriptors(tmp_path: Path) -> None:
    done = said(tmp_path, before="ulimit -n 300;", scenario="limits")
    assert (done.returncode, done.stdout) == (2, "")
    assert "512 open files" in done.stderr and "found 300" in done.stderr


def test_a_soft_limit_is_raised_as_far_as_the_hard_one_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    limits, changed = {resource.RLIMIT_NOFILE: (64, 1024)}, dict[int, tuple[int, int]]()
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", changed.__setitem__)
    checks.check_limit(resource.RLIMIT_NOFILE, 256, "open files", "ulimit -n")
    assert changed == {resource.RLIMIT_NOFILE: (256, 1024)}


def test_a_limit_that_can_not_be_raised_here_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_number: int, _limits: tuple[int, int]) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 1024))
    monkeypatch.setattr(resource, "setrlimit", refused)
    with pytest.raises(NotReady, match="run `ulimit -n 256`"):
        checks.check_limit(resource.RLIMIT_NOFILE, 256, "open files", "ulimit -n")
