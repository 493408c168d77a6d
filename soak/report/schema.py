"""JSON schemas of the documents that `mobifai soak` writes.

python -m soak.report.schema docs/schemas      # writes them
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> Mapping[str, dict[str, Any]]:
    """Return the schema of each document, by file name."""
    from soak.gauges.results import Report  # noqa: PLC0415 - pure, but the reports' own writers import this module
    from soak.report.comparison import ReportComparison  # noqa: PLC0415

    return {
        "soak-report.json": schema_of(Report, "report.json of `mobifai soak`"),
        "soak-compare.json": schema_of(ReportComparison, "`mobifai soak compare --json`"),
    }


def schema_of(type_: Any, title: str) -> dict[str, Any]:
    """Return the JSON schema of a report type that has a `schema_version`."""
    (found,), definitions = msgspec.json.schema_components([type_], ref_template="#/$defs/{name}")
    form = definitions[type_.__name__]
    form["properties"]["schema_version"] = {"const": _version(type_)}
    form["required"].append("schema_version")
    return {"$schema": DIALECT, "title": title, **found, "$defs": definitions}


def written(schema: Mapping[str, Any]) -> bytes:
    """Return the content of a schema's file."""
    return msgspec.json.format(msgspec.json.encode(schema), indent=1) + b"\n"


def write_all(folder: Path, all_: Mapping[str, Mapping[str, Any]]) -> None:
    """Write each schema to its file in `folder`. Create the folder if needed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in all_.items():
        (folder / name).write_bytes(written(schema))


def _version(type_: Any) -> int:
    return next(int(field.default) for field in msgspec.structs.fields(type_) if field.name == "schema_version")


if __name__ == "__main__":
    write_all(Path(sys.argv[1]), schemas())
