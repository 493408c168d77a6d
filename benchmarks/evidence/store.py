"""The file of results (JSON Lines). A result is appended when its unit ends, so a kill loses only running units."""

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from benchmarks.evidence.units import KindEvidence, ResultsByUnit, UnitPlan, UnitResult
from soak.report.files import write_whole

FILE = Path("evidence", "results.jsonl")

_LINE = msgspec.json.Decoder(UnitPlan | UnitResult)


class ResultStoreError(Exception):
    """The file of results is in use or invalid. The message says what to do."""


def read(docs: Path) -> list[UnitPlan | UnitResult]:
    """Return the plans and results in the file below the folder `docs`, or an empty list if there is no file.

    Raises ResultStoreError for an invalid line.
    """
    path = docs / FILE
    content = path.read_bytes() if path.exists() else b""
    whole = content.rpartition(b"\n")[0]  # without an incomplete last line, which a kill leaves
    found: list[UnitPlan | UnitResult] = []
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            found.append(_LINE.decode(line))
        except msgspec.MsgspecError as error:
            raise ResultStoreError(f"{path}:{number}: expected a result, found {error}; restore it with git") from None
    return found


def evidence(lines: list[UnitPlan | UnitResult]) -> dict[str, KindEvidence]:
    """Return the evidence of each planned kind, by the kind's name."""
    plans = {one.kind: one for one in lines if isinstance(one, UnitPlan)}
    results = [one for one in lines if isinstance(one, UnitResult)]
    return {name: KindEvidence.by(plan, results) for name, plan in plans.items()}


class ResultStore:
    """The file of results while units run. As a context manager, it locks the file for one runner.

    Entering it raises ResultStoreError if another runner holds the lock, or the file is invalid.
    """

    def __init__(self, docs: Path) -> None:
        self._docs, self._path = docs, docs / FILE

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = (self._path.with_suffix(".lock")).open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise ResultStoreError(f"{self._path}: another run writes to it; wait until it ends, or stop it") from None
        self._lines = read(self._docs)
        self._write_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._lock.close()

    @property
    def evidence(self) -> dict[str, KindEvidence]:
        """The evidence of each planned kind, by the kind's name."""
        return evidence(self._lines)

    def known(self, kind: str) -> ResultsByUnit:
        """Return the last result of each unit of the kind `kind` that has one."""
        found = self.evidence.get(kind)
        return found.last if found else {}

    def other_revisions(self, revisions: Mapping[str, str]) -> list[KindEvidence]:
        """Return the evidence of those kinds whose stored results are not of the kind's revision in `revisions`."""
        return [one for name, one in self.evidence.items() if one.results and revisions.get(name) != one.plan.revision]

    def begin(self, plans: list[UnitPlan]) -> None:
        """Store the plans of a run. Discard stored results whose kind and revision are those of none of the plans."""
        revisions = {plan.kind: plan.revision for plan in plans}
        kept = [one for one in self._lines if isinstance(one, UnitResult) and revisions.get(one.kind) == one.revision]
        lines: list[UnitPlan | UnitResult] = [*plans, *kept]
        if lines != self._lines:
            self._lines = lines
            self._write_all()

    def add(self, result: UnitResult, files: Mapping[str, bytes]) -> None:
        """Write the files of a result below the folder of the pages, and append the result. Raises OSError."""
        for name, content in files.items():
            place = self._docs / name
            place.parent.mkdir(parents=True, exist_ok=True)
            write_whole(place, content)
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(result) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._lines.append(result)

    def _write_all(self) -> None:
        """Write all lines to the file again. An incomplete last line, which a kill leaves, is lost."""
        if self._lines or self._path.exists():
            write_whole(self._path, b"".join(msgspec.json.encode(one) + b"\n" for one in self._lines))
