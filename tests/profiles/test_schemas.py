"""The JSON of profile and gate matches docs/schemas for any report."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from profiles.comparison import compare
from profiles.gate.report_files import GateDirectory, read_gate
from profiles.gate.report_files import encoded as encoded_gate
from profiles.report.directory import ProfileDirectory, encoded
from profiles.report.schema import schemas
from profiles.results import ProfileReport
from soak.report.files import ReportError
from soak.report.schema import written
from tests.profiles import sample_profiles as samples
from tests.profiles.sample_gates import gate_report

EASY = settings(max_examples=30)
SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"


def validator(name: str) -> Draft202012Validator:
    """Return the schema in the documentation."""
    schema: dict[str, Any] = json.loads((SCHEMAS / name).read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_schemas_in_the_documentation_are_those_of_the_code(name: str) -> None:
    reported = "renew them: python -m profiles.report.schema docs/schemas"
    assert (SCHEMAS / name).read_bytes() == written(schemas()[name]), reported


@EASY
@given(samples.reports)
def test_every_report_of_an_investigation_is_of_its_schema(report: ProfileReport) -> None:
    validator("profile-report.json").validate(json.loads(encoded(report)))


@EASY
@given(samples.reports, samples.reports)
def test_every_comparison_is_of_its_schema(before: ProfileReport, after: ProfileReport) -> None:
    validator("profile-compare.json").validate(json.loads(msgspec.json.encode(compare(before, after))))


@pytest.mark.parametrize("verdict", ["passed", "grown", "failed", "inconclusive"])
def test_every_report_of_a_gate_is_of_its_schema(verdict: str) -> None:
    validator("gate-report.json").validate(json.loads(encoded_gate(gate_report(verdict=verdict))))


@pytest.mark.parametrize("change", [{"verdict": "green"}, {"schema_version": 99}, {"schema_version": None}])
def test_a_report_of_another_form_is_not(change: dict[str, object]) -> None:
    for name, report in (
        ("profile-report.json", encoded(samples.found())),
        ("gate-report.json", encoded_gate(gate_report())),
    ):
        reported = {**json.loads(report), **change}
        reported = {key: value for key, value in reported.items() if value is not None}
        assert not validator(name).is_valid(reported)


def test_the_report_of_another_command_is_never_taken_for_one_of_another_version(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(encoded(msgspec.structs.replace(samples.found(), schema_version=99)))
    with pytest.raises(ReportError, match="found something else"):
        GateDirectory(tmp_path)
    (tmp_path / "report.json").write_bytes(encoded_gate(gate_report(schema_version=99)))
    with pytest.raises(ReportError, match="found something else"):
        ProfileDirectory(tmp_path)


def test_a_gate_of_another_schema_version_is_refused_and_its_directory_is_taken_over(tmp_path: Path) -> None:
    GateDirectory(tmp_path).write(gate_report(schema_version=99))
    with pytest.raises(ReportError, match="expected a report of schema version 2, found 99"):
        read_gate(tmp_path)
    GateDirectory(tmp_path).write(gate_report())
    assert read_gate(tmp_path) == gate_report()
