"""Output of `mobifai profile` that can't be written: status 3, also where the result would have been a finding."""

import subprocess
import sys
from pathlib import Path

import pytest

from profiles.report.directory import ProfileDirectory
from tests.profiles import sample_profiles as samples
from tests.support.agent import run_command
from tests.support.small_disk import small_disk

COMMANDS = ("run", "attach", "heap", "flame", "compare", "gate")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize(
    "words",
    [
        *(("--help",), *((name, "--help") for name in COMMANDS)),
        *(("compare", "clean", "clean"), ("compare", "clean", "worse"), ("compare", "clean", "worse", "--json")),
    ],
)
def test_output_that_can_not_be_written_has_status_3(tmp_path: Path, words: tuple[str, ...]) -> None:
    ProfileDirectory(tmp_path / "clean").write(samples.clean())
    ProfileDirectory(tmp_path / "worse").write(samples.found())
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "mobifai", "profile", *words],
            cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 3
    assert "the output can't be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [("run", "terminals"), ("attach",)])
async def test_a_report_that_can_not_be_written_is_refused_and_leaves_no_directory(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        disk.fill()
        place = disk.path / "new" / "report"
        state = ("--state-dir", str(tmp_path)) if words[0] == "attach" else ()
        status, _, err = await run_command("profile", *words, *state, "--report", str(place))
        assert (status, "free some space" in err) == (2, True), err
        assert not place.parent.exists()
