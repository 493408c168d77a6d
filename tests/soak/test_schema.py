"""The JSON documents of soak: they are valid by docs/schemas, whatever the report is. Other schema versions are
refused.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from soak.gauges.results import EXIT_STATUS, SCHEMA_VERSION
from soak.report.comparison import compare
from soak.report.directory import OtherSchema, ReportDirectory, encoded, read_report
from soak.report.schema import schemas, written
from tests.soak import sample_reports

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def validator(name: str) -> Draft202012Validator:
    """Return a validator for the schema in the documentation."""
    schema: dict[str, Any] = json.loads((SCHEMAS / name).read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_schemas_in_the_documentation_are_those_of_the_code(name: str) -> None:
    reported = "renew them: python -m soak.report.schema docs/schemas"
    assert (SCHEMAS / name).read_bytes() == written(schemas()[name]), reported


@pytest.mark.parametrize("verdict", sorted(EXIT_STATUS))
@pytest.mark.parametrize("report", [sample_reports.held(20), sample_reports.leaking(20)], ids=["held", "leaking"])
def test_reports_of_every_verdict_are_of_their_schema(report: Any, verdict: str) -> None:
    written_ = encoded(msgspec.structs.replace(report, verdict=verdict))
    validator("soak-report.json").validate(json.loads(written_))
    assert json.loads(written_)["schema_version"] == SCHEMA_VERSION


@settings(max_examples=20)
@given(st.text(max_size=20))
def test_reports_with_any_names_are_of_their_schema(name: str) -> None:
    validator("soak-report.json").validate(json.loads(encoded(sample_reports.hostile(name))))


def test_a_comparison_is_of_its_schema() -> None:
    found = compare(sample_reports.held(20), sample_reports.leaking(20))
    validator("soak-compare.json").validate(json.loads(msgspec.json.encode(found)))


@pytest.mark.parametrize("change", [{"verdict": "green"}, {"schema_version": 2}, {"schema_version": None}])
def test_a_report_of_another_form_is_not_of_the_schema(change: dict[str, object]) -> None:
    reported = {**json.loads(encoded(sample_reports.held(20))), **change}
    assert not validator("soak-report.json").is_valid({key: one for key, one in reported.items() if one is not None})


@pytest.mark.parametrize(
    ("version", "said"),
    [(None, "found no schema version, as an older version writes it; run it again"),
     (99, "found schema version 99, as a newer version writes it; read it with the version that wrote it")],
)  # fmt: skip
def test_a_report_of_another_schema_version_is_refused_and_its_directory_is_taken_over(
    tmp_path: Path, version: int | None, said: str
) -> None:
    reported = {**json.loads(encoded(sample_reports.held(20))), "schema_version": version, "gauges": "of another form"}
    (tmp_path / "report.json").write_text(json.dumps({key: one for key, one in reported.items() if one is not None}))
    with pytest.raises(OtherSchema, match=said):
        read_report(tmp_path)
    ReportDirectory(tmp_path).write(sample_reports.held(20))
    assert read_report(tmp_path).verdict == "held"
