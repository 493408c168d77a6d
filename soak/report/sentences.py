"""The verdict in words and signs, the same in the terminal, on the page and in XML. Pure: it decides nothing."""

from collections.abc import Mapping, Sequence
from typing import Final

from soak.gauges.results import BoundResult, FindingResult, GaugeResult, Report, Verdict
from soak.report.figures import count, duration, rate

SIGNS: Final[Mapping[Verdict, str]] = {
    "held": "✓",
    "leak": "✗",
    "breach": "✗",
    "failed": "!",
    "inconclusive": "?",
    "unfinished": "…",
}
"""A sign for each verdict, for who sees no colours."""

HEADLINES: Final[Mapping[Verdict, str]] = {
    "held": "Everything held",
    "leak": "A leak was found",
    "breach": "A limit was broken",
    "failed": "The run itself failed",
    "inconclusive": "No verdict",
    "unfinished": "Unfinished",
}

_DECISIVE: Final[Mapping[Verdict, Sequence[str]]] = {
    "leak": ("growth", "rest", "canary", "process"),
    "breach": ("bound",),
    "failed": ("failure", "integrity", "harness"),
}


def sentence(report: Report) -> str:
    """The verdict as one sentence, with what it rests on."""
    return f"{headline(report)}: {_because(report)}"


def headline(report: Report) -> str:
    """A few words; the plural when there is more than one."""
    found = len(_decisive(report))
    if found > 1 and report.verdict == "leak":
        return f"{found} leaks were found"
    if found > 1 and report.verdict == "breach":
        return f"{found} limits were broken"
    return HEADLINES[report.verdict]


def unexercised(report: Report) -> list[BoundResult]:
    """Bounds that nothing filled: nothing is known about them."""
    return [bound for bound in report.bounds if not bound.exercised]


def unmeasured(report: Report) -> list[GaugeResult]:
    """Gauges that this machine could not measure."""
    return [gauge for gauge in report.gauges if gauge.verdict == "unmeasured"]


def gain(finding: FindingResult) -> str:
    """What a finding adds for each cycle and in a day; empty for one that is no growth."""
    if not finding.per_cycle and not finding.per_24h:
        return ""
    return f"{rate(finding.per_cycle, finding.unit)} a cycle, {rate(finding.per_24h, finding.unit)} in 24 h"


def ran(report: Report) -> str:
    """How much ran: `2,400 cycles in 2 min 05 s`."""
    return f"{count(report.cycles, 'cycle')} in {duration(report.duration_s)}"


def _because(report: Report) -> str:
    if report.verdict == "held":
        over = f"{count(report.cycles, 'cycle')} over {duration(report.duration_s)}"
        return f"in {over} nothing grew, no limit was passed and no byte was lost{_except(report)}."
    if found := _decisive(report):
        where = f" in {found[0].scenario}" if found[0].scenario else ""
        grown = gain(found[0])
        return f"{found[0].name}{where}{f' ({grown})' if grown else ''}; {ran(report)}."
    if report.verdict == "unfinished":
        return f"written while the run went on, which then goes on or was killed; {ran(report)} until then."
    if report.verdict != "inconclusive":
        return f"see the findings; {ran(report)}."
    why = "the run was interrupted" if report.interrupted else report.notes[0] if report.notes else "too little ran"
    return f"{why.rstrip('.')}; {ran(report)}."


def _except(report: Report) -> str:
    left = [
        f"{count(len(unexercised(report)), 'limit was', 'limits were')} not exercised" if unexercised(report) else "",
        f"{count(len(unmeasured(report)), 'gauge')} could not be measured" if unmeasured(report) else "",
    ]
    told = " and ".join(one for one in left if one)
    return f" ({told})" if told else ""


def _decisive(report: Report) -> list[FindingResult]:
    kinds = _DECISIVE.get(report.verdict, ())
    return [finding for finding in report.findings if finding.kind in kinds]
