"""The table of the speed at which a terminal is read, compared with a loop in C."""

import shutil
from pathlib import Path

import pytest

from benchmarks.bench import payload, reading
from benchmarks.bench.reading import LOOP, OURS, SPEED, reading_section
from benchmarks.bench.results import BenchCell, BenchResults


async def test_both_readers_read_every_byte_and_have_a_line_in_the_table(tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler on this machine")
    made, results = payload.write(tmp_path / "payload", 500_000), BenchResults()
    await reading.rounds(1, made, tmp_path, results)
    speeds = [cell for cell in results.cells if cell.row == SPEED]
    assert [(cell.peer, cell.reason, (cell.value or 0) > 0) for cell in speeds] == [(OURS, "", True), (LOOP, "", True)]
    assert reading_section(results.cells).count("\n| ") == 4


async def test_without_a_compiler_the_loop_s_cells_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    made, results = payload.write(tmp_path / "payload", 10_000), BenchResults()
    await reading.rounds(1, made, tmp_path, results)
    assert "no C compiler on this machine" in reading_section(results.cells)


def test_the_share_is_the_median_of_those_within_each_round() -> None:
    cells = [BenchCell(number, OURS, SPEED, value) for number, value in enumerate((90.0, 50.0, 300.0), 1)]
    cells += [BenchCell(number, LOOP, SPEED, value) for number, value in enumerate((100.0, 100.0, 300.0), 1)]
    assert "| 90 | 0.90 | – |" in reading_section(cells)


def test_where_nothing_was_read_there_is_no_section() -> None:
    assert reading_section([BenchCell(1, "mobifai", "start", 1.0)]) == ""
