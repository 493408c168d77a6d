"""The directory with the report of `mobifai profile run` or `attach`.

A directory that has another command's report is refused, so that its files are not replaced.
"""

from contextlib import suppress
from pathlib import Path

import msgspec

from profiles.report.html import page
from profiles.report.schema import OtherSchemaVersion, decoded
from profiles.results import SCHEMA_VERSION, ProfileReport
from soak.gauges.results import Report
from soak.report.files import ReportError, make_directory, plain_values, reason, remove_empty, write_whole

ADVICE = "name an empty or new directory with --report"
NAME_ANOTHER = "name the directory of a `mobifai profile` report (its --report DIR), or its report.json"
OTHERS = ("report.html", "junit.xml", "samples.jsonl")
"""Files that show, if there is no report.json beside them, that the directory is another command's."""


class ProfileDirectory:
    """The directory to which `mobifai profile run` or `attach` writes its report.

    It may be new, without a report, or have the report of an earlier run.
    """

    def __init__(self, path: Path) -> None:
        """Create the directory, or accept an existing one. Raises ReportError if it has another command's report."""
        self.path = path
        self._made = make_directory(path, ADVICE)
        self._refuse_others()

    def remove_if_empty(self) -> None:
        """Remove the directory if this object created it and nothing was written."""
        remove_empty(self._made)

    def begin(self, report: ProfileReport) -> None:
        """Write the first report of this run in place of the report of an earlier run. Raises ReportError."""
        try:
            (self.path / "report.html").unlink(missing_ok=True)
        except OSError as error:
            raise ReportError(f"{self.path}: the earlier report can't be removed ({reason(error)}); {ADVICE}") from None
        self.write(report)

    def write(self, report: ProfileReport) -> None:
        """Write report.json and report.html, each complete or not at all. Raises ReportError."""
        write_whole(self.path / "report.json", encoded(report))
        write_whole(self.path / "report.html", page(report).encode())

    def _refuse_others(self) -> None:
        if (self.path / "report.json").exists():
            with suppress(OtherSchemaVersion):  # also a report of `mobifai profile`
                _read(self.path / "report.json", f"move it away, or {ADVICE}")
            return
        for name in OTHERS:
            if (self.path / name).exists():
                raise ReportError(
                    f"{self.path}: found {name}, but no report.json of `mobifai profile`, so the file may be "
                    f"another program's; {ADVICE}"
                )


def read_profile(path: Path) -> ProfileReport:
    """Return the report of `mobifai profile` in `path`, a directory or a report.json.

    Raises ReportError if there is none, or if it can't be read.
    """
    try:
        file = path / "report.json" if path.is_dir() else path
    except OSError:
        file = path  # reading it raises the reason
    return _read(file, NAME_ANOTHER)


def _read(file: Path, advice: str) -> ProfileReport:
    try:
        data = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise ReportError(f"{file}: expected the report of `mobifai profile`, found nothing; {advice}") from None
    except OSError as error:
        raise ReportError(f"{file}: can't be read ({reason(error)}); check its permissions, or {advice}") from None
    try:
        return decoded(file, data, ProfileReport, SCHEMA_VERSION)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        found = "the report of a soak run" if _is_soak(data) else f"something else ({error})"
        raise ReportError(f"{file}: expected the report of `mobifai profile`, found {found}; {advice}") from None


def _is_soak(data: bytes) -> bool:
    try:
        msgspec.json.decode(data, type=Report)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def encoded(report: ProfileReport) -> bytes:
    r"""Return a report as JSON, in the format that `read_profile` reads.

    JSON has neither NaN nor infinity, so both are written as 0. A byte that is not valid UTF-8, such as 0x80 in a file
    name, is written as `\udc80`.
    """
    clean = plain_values(msgspec.to_builtins(report))
    return msgspec.json.format(msgspec.json.encode(clean), indent=1) + b"\n"
