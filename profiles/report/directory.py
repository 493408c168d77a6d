"""The directory of a hunt's report: what is in it, whose it is, and what goes in whole."""

from contextlib import suppress
from pathlib import Path

import msgspec

from profiles.report.html import page
from profiles.report.schema import OtherSchemaVersion, decoded
from profiles.results import SCHEMA_VERSION, ProfileReport
from soak.gauges.results import Report
from soak.report.files import ReportError, make_directory, plain_values, reason, remove_empty, write_whole

ADVICE = "name an empty or new directory with --report"
NAME_ANOTHER = "name the directory that a hunt wrote (its --report DIR), or its report.json"
OTHERS = ("report.html", "junit.xml", "samples.jsonl")
"""What other programs write; without a report.json it is theirs. A soak run that is under way has the last one."""


class ProfileDirectory:
    """A directory that is ours: new, empty of our names, or one of an earlier hunt."""

    def __init__(self, path: Path) -> None:
        """Make it with its parents, or take it over. Raises ReportError for one that belongs to something else."""
        self.path = path
        self._made = make_directory(path, ADVICE)
        self._refuse_others()

    def remove_if_empty(self) -> None:
        """Remove it where this object made it and nothing was written."""
        remove_empty(self._made)

    def begin(self, report: ProfileReport) -> None:
        """Replace the report of an earlier run before this one begins. Raises ReportError."""
        try:
            (self.path / "report.html").unlink(missing_ok=True)
        except OSError as error:
            raise ReportError(f"{self.path}: can't be cleared ({reason(error)}); {ADVICE}") from None
        self.write(report)

    def write(self, report: ProfileReport) -> None:
        """Write both files, each whole or not at all. Raises ReportError."""
        write_whole(self.path / "report.json", encoded(report))
        write_whole(self.path / "report.html", page(report).encode())

    def _refuse_others(self) -> None:
        if (self.path / "report.json").exists():
            with suppress(OtherSchemaVersion):  # it is ours all the same
                _read(self.path / "report.json", f"move it away, or {ADVICE}")
            return
        for name in OTHERS:
            if (self.path / name).exists():
                told = f"{self.path}: found {name} without a report.json of `mobifai profile`; {ADVICE}"
                raise ReportError(told)


def read_profile(path: Path) -> ProfileReport:
    """The report in a directory, or in a report.json. Raises ReportError when there is none, or it is not one."""
    try:
        file = path / "report.json" if path.is_dir() else path
    except OSError:
        file = path  # reading it says why
    return _read(file, NAME_ANOTHER)


def _read(file: Path, advice: str) -> ProfileReport:
    try:
        data = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise ReportError(f"{file}: expected the report of `mobifai profile`, found nothing; {advice}") from None
    except OSError as error:
        raise ReportError(f"{file}: can't be read ({reason(error)}); see who may read it, or {advice}") from None
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
    r"""A report as JSON that `read_profile` takes back.

    JSON has no NaN and no infinity: they are written as 0. Text that is no Unicode is written with its bytes as
    `\udc80`.
    """
    clean = plain_values(msgspec.to_builtins(report))
    return msgspec.json.format(msgspec.json.encode(clean), indent=1) + b"\n"
