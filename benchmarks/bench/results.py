"""The results of the benchmark, in memory and as JSON lines in a file. Owns that file.

Each result is appended when it is measured, so that an interrupted run keeps its results.
"""

from collections.abc import Mapping
from pathlib import Path

import click
import msgspec

NOT_REPORTED = "not reported"
"""The reason in a cell that can never have a figure, because the peer does not report it."""


class BenchMachine(msgspec.Struct, frozen=True, tag="machine"):
    """The machine of a run, and whether the run is quick. `facts` and `versions` are by name, `date` is in ISO 8601."""

    date: str
    quick: bool
    facts: Mapping[str, str]
    versions: Mapping[str, str]


class BenchCell(msgspec.Struct, frozen=True, tag="cell"):
    """One figure of one peer in one round, in the unit of its row, or the reason why there is none."""

    round: int
    peer: str
    row: str
    value: float | None = None
    reason: str = ""

    @property
    def key(self) -> tuple[int, str, str]:
        """The identity of the cell: its round, its peer and its row."""
        return self.round, self.peer, self.row


ResultLine = BenchMachine | BenchCell


class BenchResults:
    """The machine and the cells of a run. A later cell with the same key replaces an earlier one."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.machine: BenchMachine | None = None
        self._cells: dict[tuple[int, str, str], BenchCell] = {}
        for number, line in enumerate(path.read_bytes().splitlines() if path and path.exists() else [], 1):
            self._take(_decoded(path, number, line))

    @property
    def cells(self) -> list[BenchCell]:
        """The cells in the order in which they were first added."""
        return list(self._cells.values())

    def has(self, key: tuple[int, str, str]) -> bool:
        """Return whether the cell with this key need not be measured: it has a figure, or can never have one."""
        cell = self._cells.get(key)
        return cell is not None and (cell.value is not None or cell.reason == NOT_REPORTED)

    def add(self, line: ResultLine) -> None:
        """Add a result in memory, and append it to the file."""
        self._take(line)
        if self._path is not None:
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode(line) + b"\n")

    def _take(self, line: ResultLine) -> None:
        if isinstance(line, BenchMachine):
            self.machine = line
        else:
            self._cells[line.key] = line


def _decoded(path: Path | None, number: int, line: bytes) -> ResultLine:
    try:
        decoded: ResultLine = msgspec.json.decode(line, type=ResultLine)
    except msgspec.MsgspecError as error:
        raise click.ClickException(
            f"{path}, line {number}: expected a result of this benchmark; found {line[:80]!r} ({error}). "
            "Name another file with --jsonl, or delete the line"
        ) from None
    return decoded
