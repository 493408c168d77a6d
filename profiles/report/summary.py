"""Formats a profile report as text for the terminal: culprits, what holds memory, and the next commands. Pure."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.text import Text

from profiles.report.locations import location_text, rate_text
from profiles.results import (
    EVERYTHING,
    CodeLocation,
    Culprit,
    DoseResult,
    FindingOutcome,
    Overhead,
    ProfileReport,
    ProfileVerdict,
    ScenarioCoverage,
    Unattributed,
    Unjudged,
    not_judged,
    step_of,
)
from soak.gauges.gauge import AGENT
from soak.gauges.results import Installed, Product
from soak.report.figures import byte_count, count, duration, number, rate
from soak.report.text import one_line
from soak.shell_quoting import quoted

SIGNS: dict[ProfileVerdict, str] = {"clean": "✓", "found": "✗", "failed": "!", "inconclusive": "?", "unfinished": "?"}
STYLES: dict[ProfileVerdict, str] = {"clean": "bold green", "found": "bold red", "failed": "bold red"}
HEADLINES: dict[ProfileVerdict, str] = {
    "clean": "Nothing grows",
    "failed": "The run itself failed",
    "inconclusive": "No verdict",
    "unfinished": "No verdict yet: the run continues, or was killed",
}
INSTALLED: dict[Installed, str] = {
    Installed.CHECKOUT: "run from its checkout",
    Installed.EDITABLE: "installed as editable, from a source tree without git",
    Installed.REPOSITORY: "installed from a repository",
    Installed.ARCHIVE: "installed from a wheel or an archive",
    Installed.DIRECTORY: "installed from a directory",
    Installed.INDEX: "installed from a package index",
    Installed.UNKNOWN: "installed in an unknown way",
}
FATES = {"explained": "✓", "unattributed": "?", "not_reproduced": "?", "unjudged": "?"}
MOST_CULPRITS = 20
MOST_LINES = 8
MOST_PLACES = 4
NOBODY = "an unknown object"
"""Shown in place of the path if it is unknown what holds the memory."""

StyledLine = tuple[str, str]


def summary(report: ProfileReport, place: Path | None = None) -> Text:
    """Return the report as styled text for a terminal. `place` is the path of the HTML page to name, if any.

    Lines are neither wrapped nor cut, so that commands can be copied.
    """
    text = Text(no_wrap=True, overflow="ignore")
    for line, style in _lines(report, place):
        text.append(one_line(line) + "\n", style)
    text.rstrip()
    return text


def headline(report: ProfileReport) -> str:
    """Return the verdict of a report in a few words."""
    culprits, gauges = count(len(report.culprits), "culprit"), count(len(report.unattributed), "gauge")
    if report.verdict == "clean":
        return f"{HEADLINES['clean']}{_where(report)}"
    if report.verdict != "found":
        by_then = f", {culprits} by then" if report.culprits else ""
        return f"{HEADLINES[report.verdict]}{by_then}{_because(report)}"
    if not report.culprits:
        return f"Memory grows ({gauges}), but no line can be named"
    return f"{culprits} found" + (f", {gauges} without a culprit" if report.unattributed else "")


def _where(report: ProfileReport) -> str:
    """Return the text that names the judged scenarios in the headline, because `clean` applies only to them.

    It is empty for `attach`.
    """
    names = [one.scenario for one in report.scenarios]
    return f" in {', '.join(names)}" if names and report.mode != "attach" else ""


def _because(report: ProfileReport) -> str:
    """Return the first reason why the verdict is `inconclusive`, or an empty text for another verdict."""
    if report.verdict != "inconclusive":
        return ""
    missed = [one for one in report.soak_findings if one.state == "not_reproduced"]
    reasons = [f": {not_judged(one)}" for one in report.unjudged]
    reasons += [f": {one.name} in {one.scenario}, which soak found, did not rise in this run" for one in missed]
    return one_line(next(iter(reasons), ""))


def looked_at(report: ProfileReport) -> str:
    """Return how much was judged, such as `120 cycles judged in 1 min 32 s`."""
    unit = "window" if report.mode == "attach" else "cycle"
    return f"{count(report.cycles, unit)} judged in {duration(report.duration_s)}"


def parts(report: ProfileReport) -> list[str]:
    """Return a line for each judged scenario, with its number of cycles and windows."""
    return [_part(one, report) for one in report.scenarios if one.state == "judged"]


def _part(one: ScenarioCoverage, report: ProfileReport) -> str:
    if report.mode == "attach":
        return f"{count(one.windows, 'window')} of {duration(report.settings.seconds / max(1, one.windows))} each"
    warm_up = f"after {count(one.warm_up_cycles, 'cycle')} of warm-up"
    return f"{one.scenario}: {count(one.cycles, 'cycle')} judged in {count(one.windows, 'window')}, {warm_up}"


def fate(one: FindingOutcome) -> str:
    """Return the outcome of a soak finding as a sentence."""
    words = {
        "explained": "explained by a culprit",
        "unattributed": "it rose in this run too, but no line can be named for it",
        "not_reproduced": "it did not rise in this run",
        "unjudged": "not judged",
    }[one.state]
    where = f" in {one.scenario}" if one.scenario else ""
    return f"soak found {one.name}{where}: {words}{f': {one.why}' if one.why else ''}"


def identity(of: Product) -> str:
    """Return the version and commit of a MobiFai as text: `mobifai 0.1.0, commit 0123...`."""
    commit = f"commit {of.commit}" if of.commit else "commit not known"
    edits = {True: ", with edits that are not committed", False: ", without edits", None: ""}[of.dirty]
    return f"mobifai {of.version or 'of unknown version'}, {commit}{edits} ({INSTALLED[of.installed]})"


def facts(culprit: Culprit) -> list[tuple[str, str]]:
    """Return the known facts about a culprit, as pairs of name and text, such as `("held by", "module ...")`."""
    known = [
        ("held by", culprit.retained_by or NOBODY),
        ("grows by", rate_text(culprit)),
        ("made at", ", ".join(map(location_text, culprit.made_at[:MOST_PLACES])) + _more(culprit.made_at, MOST_PLACES)),
        ("started by", _location_text(culprit.started_by)),
        ("through", _location_text(culprit.library)),
        ("scales with", scaling(culprit)),
        ("scenario", culprit.scenario),
        ("process", "" if culprit.process == AGENT else culprit.process),
    ]
    return [(name, fact) for name, fact in known if fact]


def scaling(culprit: Culprit) -> str:
    """Return the results of a culprit's dose test as text: which actions of a phone it grows with, and which not.

    For example `terminal: with 5, 10, 20 terminals it kept 5, 10, 20 objects more; not with connect`.
    """
    scales = [_dosed(one) for one in culprit.scales if one.scales] or [culprit.scales_with]
    others = ", ".join(one.primitive for one in culprit.scales if not one.scales)
    parts = [one for one in scales if one]
    if others:
        parts.append(f"not with {others}" if parts else f"nothing that was tried: {others}")
    return "; ".join(parts)


def overhead(cost: Overhead) -> str:
    """Return as text what the examination cost the examined process, such as its memory and the longest pause."""
    parts = [f"the examination took {duration(cost.seconds)}, and its traces at most {byte_count(cost.peak_bytes)}"]
    if cost.longest_pause_s is not None:
        blocked = f"it blocked the event loop for {number(1000 * cost.longest_pause_s)} ms at most"
        parts = [f"{parts[0]}; {blocked}"]
    if cost.left_bytes is not None and cost.left_objects is not None:
        parts.append(f"{_left_over(cost.left_bytes, cost.left_objects)} than before")
    return "; ".join(parts)


def _left_over(size: int, objects: int) -> str:
    """Return as text what an examination left in the process: `263 KB more and 12 objects fewer are in use`.

    `size` is in bytes. Both numbers may be negative.
    """
    of_heap = f"{byte_count(abs(size))} {'less' if size < 0 else 'more'}"
    of_objects = f"{count(abs(objects), 'object')} {'fewer' if objects < 0 else 'more'}"
    return f"{of_heap} and {of_objects} are in use"


def asked(report: ProfileReport) -> str:
    """Return the settings of the run of a report as text."""
    settings = report.settings
    if report.mode == "attach":
        return f"{duration(settings.seconds)} in the agent of {settings.state_dir}"
    memray = {None: "when the C heap rises without a line", True: "always", False: "never"}[settings.memray]
    parts = [f"scenarios {', '.join(settings.scenarios)}", f"timers {settings.time_scale:g} times as fast"]
    parts += [count(settings.phones, "phone"), f"plant {settings.plant}" if settings.plant else "no plant"]
    parts += [f"dose test: {'yes' if settings.dose else 'no'}", f"memray: {memray}"]
    return "; ".join(parts)


def _lines(report: ProfileReport, place: Path | None) -> Iterator[StyledLine]:
    style = STYLES.get(report.verdict, "bold yellow")
    yield f"{SIGNS[report.verdict]} {headline(report)}{_looked_at(report)}.", style
    for culprit in report.culprits[:MOST_CULPRITS]:
        yield from _culprit(culprit)
    yield from _left(report.culprits, MOST_CULPRITS, "culprits")
    for one in report.unattributed[:MOST_CULPRITS]:
        yield from _unattributed(one)
    yield from _left(report.unattributed, MOST_CULPRITS, "gauges without a culprit")
    for finding in report.soak_findings[:MOST_CULPRITS]:
        yield f"  {FATES[finding.state]} {fate(finding)}", "" if finding.state == "explained" else "yellow"
    for part in parts(report):
        yield f"  · {part}", ""
    for left in _unsaid(report)[:MOST_LINES]:
        yield f"  ? {not_judged(left)}", "yellow"
    yield from _left(report.unjudged, MOST_LINES, "things that were not judged")
    for note in report.notes[:MOST_LINES]:
        yield f"  · {note}", ""
    yield from _left(report.notes, MOST_LINES, "notes")
    if report.mode == "attach":
        yield f"  {overhead(report.overhead)}", ""
    if report.product != Product():
        yield f"  · {identity(report.product)}", "dim"
    for step in report.next_steps:
        yield f"  {step.what}: {step.command}".removesuffix(": "), "cyan"
    if place is not None:
        yield f"  report: {quoted(str(place))}", "bold"


def _looked_at(report: ProfileReport) -> str:
    """Return how much was judged, or an empty text if the examination did not begin."""
    return f"; {looked_at(report)}" if report.cycles or report.duration_s else ""


def _unsaid(report: ProfileReport) -> list[Unjudged]:
    """Return the things that were not judged, without the one that the headline states already."""
    said = report.verdict == "inconclusive" and [one.what for one in report.unjudged[:1]] == [EVERYTHING]
    return report.unjudged[1:] if said else report.unjudged


def _culprit(culprit: Culprit) -> Iterator[StyledLine]:
    yield f"  ✗ {location_text(culprit.place)}: {culprit.kind}{f', {culprit.what}' if culprit.what else ''}", "red"
    for name, fact in facts(culprit):
        yield _row(name, fact), ""
    if len(culprit.stack) > 1:
        yield _row("called by", " < ".join(map(location_text, culprit.stack[1:MOST_PLACES]))), ""
    yield _row("how sure", f"{culprit.confidence}{', because' if culprit.evidence else ''}"), ""
    for line in culprit.evidence[:MOST_LINES]:
        yield _row("", f"· {line}"), "dim"
    if culprit.replay:
        yield f"      {culprit.replay}", "cyan"


def _row(name: str, fact: str) -> str:
    return f"      {name:<11} {fact}"


def _unattributed(one: Unattributed) -> Iterator[StyledLine]:
    where = f" in {one.scenario}" if one.scenario else ""
    yield f"  ? unattributed: {one.name}{where}, {rate(one.per_cycle, one.unit)} a {step_of(one.scenario)}", "yellow"
    if one.why:
        yield f"      {one.why}", ""


def _dosed(scale: DoseResult) -> str:
    doses = ", ".join(map(number, scale.doses))
    grown = ", ".join(byte_count(one) if scale.unit == "bytes" else number(one) for one in scale.grown)
    unit = f" {scale.unit}" if scale.unit and scale.unit != "bytes" else ""
    return f"{scale.primitive}: with {doses} {scale.primitive}s it kept {grown}{unit} more"


def _left(rows: Sequence[object], most: int, what: str) -> Iterator[StyledLine]:
    if len(rows) > most:
        yield f"  and {len(rows) - most:,} more {what}: see the report", ""


def _more(rows: Sequence[object], most: int) -> str:
    return f" and {len(rows) - most} more" if len(rows) > most else ""


def _location_text(place: CodeLocation | None) -> str:
    return location_text(place) if place is not None else ""
