"""Output of `mobifai soak` that can't be written or is not read. The exit status must not look like a result."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from soak.report.directory import ReportDirectory
from tests.soak import sample_reports

PRINTS = (("--list",), ("--list-plants",), ("--help",), ("compare", "one", "one"), ("compare", "--json", "one", "one"),
          ("compare", "--help"))  # fmt: skip
WORSE = ("compare", "one", "worse")


def ended(folder: Path, words: tuple[str, ...], out: int) -> subprocess.CompletedProcess[str]:
    """Run the command with standard output on a descriptor, and return how it ended."""
    ReportDirectory(folder / "one").write(sample_reports.held(20))
    ReportDirectory(folder / "worse").write(sample_reports.leaking())
    words_ = [sys.executable, "-P", "-m", "mobifai", "soak", *words]
    return subprocess.run(words_, cwd=folder, stdout=out, stderr=subprocess.PIPE, text=True, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("words", [*PRINTS, WORSE])
def test_output_that_can_not_be_written_has_status_3(tmp_path: Path, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = ended(tmp_path, words, full.fileno())
    assert done.returncode == 3
    assert "the output can't be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", PRINTS)
def test_a_reader_that_went_away_changes_no_status(tmp_path: Path, words: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = ended(tmp_path, words, writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
