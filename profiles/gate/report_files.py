"""Writes the gate's report: report.json, report.md and junit.xml in a directory, and annotations for GitHub."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from profiles.gate.results import SCHEMA_VERSION, FigureRow, GateCoverage, GateReport
from profiles.gate.side_text import describe_sides
from profiles.gate.table import headline, markdown
from profiles.report.locations import short_path
from profiles.report.schema import OtherSchemaVersion, decoded
from profiles.results import not_judged
from soak.gauges.results import FindingResult
from soak.report.figures import amount, count, rate
from soak.report.files import ReportError, make_directory, plain_values, reason, remove_empty, write_whole
from soak.report.github import annotation
from soak.report.junit import CaseOutcome, JUnitCase, document

ADVICE: Final = "name an empty or new directory with --report"
FILES: Final = ("report.json", "report.md", "junit.xml")


class GateDirectory:
    """The directory to which the gate writes its report.

    It may be new, without a report, or have the report of an earlier run of the gate.
    """

    def __init__(self, path: Path) -> None:
        """Create the directory, or accept an existing one. Raises ReportError if it has another command's report."""
        self.path = path
        self._made = make_directory(path, ADVICE)
        if (path / FILES[0]).exists():
            with suppress(OtherSchemaVersion):  # also a report of the gate
                read_gate(path)
        elif others := [name for name in FILES if (path / name).exists()]:
            raise ReportError(
                f"{path}: found {others[0]}, but no report.json of `mobifai profile gate`, so the file may be "
                f"another program's; {ADVICE}"
            )

    def remove_if_empty(self) -> None:
        """Remove the directory if this object created it and nothing was written."""
        remove_empty(self._made)

    def begin(self, report: GateReport) -> None:
        """Write the first report of this run in place of the report of an earlier run. Raises ReportError."""
        try:
            for name in FILES[1:]:  # report.json stays until it is replaced: it marks the directory as the gate's
                (self.path / name).unlink(missing_ok=True)
        except OSError as error:
            raise ReportError(f"{self.path}: the earlier report can't be removed ({reason(error)}); {ADVICE}") from None
        self.write(report)

    def write(self, report: GateReport) -> None:
        """Write report.json, report.md and junit.xml, each complete or not at all. Raises ReportError."""
        write_whole(self.path / "report.json", encoded(report))
        write_whole(self.path / "report.md", markdown(report).encode())
        write_whole(self.path / "junit.xml", junit(report))


def read_gate(path: Path) -> GateReport:
    """Return the gate's report in the directory `path`. Raises ReportError if there is none, or if it can't be read."""
    file = path / "report.json"
    try:
        return decoded(file, file.read_bytes(), GateReport, SCHEMA_VERSION)
    except OSError as error:
        raise ReportError(f"{file}: can't be read ({reason(error)}); {ADVICE}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(
            f"{file}: expected the report of `mobifai profile gate`, found something else ({error}); {ADVICE}"
        ) from None


def encoded(report: GateReport) -> bytes:
    """Return a report as JSON, in the format that `read_gate` reads."""
    return msgspec.json.format(msgspec.json.encode(plain_values(msgspec.to_builtins(report))), indent=1) + b"\n"


# -- JUnit


def junit(report: GateReport) -> bytes:
    """Return a report as JUnit XML.

    It has a test case for the verdict, the compared sides, each figure, each scenario, each finding, and each thing
    that was not judged.
    """
    return document("gate", report.duration_s, _cases(report))


def _cases(report: GateReport) -> Iterator[JUnitCase]:
    verdicts: dict[str, CaseOutcome] = {"passed": "passed", "grown": "failure", "failed": "error"}
    yield JUnitCase("run", "verdict", "", verdicts.get(report.verdict, "skipped"), _why(report), report.duration_s)
    yield JUnitCase("run", "what was compared", text="\n".join(describe_sides(report)))
    for row in report.rows:
        outcomes: dict[str, CaseOutcome] = {"grown": "failure", "unjudged": "skipped"}
        yield JUnitCase("at rest", row.name, "", outcomes.get(row.verdict, "passed"), _about(row))
    for one in report.checked:
        yield _scenario(one, report)
    for left in report.unjudged:
        yield JUnitCase("not judged", left.what, "", "skipped", f"not judged: {left.why}")
    for finding in report.findings:
        outcome: CaseOutcome = "error" if finding.kind in ("failure", "integrity") else "failure"
        again = f"; reproduce it with: {finding.replay}" if finding.replay else ""
        yield JUnitCase(
            "findings", f"{finding.kind}: {finding.name}", finding.scenario, outcome, f"{finding.detail}{again}"
        )


def _scenario(one: GateCoverage, report: GateReport) -> JUnitCase:
    rising = [found for found in report.findings if found.scenario == one.scenario]
    text = f"{count(one.gauges, 'gauge')} judged over {count(one.cycles, 'cycle')}"
    found = "; ".join(f"{finding.name}: {finding.detail}" for finding in rising)
    return JUnitCase("scenarios", one.scenario, one.scenario, "failure" if rising else "passed", found or text)


def _about(row: FigureRow) -> str:
    if row.base is None or row.now is None or row.allowed is None:
        return f"not judged: {row.note}"
    change = (
        f"{amount(row.base, row.unit)} before, {amount(row.now, row.unit)} now ({rate(row.now - row.base, row.unit)})"
    )
    return f"{row.summary}: {change}, {rate(row.allowed - row.base, row.unit)} allowed; {row.note}".rstrip("; ")


# -- annotations


def annotations(report: GateReport) -> Iterator[str]:
    """Yield GitHub workflow commands: an annotation for each line that grows, and for a verdict other than `passed`."""
    for culprit in report.culprits:
        title, held = f"{culprit.what or culprit.kind} grows", culprit.retained_by or "an unknown object"
        yield annotation("error", title, f"held by {held}; {culprit.replay}", short_path(culprit.file), culprit.line)
    for line in report.lines:
        message = f"{rate(line.more_bytes, 'bytes')} that the base does not have; {line.why}".rstrip("; ")
        yield annotation("error", "more memory at rest", message, line.file, line.line)
    if report.verdict != "passed":
        yield annotation("error" if report.verdict in ("grown", "failed") else "warning", "memory gate", _why(report))


def _why(report: GateReport) -> str:
    found = [_sentence(one) for one in report.findings] + [f"{row.name}: {_about(row)}" for row in report.grown]
    left = [f"{not_judged(one)}." for one in report.unjudged[1:]]
    steps = [f"{step.what}: {step.command}".removesuffix(": ") for step in report.next_steps]
    return " ".join([headline(report), *found, *left, *report.notes, *steps])


def _sentence(finding: FindingResult) -> str:
    return f"{finding.scenario}: {finding.detail}." if finding.scenario else f"{finding.detail}."
