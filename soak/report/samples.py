"""The samples of a run as JSON lines, in at most two files. A full file replaces the older one, and a new file is
begun.

A line is `{"scenario", "at", "cycle", "values"}`: the seconds since the start of the run, the number of cycles of the
scenario so far, and the value of each gauge by its name. If the harness is killed, the last line may be incomplete.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from soak.gauges.gauge import Sample
from soak.report.files import ReportError, reason

SAMPLES_FILE_BYTES = 16 * 10**6
"""Largest size of one of the two files."""


class _Line(msgspec.Struct):
    scenario: str
    at: float
    cycle: int
    values: dict[str, float | None]


class SamplesFile:
    """The two files with the samples of a run. They are not kept open between calls."""

    def __init__(self, path: Path, most_bytes: int = SAMPLES_FILE_BYTES) -> None:
        self._path = path
        self._older = path.with_name(f"{path.stem}.1{path.suffix}")
        self._most = most_bytes

    def append(self, scenario: str, samples: Iterable[Sample]) -> None:
        """Append a line for each sample. A line that is longer than a file may be is dropped. Raises ReportError."""
        try:
            for sample in samples:
                line = _line(scenario, sample)
                if len(line) <= self._most:
                    self._write(line)
        except OSError as error:
            raise ReportError(
                f"{self._path}: can't be written ({reason(error)}); free some space, or use another --report"
            ) from None

    def clear(self) -> None:
        """Remove the files of an earlier run."""
        self._path.unlink(missing_ok=True)
        self._older.unlink(missing_ok=True)

    def is_ours(self) -> bool:
        """Return whether the file can be used: it does not exist, has no complete line, or begins with a sample."""
        try:
            with self._path.open("rb") as file:
                first = file.readline(self._most)
            return not first.endswith(b"\n") or msgspec.json.decode(first, type=_Line) is not None
        except FileNotFoundError:
            return True
        except (OSError, msgspec.MsgspecError, ValueError):
            return False

    def _write(self, line: bytes) -> None:
        if self._path.exists() and self._path.stat().st_size + len(line) > self._most:
            self._path.replace(self._older)
        with self._path.open("ab+") as file:
            if _ends_amid_a_line(file.fileno()) and file.tell() + 1 + len(line) <= self._most:
                line = b"\n" + line
            file.write(line)


def _ends_amid_a_line(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def _line(scenario: str, sample: Sample) -> bytes:
    record = {"scenario": scenario, "at": round(sample.at, 3), "cycle": sample.cycle, "values": dict(sample.values)}
    try:
        return msgspec.json.encode(record) + b"\n"
    except UnicodeEncodeError:  # a name can be a file's, which need not be valid text
        named = {_text(name): value for name, value in sample.values.items()}
        return msgspec.json.encode({**record, "scenario": _text(scenario), "values": named}) + b"\n"


def _text(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()
