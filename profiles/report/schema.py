"""JSON schemas of the reports of `mobifai profile`, and the check of a report's schema version.

python -m profiles.report.schema docs/schemas      # write the schemas
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from soak.report.files import ReportError
from soak.report.schema import schema_of, write_all

T = TypeVar("T")


class OtherSchemaVersion(ReportError):
    """The report is of the expected kind, but has another schema version than this MobiFai reads."""


class _Versioned(msgspec.Struct):
    """The field with the schema version, for reading it without the rest of a report. None in the oldest reports."""

    schema_version: int | None = None


def decoded(file: Path, data: bytes, form: type[T], version: int) -> T:
    """Return the report, of the type `form`, that is encoded in `data`, the contents of `file`.

    Raises OtherSchemaVersion, and what `msgspec.json.decode` raises.
    """
    found = msgspec.json.decode(data, type=_Versioned).schema_version
    if found is not None and found != version and _has_required_fields(data, form):
        raise _other(file, version, str(found))
    report = msgspec.json.decode(data, type=form)
    if found is None:
        raise _other(file, version, "none (the report is older than the first version)")
    return report


def _has_required_fields(data: bytes, form: type) -> bool:
    """Return whether a JSON object has all required fields of the type `form`, whatever its schema version."""
    required = {one.encode_name for one in msgspec.structs.fields(form) if one.required}
    return required <= {*msgspec.json.decode(data, type=dict[str, msgspec.Raw])}


def _other(file: Path, version: int, found: str) -> OtherSchemaVersion:
    return OtherSchemaVersion(
        f"{file}: expected a report of schema version {version}, found {found}; read it with the MobiFai that "
        "wrote it, or run the command again with this one"
    )


def schemas() -> Mapping[str, dict[str, Any]]:
    """Return the schemas of all JSON documents that `mobifai profile` writes, by file name of the schema."""
    from profiles.comparison import ProfileComparison  # noqa: PLC0415 - these write reports themselves
    from profiles.gate.results import GateReport  # noqa: PLC0415
    from profiles.heap_results import HeapReport  # noqa: PLC0415
    from profiles.results import ProfileReport  # noqa: PLC0415

    titles: Final[dict[str, tuple[Any, str]]] = {
        "profile-report.json": (ProfileReport, "report.json of `mobifai profile run` and `attach`"),
        "profile-compare.json": (ProfileComparison, "`mobifai profile compare --json`"),
        "profile-heap.json": (HeapReport, "`mobifai profile heap --json`"),
        "gate-report.json": (GateReport, "report.json of `mobifai profile gate`"),
    }
    return {name: schema_of(type_, title) for name, (type_, title) in titles.items()}


if __name__ == "__main__":
    write_all(Path(sys.argv[1]), schemas())
