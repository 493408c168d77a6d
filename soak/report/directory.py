"""The directory of a report: its files, the check that it is a report's directory, and atomic writing."""

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
"""The files that a run or a self-test writes."""


class ReportDirectory:
    """The directory of a report.

    The directory is new, has the report of an earlier run, or has no file with the name of a report's file. If the
    harness is killed, the last complete report remains.
    """

    def __init__(self, path: Path, *, samples_bytes: int = SAMPLES_FILE_BYTES) -> None:
        """Create the directory with its parents, or use the existing one. Raises ReportError if it has files of another
        program.
        """
        self.path = path
        self.windows = WindowFolder(path / "memray")
        self._samples = SamplesFile(path / "samples.jsonl", samples_bytes)
        self._made = make_directory(path, ADVICE)
        self._refuse_others()

    @property
    def html(self) -> Path:
        """The path of report.html, the file of the report that a user opens."""
        return self.path / "report.html"

    def begin(self, report: Report, *, keep_samples: bool = False) -> None:
        """Replace the report of an earlier run with the first report of this run. Raises ReportError.

        With `keep_samples`, the run continues the samples and windows of the earlier run.
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
            raise ReportError(f"{self.path}: the earlier report can't be removed ({reason(error)}); {ADVICE}") from None

    def _remove(self, names: Iterable[str]) -> None:
        try:
            for name in names:
                (self.path / name).unlink(missing_ok=True)
                draft_of(self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise ReportError(f"{self.path}: the earlier report can't be removed ({reason(error)}); {ADVICE}") from None

    def write(self, report: Report) -> None:
        """Write report.json, report.html and junit.xml, each atomically. Raises ReportError."""
        write_whole(self.path / "report.json", encoded(report))
        write_whole(self.html, page(report, self.path).encode())
        write_whole(self.path / "junit.xml", junit(report))

    def append_samples(self, scenario: str, samples: Iterable[Sample]) -> None:
        """Append samples to samples.jsonl. A full file is renamed to samples.1.jsonl. Raises ReportError."""
        self._samples.append(scenario, samples)

    def read(self) -> Report:
        """Read the report in this directory. Raises ReportError."""
        return read_report(self.path)

    def _refuse_others(self) -> None:
        if (self.path / "report.json").exists():
            with suppress(OtherSchema):  # a report of another version may be replaced too
                self.read()
            return
        others = [name for name in ("report.html", "junit.xml") if (self.path / name).exists()]
        others += [] if self._samples.is_ours() else ["samples.jsonl"]
        if others:
            raise ReportError(
                f"{self.path}: found {others[0]}, but no report.json of a soak run, so the file may be "
                f"another program's; {ADVICE}"
            )


class OtherSchema(ReportError):
    """A report has a schema version that this MobiFai can't read."""


class _Head(msgspec.Struct):
    """The fields that reports of all versions have."""

    verdict: str
    findings: list[Any]
    traffic: dict[str, Any]
    schema_version: int = 0


def read_report(path: Path) -> Report:
    """Read the report in the directory `path`. Raises ReportError if there is no report or it is invalid.

    Raises OtherSchema if the schema version of the report is not SCHEMA_VERSION.
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
        raise ReportError(f"{file}: can't be read ({reason(error)}); check its permissions") from None
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
    r"""Return a report as JSON, as `read_report` reads it.

    JSON has no NaN and no infinity. Points with such values are left out, and other values are written as 0 (the state
    `unmeasured` of a gauge says that it was not measured). A byte that is not UTF-8 is written as the text `\udc80`.
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
