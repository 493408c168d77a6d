"""Finds the culprits of a scenario's growth, and the gauges that rose without a culprit. Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

from profiles.attribution.cause_analysis import Cause, CauseAnalysis, InsertionLookup, LocationLookup
from profiles.attribution.frames import Frame, Role, Stack, above_event_loop, responsible_frame, responsible_index, role
from profiles.evidence import Evidence, qualified_gauge
from profiles.results import CodeLocation, Confidence, Culprit, Unattributed, step_of
from soak.gauges.gauge import gauge_of
from soak.gauges.verdict import SECONDS_A_DAY
from soak.report.figures import count

MOST_TYPES: Final = 20
DEEPEST: Final = 12
"""Most lines of a stack that a culprit lists."""


def find_culprits(
    evidence: Evidence, name_line: LocationLookup, adders: InsertionLookup, replay: str
) -> tuple[list[Culprit], list[Unattributed]]:
    """Return the culprits of one scenario's growth, and the gauges that rose without a culprit.

    `name_line` finds the function around a line, and `adders` finds the lines that add to a container. `replay` is the
    command that reproduces the growth; each culprit has it.
    """
    case = CauseAnalysis(evidence, name_line, adders)
    case.solve()
    found = [_culprit(cause, evidence, name_line, replay) for cause in case.causes]
    explained = {name for cause in case.causes for name in cause.explains}
    open_ = {name: rate for name, rate in evidence.rising.items() if name not in explained}
    return ranked(found), [_unattributed(name, rate, evidence) for name, rate in _telling(open_)]


def ranked(found: Iterable[Culprit]) -> list[Culprit]:
    """Return the culprits in order: those of highest confidence first.

    Of culprits with equal confidence, lines of Python's own library come last, since the line to change is elsewhere.
    The others are sorted by bytes per cycle, and those with equal bytes by objects per cycle, the most first.
    """
    order = {"high": 0, "medium": 1, "low": 2}
    return sorted(
        found,
        key=lambda one: (
            order[one.confidence],
            role(one.file) is Role.PYTHON,
            -one.bytes_per_cycle,
            -one.objects_per_cycle,
            one.file,
        ),
    )


def _culprit(cause: Cause, evidence: Evidence, name_line: LocationLookup, replay: str) -> Culprit:
    place = name_line(cause.frame)
    a_day = evidence.cycles / max(evidence.seconds, 1e-9) * SECONDS_A_DAY
    library = _library(cause.stack, name_line)
    return Culprit(
        kind=cause.kind,
        file=place.file,
        line=place.line,
        function=place.function,
        retained_by=cause.path,
        bytes_per_cycle=cause.bytes,
        objects_per_cycle=cause.objects,
        per_24h=(cause.bytes or cause.objects) * a_day,
        unit="bytes" if cause.bytes else "things",
        scales_with="",
        confidence=confidence(cause.proofs),
        replay=replay,
        what=cause.what,
        scenario=evidence.scenario,
        process=evidence.process,
        explains=sorted(qualified_gauge(evidence.process, name) for name in cause.explains),
        made_at=[name_line(frame) for frame in cause.made_at[:8]],
        library=library,
        started_by=_started_by(cause, evidence, name_line),
        stack=[name_line(frame) for frame in _readable(cause.stack)],
        evidence=cause.evidence[:12],
    )


def confidence(proofs: set[str]) -> Confidence:
    """Return the confidence in a cause, given its kinds of evidence.

    It is high with two or more kinds, medium with one, and low with none.
    """
    return "high" if len(proofs) > 1 else "medium" if proofs else "low"


def _library(stack: Stack, name_line: LocationLookup) -> CodeLocation | None:
    """Return the innermost line of a library or of Python that the responsible line of the stack called, or None."""
    inner = stack[: responsible_index(stack)] if stack else ()
    return next((name_line(frame) for frame in inner if role(frame[0]) in (Role.LIBRARY, Role.PYTHON)), None)


def _started_by(cause: Cause, evidence: Evidence, name_line: LocationLookup) -> CodeLocation | None:
    """Return MobiFai's line that created the task in which a cause runs, if the cause is in a library.

    The result is None if the cause is not in a library, or if the line is unknown.
    """
    if role(cause.frame[0]) is not Role.LIBRARY or not cause.stack:
        return None
    outermost = name_line(above_event_loop(cause.stack)[-1])
    name = f"{outermost.file}::{outermost.function}"
    made = next((row for row in evidence.left.get("spawned", []) if row.what == name), None)
    return name_line(responsible_frame(made.stack)) if made is not None else None


def _readable(stack: Stack) -> Sequence[Frame]:
    return [frame for frame in above_event_loop(stack) if role(frame[0]) is not Role.WRAPPER][:DEEPEST]


def _telling(gauges: dict[str, float]) -> list[tuple[str, float]]:
    """Return those gauges that the report names as growing without a culprit, with their rise per cycle.

    `gauges` are all gauges that rose without a culprit. Gauges that count the objects of one type are left out, unless
    `python.blocks`, the number of all objects, is among `gauges`.
    """
    types = [(name, rate) for name, rate in gauges.items() if name.startswith("types:")]
    others = [(name, rate) for name, rate in gauges.items() if not name.startswith("types:")]
    return others + (types[:MOST_TYPES] if "python.blocks" in gauges else [])


def _unattributed(name: str, per_cycle: float, evidence: Evidence) -> Unattributed:
    over = count(evidence.cycles, step_of(evidence.scenario))
    why = (
        f"it rose over {over}, but no line was found for it: no container keeps getting longer, no line keeps memory, "
        "and no recorded line creates such objects"
    )
    return Unattributed(qualified_gauge(evidence.process, name), per_cycle, gauge_of(name).unit, evidence.scenario, why)
