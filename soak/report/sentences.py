"""The verdict of a soak run as sentences and signs, for all formats of its report."""

from collections.abc import Mapping, Sequence
from typing import Final

from soak.gauges.results import ATTACHED, FindingResult, Installed, Product, Report, SoakVerdict
from soak.gauges.state import Trend
from soak.report.figures import count, counted, duration, projection, rate
from soak.report.states import by_reason, state_text, unfilled, unknown

SIGNS: Final[Mapping[SoakVerdict, str]] = {
    "held": "✓",
    "leak": "✗",
    "breach": "✗",
    "failed": "!",
    "inconclusive": "?",
    "unfinished": "…",
}
"""A sign for each verdict, for output without colours."""

HEADLINES: Final[Mapping[SoakVerdict, str]] = {
    "held": "Everything held",
    "leak": "A leak was found",
    "breach": "A limit was broken",
    "failed": "The run itself failed",
    "inconclusive": "No verdict",
    "unfinished": "Unfinished",
}

INSTALLED: Final[Mapping[Installed, str]] = {
    Installed.CHECKOUT: "run from a git checkout",
    Installed.EDITABLE: "run from a directory without git (an editable installation)",
    Installed.REPOSITORY: "installed from a repository",
    Installed.ARCHIVE: "installed from a wheel or an archive",
    Installed.DIRECTORY: "installed from a directory",
    Installed.INDEX: "installed from a package index",
    Installed.UNKNOWN: "installed in an unknown way",
}

MOST_REASONS: Final = 4

_DECISIVE: Final[Mapping[SoakVerdict, Sequence[str]]] = {
    "leak": ("growth", "rest", "canary", "process"),
    "breach": ("bound",),
    "failed": ("failure", "integrity", "harness"),
}


def sentence(report: Report) -> str:
    """Return the verdict of a report as one sentence: the headline, and the facts on which it is based."""
    return f"{headline(report)}: {_because(report)}"


def headline(report: Report) -> str:
    """Return the verdict in a few words."""
    found = len(_decisive(report))
    if found > 1 and report.verdict == "leak":
        return f"{found} leaks were found"
    if found > 1 and report.verdict == "breach":
        return f"{found} limits were broken"
    return HEADLINES[report.verdict]


def gain(finding: FindingResult) -> str:
    """Return the growth of a finding for each cycle and in a day; an empty text for a finding that is not growth."""
    if not finding.per_cycle and not finding.per_24h:
        return ""
    each = cycle_word(finding.scenario == ATTACHED)
    return f"{rate(finding.per_cycle, finding.unit)} a {each}, {projection(finding.per_24h, finding.unit)} in 24 h"


def cycle_word(is_watch: bool) -> str:
    """Return the noun for what a run counts: `sample` for a run that watches an agent, otherwise `cycle`."""
    return "sample" if is_watch else "cycle"


def ran(report: Report) -> str:
    """Return how much a run did, and for how long: `160 judged cycles, 40 warm-up cycles in 2 min 05 s`."""
    return f"{counted(report.counts, cycle_word(report.is_watch))} in {duration(report.duration_s)}"


def undecided(report: Report) -> list[str]:
    """Return the reasons why there is no verdict: `terminals was not judged: too few blocks (3 of 8 needed)`."""
    reasons = ["the run was interrupted"] if report.interrupted else []
    begun = {one.name for one in report.scenarios}
    reasons += [f"{name} was not judged: it had not begun" for name in planned(report) if name not in begun]
    return reasons + [f"{one.name} was {state_text(one)}" for one in report.scenarios if one.state is not Trend.FLAT]


def planned(report: Report) -> list[str]:
    """Return the names of the requested scenarios. The list is empty if the report has no plan or is about a watched
    agent.
    """
    plan = report.environment.get("plan")
    names = plan.get("scenarios") if isinstance(plan, dict) and not report.is_watch else None
    return [str(name) for name in names] if isinstance(names, list | tuple) else []


def harness_text(report: Report) -> str:
    """Return a sentence on the growth of the harness itself. Most of its gauges are judged only in long runs."""
    rising = [gauge.name for gauge in report.harness if gauge.state is Trend.RISING]
    judged = [gauge.name for gauge in report.harness if gauge.state.is_judged]
    if rising:
        return f"the harness itself grew: {', '.join(rising)}"
    if judged:
        return f"the harness itself did not grow ({', '.join(judged)})"
    words = max(by_reason(report.harness).items(), key=lambda one: len(one[1]))[0]
    return f"the harness itself (not part of the verdict): {words}"


def product_text(product: Product) -> str:
    """Return version and commit: `0.1.0, commit 0123456789ab with uncommitted changes, run from a git checkout`."""
    commit = f"commit {product.commit[:12]}" if product.commit else "unknown commit"
    changes = " with uncommitted changes" if product.dirty else ""
    return f"{product.version or 'version not known'}, {commit}{changes}, {INSTALLED[product.installed]}"


def _because(report: Report) -> str:
    if report.verdict == "held":
        over = f"{count(report.cycles, f'judged {cycle_word(report.is_watch)}')} over {duration(report.duration_s)}"
        return f"in {over} nothing grew, no limit was exceeded and {_bytes(report)}{_except(report)}."
    if found := _decisive(report):
        where = f" in {found[0].scenario}" if found[0].scenario else ""
        grown = gain(found[0])
        return f"{found[0].name}{where}{f' ({grown})' if grown else ''}; {ran(report)}."
    if report.verdict == "unfinished":
        return f"this report was written during the run, which continues or was killed; {ran(report)} so far."
    if report.verdict != "inconclusive":
        return f"see the findings; {ran(report)}."
    reasons = undecided(report) or report.notes[:1] or ["the run was too short"]
    more = f"; and {len(reasons) - MOST_REASONS} more reasons" if len(reasons) > MOST_REASONS else ""
    return f"{'; '.join(reason.rstrip('.') for reason in reasons[:MOST_REASONS])}{more}; {ran(report)}."


def _bytes(report: Report) -> str:
    return "no byte was lost" if report.traffic.bytes_received else "no bytes were exchanged"


def _except(report: Report) -> str:
    idle, blind = len(unfilled(report)), sum(map(len, unknown(report).values()))
    left = [
        f"{count(idle, 'limit was', 'limits were')} not filled" if idle else "",
        f"{count(blind, 'gauge was', 'gauges were')} not judged" if blind else "",
    ]
    words = " and ".join(one for one in left if one)
    return f" ({words})" if words else ""


def _decisive(report: Report) -> list[FindingResult]:
    kinds = _DECISIVE.get(report.verdict, ())
    return [finding for finding in report.findings if finding.kind in kinds]
