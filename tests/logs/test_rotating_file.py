"""The log on disk: within its limits, private, and never a reason to stop."""

import os
import resource
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobifai.bounds import Entry, Ledger
from mobifai.limits import LOG_FILE, LOG_FILES, LOG_LINE
from mobifai.logs.formatting import LogLine
from mobifai.logs.rotating_file import LogFile, log_path
from tests.health.clock import Clock

ROOT = Path(__file__).parents[2]
"""The folder of `tests`, which the tested wheel lacks."""


class Place:
    """Open a log file with the test's limits."""

    def __init__(self, state_dir: Path, *, size: int = 100, files: int = 3, line: int = 60) -> None:
        self.path = log_path(state_dir)
        self.clock = Clock()
        self.complaints: list[str] = []
        self.ledger = Ledger({LOG_FILE.name: size, LOG_FILES.name: files, LOG_LINE.name: line})
        self.log = LogFile(self.path, self.ledger, lambda line: line.message, self.complaints.append, self.clock)

    def says(self, message: str) -> None:
        self.log.write(LogLine(0, 20, "mobifai", message))

    def entry(self, name: str) -> Entry:
        return next(entry for entry in self.ledger.entries() if entry.name == name)

    def on_disk(self) -> dict[str, int]:
        return {path.name: path.stat().st_size for path in sorted(self.path.parent.iterdir())}

    def text(self) -> str:
        newest_last = sorted(self.path.parent.iterdir(), key=lambda path: path.name, reverse=True)
        return "".join(path.read_text() for path in newest_last)


@contextmanager
def a_log(state_dir: Path, **limits: int) -> Iterator[Place]:
    place = Place(state_dir, **limits)
    try:
        yield place
    finally:
        place.log.close()
        assert place.entry(LOG_FILE.name).instances == place.entry(LOG_FILES.name).instances == 0


