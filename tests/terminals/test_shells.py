"""Facts about a shell's process."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mobifai.terminals.shells import working_directory


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_where_a_process_is(platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with and without /proc, also when the directory is removed under it; an error when it is gone."""
    if platform == "linux" and sys.platform != "linux":
        pytest.skip("there is no /proc")
    monkeypatch.setattr("mobifai.terminals.shells.sys.platform", platform)
    place = tmp_path.resolve() / "here (deleted)"
    place.mkdir()
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, cwd=place) as process:
        try:
            assert working_directory(process.pid) == str(place) == psutil.Process(process.pid).cwd()
            place.rmdir()
            assert working_directory(process.pid) == str(place) == psutil.Process(process.pid).cwd()
        finally:
            process.kill()
    with pytest.raises(OSError, match=str(process.pid)):
        working_directory(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_nobody_looks_at_the_directory_itself_whose_server_may_be_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, cwd=tmp_path) as process:
        try:
            monkeypatch.setattr("os.stat", lambda *_, **__: pytest.fail("it was looked at"))
            found = working_directory(process.pid)
        finally:
            monkeypatch.undo()
            process.kill()
    assert found == str(tmp_path.resolve())
