"""Makes the JSON schemas of the reports of `mobifai profile`, and checks the schema version when a report is read.

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
    """The report is of the expected kind, but its schema version is not the one that this MobiFai reads."""


class _Versioned(msgspec.Struct):
    """Reads the schema version of a report without the rest of it. The oldest reports have none."""

    schema_version: int | None = None


def decoded(file: Path, data: bytes, form: type[T], version: int) -> T:
    """Return the report, of the type `form`, that is encoded as JSON in `data`.

    `file` is the file with these contents, for error messages. `version` is the schema version that is accepted. Raises
    OtherSchemaVersion for another version, and the errors of `msgspec.json.decode` for other contents.
    """
    found = msgspec.json.decode(data, type=_Versioned).schema_version
    if found is not None and found != version and _has_required_fields(data, form):
        raise _other(file, version, str(found))
    report = msgspec.json.decode(data, type=form)
    if found is None:
        raise _other(file, version, "none (the report is older than the first version)")
    return report


def _has_required_fields(data: bytes, form: type) -> bool:
    """Return whether a JSON object has all fields that the struct `form` requires, whatever the schema version."""
    required = {one.encode_name for one in msgspec.structs.fields(form) if one.required}
    return required <= {*msgspec.json.decode(data, type=dict[str, msgspec.Raw])}


def _other(file: Path, version: int, found: str) -> OtherSchemaVersion:
    return OtherSchemaVersion(
        f"{file}: expected a report of schema version {version}, found {found}; read it with the MobiFai that "
        "wrote it, or run the command again with this one"
    )


def schemas() -> Mapping[str, dict[str, Any]]:
    """Return the JSON schemas of all documents that `mobifai profile` writes, by the schema's file name."""
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