def test_written_files_are_private(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with a_log(tmp_path) as place:
            for number in range(40):
                place.says(f"line {number}")
            assert {stat.S_IMODE(path.stat().st_mode) for path in place.path.parent.iterdir()} == {0o600}
            assert stat.S_IMODE(place.path.parent.stat().st_mode) == 0o700
    finally:
        os.umask(old)


@pytest.mark.parametrize(("last", "files"), [(8, 1), (9, 1), (10, 2)])
def test_a_file_is_filled_to_its_limit_and_no_further(tmp_path: Path, last: int, files: int) -> None:
    with a_log(tmp_path, size=100) as place:
        for _ in range(9):
            place.says("x" * 9)
        place.says("x" * last)
        assert len(place.on_disk()) == files
        assert place.entry(LOG_FILE.name).peak <= 100


@settings(max_examples=60)
@given(st.lists(st.one_of(st.integers(0, 90), st.none()), max_size=40), st.integers(20, 120), st.integers(1, 4))
def test_the_ledger_counts_files_on_disk(
    tmp_path_factory: pytest.TempPathFactory, lines: list[int | None], size: int, files: int
) -> None:
    state_dir = tmp_path_factory.mktemp("state")
    place = Place(state_dir, size=size, files=files)
    for length in lines:
        if length is None:  # the process ends and another one begins
            place.log.close()
            place.log = LogFile(
                place.path, place.ledger, lambda line: line.message, place.complaints.append, place.clock
            )
        else:
            place.says("é" * (length // 2) + "x" * (length % 2))
            on_disk = place.on_disk()
            assert sum(on_disk.values()) == place.entry(LOG_FILE.name).total
            assert len(on_disk) == place.entry(LOG_FILES.name).used <= files
            assert max(on_disk.values()) <= size
    place.log.close()
    assert place.complaints == []
    assert place.entry(LOG_FILE.name).peak <= size


def test_the_newest_lines_are_those_that_stay(tmp_path: Path) -> None:
    with a_log(tmp_path, size=50, files=3) as place:
        for number in range(1000):
            place.says(f"line {number:04}")
        assert place.text().splitlines() == [f"line {number:04}" for number in range(985, 1000)]
        assert list(place.on_disk()) == ["mobifai.log", "mobifai.log.1", "mobifai.log.2"]
        assert place.entry(LOG_FILE.name).evicted == 985 * 10
        assert place.entry(LOG_FILES.name).evicted == 197


def test_a_line_that_is_too_long_loses_its_middle(tmp_path: Path) -> None:
    with a_log(tmp_path, size=1000, line=60) as place:
        place.says("begin" + "é" * 100 + "end")
        line = place.path.read_text()
        assert line.startswith("begin") and line.endswith("end\n") and "bytes left out" in line
        assert len(line.encode()) <= 60
        assert place.entry(LOG_LINE.name).peak <= 60


def test_it_appends_to_the_file_of_the_previous_process(tmp_path: Path) -> None:
    for number in range(3):
        with a_log(tmp_path) as place:
            place.says(f"process {number}")
    assert place.text() == "process 0\nprocess 1\nprocess 2\n"


def test_files_from_a_time_of_larger_limits_are_made_to_fit(tmp_path: Path) -> None:
    with a_log(tmp_path, size=200, files=6) as place:
        for number in range(120):
            place.says(f"line {number:04}")
    (place.path.parent / "mobifai.log.2").unlink()
    with a_log(tmp_path, size=55, files=3) as place:
        place.says("line last")
        assert place.on_disk() == {"mobifai.log": 10, "mobifai.log.1": 50, "mobifai.log.2": 50}
        assert place.entry(LOG_FILE.name).total == 110
        assert place.text().splitlines()[-2:] == ["line 0119", "line last"]


def test_a_removed_log_file_is_created_again(tmp_path: Path) -> None:
    with a_log(tmp_path) as place:
        place.says("one")
        place.path.unlink()
        place.says("two")
        assert place.path.read_text() == "two\n"


def test_a_directory_that_can_not_be_made_is_said_once_and_tried_again(tmp_path: Path) -> None:
    with a_log(tmp_path) as place:
        place.path.parent.write_text("a file where the directory should be")
        for _ in range(3):
            place.says("lost")
        place.clock.goes(60)
        place.says("lost")
        assert len(place.complaints) == 1
        assert "can't be written" in place.complaints[0]
        place.path.parent.unlink()
        place.says("lost: it is not time yet")
        place.clock.goes(60)
        place.says("kept")
        assert place.path.read_text().splitlines() == [
            "lines missing here: 5 (the file could not be written)",
            "kept",
        ]
        assert [text.partition("mobifai.log ")[2] for text in place.complaints[1:]] == ["can be written again"]


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    with a_log(tmp_path) as place:
        place.path.parent.mkdir()
        place.path.symlink_to(tmp_path / "elsewhere")
        place.says("lost")
        assert len(place.complaints) == 1
        assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_leaves_whole_lines_and_is_survived(tmp_path: Path) -> None:
    """The kernel refuses to let files of this process grow beyond a size, in the middle of a line."""
    script = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        from tests.logs.test_rotating_file import a_log
        with a_log(Path(sys.argv[1]), size=1000) as place:
            resource.setrlimit(resource.RLIMIT_FSIZE, (25, resource.RLIM_INFINITY))
            for number in range(10):
                place.says(f"line {number:04}")
            assert place.path.read_bytes() == b"line 0000\\nline 0001\\n", place.path.read_bytes()
            assert len(place.complaints) == 1, place.complaints
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            place.clock.goes(60)
            place.says("line last")
            assert place.path.read_text().splitlines()[2:] == [
                "lines missing here: 8 (the file could not be written)", "line last"
            ], place.path.read_text()
            assert place.entry("log.file").used == place.path.stat().st_size
        """
    )
    ended = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({str(ROOT)!r})\n{script}", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_no_descriptor_left_is_survived(tmp_path: Path) -> None:
    with a_log(tmp_path, size=30) as place:
        place.says("before")
        taken = []
        try:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
            while True:
                try:
                    taken.append(os.dup(0))
                except OSError:
                    break
            for _ in range(10):
                place.says("x" * 20)  # each makes a new file
        finally:
            for descriptor in taken:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        place.clock.goes(60)
        place.says("after")
        assert place.path.read_text().endswith("after\n")


def test_closing_twice_changes_nothing(tmp_path: Path) -> None:
    with a_log(tmp_path) as place:
        place.says("one")
        place.log.close()
