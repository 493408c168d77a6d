"""A report as JUnit XML for CI systems. The XML is valid, whatever names are in the report."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from xml.etree import ElementTree as ET

from soak.gauges.results import BoundOutcome, BoundResult, FindingResult, GaugeResult, Report, SoakVerdict
from soak.gauges.state import Trend
from soak.report.figures import amount, counted, duration, rate
from soak.report.markup import printable
from soak.report.sentences import sentence
from soak.report.states import state_text
from soak.report.tables import traffic

CaseOutcome = Literal["passed", "failure", "error", "skipped"]

SUITE_OF: Final = {
    "bound": "bounds",
    "rest": "rest",
    "canary": "rest",
    "process": "rest",
    "growth": "gauges",
    "integrity": "scenarios",
    "failure": "scenarios",
    "harness": "harness",
}
"""The suite of each kind of finding. A finding without a case in its suite gets a case in the suite `findings`."""

VERDICTS: Final[Mapping[SoakVerdict, CaseOutcome]] = {
    "held": "passed",
    "leak": "failure",
    "breach": "failure",
    "failed": "error",
    "inconclusive": "skipped",
    "unfinished": "skipped",
}
"""The outcome of the test case that stands for the whole run, by the run's verdict."""

OUTCOMES: Final[Mapping[Trend, CaseOutcome]] = {
    Trend.FLAT: "passed",
    Trend.RISING: "failure",
    Trend.SUSPECTED: "skipped",
    Trend.UNJUDGED: "skipped",
    Trend.UNMEASURED: "skipped",
}

BOUND_OUTCOMES: Final[Mapping[BoundOutcome, CaseOutcome]] = {
    BoundOutcome.HELD: "passed",
    BoundOutcome.BROKEN: "failure",
    BoundOutcome.UNFILLED: "skipped",
}


@dataclass(frozen=True, slots=True)
class JUnitCase:
    """One test case of a JUnit document. `text` is its output, or the message of its failure."""

    suite: str
    name: str
    scenario: str = ""
    outcome: CaseOutcome = "passed"
    text: str = ""
    seconds: float = 0


def junit(report: Report) -> bytes:
    """Return the report as JUnit XML in UTF-8, with an XML declaration."""
    return document("soak", report.duration_s, cases(report))


def document(program: str, seconds: float, all_cases: Iterable[JUnitCase]) -> bytes:
    """Return an XML document with the cases of `mobifai PROGRAM`, which took `seconds`.

    The suites are in the order of their first cases.
    """
    root = ET.Element("testsuites", name=f"mobifai {program}", time=f"{seconds:.3f}")
    suites: dict[str, list[JUnitCase]] = {}
    for case in all_cases:
        suites.setdefault(case.suite, []).append(case)
    for name, members in suites.items():
        _add_suite(root, program, name, members)
    for key, number in _numbers([case for members in suites.values() for case in members]).items():
        root.set(key, number)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def cases(report: Report) -> Iterator[JUnitCase]:
    """Yield a test case for every result of a report, with the findings that concern it."""
    left = list(report.findings)
    yield _run(report)
    for case in _measured(report):
        about = [finding for finding in report.findings if _concerns(finding, case)]
        left = [finding for finding in left if finding not in about]
        yield _with_findings(case, about)
    for finding in left:
        yield _with_findings(JUnitCase("findings", f"{finding.kind}: {finding.name}", finding.scenario), [finding])


def _run(report: Report) -> JUnitCase:
    return JUnitCase("run", "verdict", "", VERDICTS[report.verdict], sentence(report), report.duration_s)


def _measured(report: Report) -> Iterator[JUnitCase]:
    for scenario in report.scenarios:
        ran = f"{counted(scenario.counts)}; {traffic(scenario.traffic)}"
        text = f"{state_text(scenario)}; {ran}"
        yield JUnitCase("scenarios", scenario.name, scenario.name, OUTCOMES[scenario.state], text, scenario.duration_s)
    for bound in report.bounds:
        yield JUnitCase("bounds", bound.name, "", BOUND_OUTCOMES[bound.state], _bound(bound))
    for rest in report.rest:
        both = f"{amount(rest.before, rest.unit)} before, {amount(rest.after, rest.unit)} after"
        yield JUnitCase("rest", rest.name, rest.scenario, OUTCOMES[rest.state], f"{state_text(rest)}; {both}")
    for suite, gauges in (("gauges", report.gauges), ("harness", report.harness)):
        yield from (_gauge(suite, gauge) for gauge in gauges)


def _gauge(suite: str, gauge: GaugeResult) -> JUnitCase:
    unit = "round" if suite == "harness" else "cycle"
    rise = "" if gauge.per_cycle is None else f"; {rate(gauge.per_cycle, gauge.unit)} a {unit}"
    return JUnitCase(suite, gauge.name, gauge.scenario, OUTCOMES[gauge.state], f"{state_text(gauge)}{rise}")


def _bound(bound: BoundResult) -> str:
    peak = f"the peak was {amount(bound.peak, bound.unit)} of {amount(bound.capacity, bound.unit)}"
    reason = f" ({bound.why})" if bound.why else ""
    return peak if bound.exercised else f"not filled{reason}: {peak}"


def _concerns(finding: FindingResult, case: JUnitCase) -> bool:
    if SUITE_OF.get(finding.kind) != case.suite:
        return False
    if case.suite == "scenarios":
        return finding.scenario == case.scenario
    if case.suite == "harness":
        return finding.name.partition(":")[0] == case.name  # the cases of this suite are families
    return finding.name == case.name and (not case.scenario or finding.scenario == case.scenario)


def _with_findings(case: JUnitCase, about: list[FindingResult]) -> JUnitCase:
    if not about:
        return case
    outcome: CaseOutcome = "error" if any(one.kind in ("failure", "integrity") for one in about) else "failure"
    text = "\n".join(_about(one) for one in about)
    return JUnitCase(case.suite, case.name, case.scenario, outcome, text, case.seconds)


def _about(finding: FindingResult) -> str:
    replay = f"; reproduce it with: {finding.replay}" if finding.replay else ""
    return f"{finding.detail}{replay}"


def _add_suite(root: ET.Element, program: str, name: str, members: list[JUnitCase]) -> None:
    seconds = sum(case.seconds for case in members)
    suite = ET.SubElement(root, "testsuite", {"name": name, "time": f"{seconds:.3f}", **_numbers(members)})
    for case in members:
        named = printable(f"{case.name} ({case.scenario})" if case.scenario not in ("", case.name) else case.name)
        element = ET.SubElement(
            suite, "testcase", classname=f"{program}.{name}", name=named, time=f"{case.seconds:.3f}"
        )
        if case.outcome == "passed":
            ET.SubElement(element, "system-out").text = printable(case.text or f"took {duration(case.seconds)}")
        else:
            outcome = ET.SubElement(element, case.outcome, message=printable(case.text))
            outcome.text = printable(case.text)


def _numbers(members: Iterable[JUnitCase]) -> dict[str, str]:
    found = Counter(case.outcome for case in members)
    return {
        "tests": str(found.total()),
        "failures": str(found["failure"]),
        "errors": str(found["error"]),
        "skipped": str(found["skipped"]),
    }
