"""The directory of a report: its files, its ownership, and atomic writing."""

import math
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from soak.gauges.gauge import Sample
from soak.gauges.results import SCHEMA_VERSION, Report, SeriesResult
from soak.report.files import ReportError, draft_of, make_directory, plain_values, reason, remove_empty, write_whole
from soak.report.html import page
from soak.report.junit import junit
from soak.report.samples import SAMPLES_FILE_BYTES, SamplesFile
from soak.report.windows import WindowFolder

ADVICE = "name an empty or new directory with --report"
DOCUMENTS = ("report.json", "report.html", "junit.xml", "self-test.json", "self-test.md")
"""The files that a run writes, and a self-test."""


class ReportDirectory:
    """A report directory: a new one, one without files of the same names, or that of an earlier run.

    If the harness is killed, the last complete report remains.
    """

    def __init__(self, path: Path, *, samples_bytes: int = SAMPLES_FILE_BYTES) -> None:
        """Create the directory with its parents, or take it over. Raises ReportError if it has foreign files."""
        self.path = path
        self.windows = WindowFolder(path / "memray")
        self._samples = SamplesFile(path / "samples.jsonl", samples_bytes)
        self._made = make_directory(path, ADVICE)
        self._refuse_others()

    @property
    def html(self) -> Path:
        """Return the file that a user opens."""
        return self.path / "report.html"

    def begin(self, report: Report, *, keep_samples: bool = False) -> None:
        """Replace the report of an earlier run by the first one of this run. Raises ReportError.

        `keep_samples`: the run continues the samples and windows of the earlier one.
        """
        self._remove(DOCUMENTS[1:])  # report.json is replaced, so that the directory is always recognized
        self.write(report)
        if not keep_samples:
            self._remove_samples()

    def remove_if_empty(self) -> None:
        """Remove the directory if this object created it and nothing was written."""
        remove_empty(self._made)

    def clear(self) -> None:
        """Remove all files of an earlier run. Raises ReportError."""
        self._remove(DOCUMENTS)
        self._remove_samples()

    def _remove_samples(self) -> None:
        try:
            self._samples.clear()
            self.windows.clear()
        except OSError as error:
            raise ReportError(f"{self.path}: can't be cleared ({reason(error)}); {ADVICE}") from None

    def _remove(self, names: Iterable[str]) -> None:
        try:
            for name in names:
                (self.path / name).unlink(missing_ok=True)
                draft_of(self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise ReportError(f"{self.path}: can't be cleared ({reason(error)}); {ADVICE}") from None

    def write(self, report: Report) -> None:
        """Write the three files, each atomically. Raises ReportError."""
        write_whole(self.path / "report.json", encoded(report))
        write_whole(self.html, page(report, self.path).encode())
        write_whole(self.path / "junit.xml", junit(report))

    def append_samples(self, scenario: str, samples: Iterable[Sample]) -> None:
        """Append samples to samples.jsonl; a full one is renamed to samples.1.jsonl. Raises ReportError."""
        self._samples.append(scenario, samples)

    def read(self) -> Report:
        """Read the last written report. Raises ReportError."""
        return read_report(self.path)

    def _refuse_others(self) -> None:
        if (self.path / "report.json").exists():
            with suppress(OtherSchema):  # ours too, of another version
                self.read()
            return
        others = [name for name in ("report.html", "junit.xml") if (self.path / name).exists()]
        others += [] if self._samples.is_ours() else ["samples.jsonl"]
        if others:
            raise ReportError(f"{self.path}: found {others[0]} without a report.json of a soak run; {ADVICE}")


class OtherSchema(ReportError):
    """A report of another schema version."""


class _Head(msgspec.Struct):
    """The fields that reports of all versions have."""

    verdict: str
    findings: list[Any]
    traffic: dict[str, Any]
    schema_version: int = 0


def read_report(path: Path) -> Report:
    """Read the report in a directory. Raises ReportError if there is none or it is invalid.

    Raises OtherSchema for another schema version.
    """
    file = path / "report.json"
    try:
        text = file.read_bytes()
        _check_schema(file, msgspec.json.decode(text, type=_Head).schema_version)
        return msgspec.json.decode(text, type=Report)
    except (FileNotFoundError, NotADirectoryError):
        found = "no report.json" if path.is_dir() else "a file" if path.exists() else "nothing"
        raise ReportError(f"{path}: expected the directory of a soak report, found {found}; name one that a run wrote "
                          "(its --report DIR)") from None  # fmt: skip
    except OSError as error:
        raise ReportError(f"{file}: can't be read ({reason(error)}); see who may read it") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(f"{file}: expected the report of a soak run, found something else ({error}); "
                          "move it away, or name another directory") from None  # fmt: skip


def _check_schema(file: Path, found: int) -> None:
    if found == SCHEMA_VERSION:
        return
    older = found < SCHEMA_VERSION
    what = f"schema version {found}" if found else "no schema version"
    remedy = "run it again" if older else "read it with the version that wrote it, or update mobifai"
    raise OtherSchema(
        f"{file}: expected the report of a soak run with schema version {SCHEMA_VERSION}, found {what}, as "
        f"{'an older' if older else 'a newer'} version writes it; {remedy}"
    )


def encoded(report: Report) -> bytes:
    r"""A report as JSON that `read_report` takes back.

    JSON has no NaN and no infinity: as points they are left out, elsewhere they are written as 0 (a gauge's verdict
    `unmeasured` says that it was not measured). Text that is no Unicode is written with its bytes as `\udc80`.
    """
    head = plain_values(msgspec.to_builtins(msgspec.structs.replace(report, series=[])))
    del head["series"]
    series = b",\n  ".join(msgspec.json.encode(_course(one)) for one in report.series)
    opened = msgspec.json.format(msgspec.json.encode(head), indent=1)[:-2]
    return opened + b',\n "series": [\n  ' + series + b"\n ]\n}\n"


def _course(series: SeriesResult) -> dict[str, Any]:
    points = [point for point in series.points if math.isfinite(point[0]) and math.isfinite(point[2])]
    head = plain_values(msgspec.to_builtins(msgspec.structs.replace(series, points=[])))
    return {**head, "points": points}
