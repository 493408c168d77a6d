"""The directory of a hunt's report: what is in it, whose it is, and what goes in whole."""

from pathlib import Path

import msgspec

from profiles.report.html import page
from profiles.results import ProfileReport
from soak.report.files import ReportError, reason, write_whole

ADVICE = "name an empty or new directory with --report"


class ProfileDirectory:
    """A directory that is ours: new, empty of our names, or one of an earlier hunt."""

    def __init__(self, path: Path) -> None:
        """Make it with its parents, or take it over. Raises ReportError for one that belongs to something else."""
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise ReportError(f"{path}: expected a directory, found a file in the way; {ADVICE}") from None
        except OSError as error:
            raise ReportError(f"{path}: can't be made ({reason(error)}); {ADVICE}") from None
        if (path / "report.json").exists():
            read_profile(path)
        elif (path / "report.html").exists():
            raise ReportError(f"{path}: found report.html without a report.json of `mobifai profile`; {ADVICE}")

    def write(self, report: ProfileReport) -> None:
        """Write both files, each whole or not at all. Raises ReportError."""
        write_whole(self.path / "report.json", encoded(report))
        write_whole(self.path / "report.html", page(report).encode())


def encoded(report: ProfileReport) -> bytes:
    """A report as JSON that `read_profile` takes back. Text that is no Unicode is written with its bytes escaped."""
    clean = _clean(msgspec.to_builtins(report))
    return msgspec.json.format(msgspec.json.encode(clean), indent=1) + b"\n"


def _clean(value: object) -> object:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_clean(key): _clean(one) for key, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list | tuple) else value


def read_profile(path: Path) -> ProfileReport:
    """The report in a directory, or in a report.json. Raises ReportError when there is none, or it is not one."""
    file = path / "report.json" if path.is_dir() else path
    try:
        return msgspec.json.decode(file.read_bytes(), type=ProfileReport)
    except (FileNotFoundError, NotADirectoryError):
        raise ReportError(f"{path}: expected the report of `mobifai profile`, found none; name the directory that a "
                          "hunt wrote (its --report DIR)") from None  # fmt: skip
    except OSError as error:
        raise ReportError(f"{file}: can't be read ({reason(error)}); see who may read it") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        kind = "the report of a soak run" if _is_soak(file) else f"something else ({error})"
        raise ReportError(f"{file}: expected the report of `mobifai profile`, found {kind}; {ADVICE}") from None


def _is_soak(file: Path) -> bool:
    from soak.report.directory import read_report  # noqa: PLC0415 - only to say what it is

    try:
        read_report(file.parent)
    except ReportError:
        return False
    return True
