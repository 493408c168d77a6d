"""What a machine lacks is found before a run begins, with what was expected, what was found, and what to do."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from soak.harness import preflight as checks
from soak.harness.preflight import NotReady, preflight
from tests.support.small_disk import small_disk


def said(folder: Path, *words: str, before: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """A quick run by a shell that does something before."""
    command = f"{before} exec {sys.executable} -P -m mobifai soak terminals --cycles 1 --report {folder / 'report'}"
    return subprocess.run(
        ["/bin/sh", "-c", command, *words], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), **environ}, cwd=folder, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_a_machine_that_has_all_is_ready(tmp_path: Path) -> None:
    preflight(tmp_path, {"TMPDIR": str(tmp_path)})


def test_too_few_descriptors_are_refused_before_anything_is_started(tmp_path: Path) -> None:
    done = said(tmp_path, before="ulimit -n 64;")
    assert (done.returncode, done.stdout) == (2, "")
    assert "256 open files" in done.stderr
    assert "found 64" in done.stderr
    assert not (tmp_path / "report" / "report.json").exists()


def test_a_temporary_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    done = said(tmp_path, TMPDIR=str(tmp_path / "nowhere"))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"TMPDIR={tmp_path / 'nowhere'}" in done.stderr


def test_a_temporary_directory_without_room_is_refused(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        disk.fill()
        with pytest.raises(NotReady, match=r"expected 50 MB of room for temporary files, found 0\.0 MB"):
            preflight(tmp_path, {"TMPDIR": str(disk.path)})


def test_a_report_without_room_is_refused(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        disk.fill()
        with pytest.raises(NotReady, match="for the report, found"):
            preflight(disk.path, {"TMPDIR": str(tmp_path)})


def test_no_terminal_is_refused() -> None:
    def none() -> tuple[int, int]:
        raise OSError(2, "out of pty devices")

    with pytest.raises(NotReady, match="expected a pseudo-terminal, found none"):
        checks.check_terminals(none)


def test_a_limit_that_can_be_raised_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 1024))
    with pytest.raises(NotReady, match="run `ulimit -n 256`"):
        checks.check_limit(resource.RLIMIT_NOFILE, 256, "open files", "ulimit -n")
