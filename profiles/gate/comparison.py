"""Compares the measurements of both sides and decides whether the candidate passes. Pure.

An exceeded limit fails the candidate, even if the base exceeds it too. Growth fails the candidate only if the base does
not grow, or if the difference between the sides is a leak by soak's rules.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from profiles.gate.accepted import AcceptedGrowth, most_accepted
from profiles.gate.figures import FIGURES, figure_of
from profiles.gate.results import FigureRow, GateCoverage, GateVerdict
from profiles.gate.trial import Measurement, Points, ScenarioTrial
from profiles.results import Unjudged
from soak.gauges.gauge import gauge_of
from soak.gauges.results import FindingResult
from soak.gauges.state import Trend
from soak.gauges.trend import Judgement, convicted, judge
from soak.gauges.verdict import FAILED_KINDS, REQUIRED, leaks, ordered
from soak.report.figures import amount

_ORDER: Final = {name: place for place, name in enumerate(FIGURES)}


@dataclass(frozen=True, slots=True)
class TrialFindings:
    """The findings after one scenario has run on both sides.

    `findings` fail the candidate. `also_in_base` is growth that the base has too, which does not. `unjudged` has
    everything that was not judged.
    """

    findings: list[FindingResult]
    also_in_base: list[FindingResult]
    unjudged: list[Unjudged]


# -- figures at rest


def rows(
    base: Mapping[str, float],
    now: Mapping[str, float],
    accepted: Sequence[AcceptedGrowth],
    today: dt.date,
    no_base: str = "the base was not measured",
) -> list[FigureRow]:
    """Return a row with the verdict for every figure at rest of either side, in the order of `FIGURES`.

    `base` and `now` are the figures of base and candidate. `accepted` has the entries of accepted growth, and `today`
    decides which of them have expired. `no_base` is the reason to state for a figure that the base lacks.
    """
    names = sorted({*base, *now}, key=lambda name: (_ORDER[name.partition(":")[0]], name))
    return [_row(name, base.get(name), now.get(name), accepted, today, no_base) for name in names]


def _row(
    name: str, base: float | None, now: float | None, accepted: Sequence[AcceptedGrowth], today: dt.date, no_base: str
) -> FigureRow:
    figure = figure_of(name)
    if base is None or now is None:
        missing = no_base if base is None else "the candidate was not measured"
        return FigureRow(name, figure.unit, base, now, None, "unjudged", figure.summary, missing)
    allowed = figure.allowed(base)
    entry = most_accepted(accepted, name, today)
    if now <= allowed:
        return FigureRow(name, figure.unit, base, now, allowed, "ok", figure.summary)
    if entry is None:
        return FigureRow(name, figure.unit, base, now, allowed, "grown", figure.summary)
    allowed = max(allowed, base + entry.grows_by)
    if now <= allowed:
        note = f"until {entry.expires}: {entry.reason}"
        return FigureRow(name, figure.unit, base, now, allowed, "accepted", figure.summary, note)
    note = f"more than the {amount(entry.grows_by, figure.unit)} that were accepted"
    return FigureRow(name, figure.unit, base, now, allowed, "grown", figure.summary, note)


def smaller_growth(
    first: tuple[Mapping[str, float], Mapping[str, float]], again: tuple[Mapping[str, float], Mapping[str, float]]
) -> tuple[dict[str, float], dict[str, float]]:
    """Combine two measurements of both sides: take each figure from the measurement in which it grew less.

    Real growth occurs in both measurements. `first`, `again` and the result are pairs: the figures of the base, and
    those of the candidate.
    """
    base, now = dict(first[0]), dict(first[1])
    for name in {*again[0]} & {*again[1]} & {*base} & {*now}:
        if again[1][name] - again[0][name] < now[name] - base[name]:
            base[name], now[name] = again[0][name], again[1][name]
    return base, now


def expired(accepted: Iterable[AcceptedGrowth], today: dt.date, where: str) -> list[FindingResult]:
    """Return a finding for every entry of accepted growth that has expired by `today`. `where` names their file."""
    return [
        FindingResult(
            "accepted", one.figure,
            f"{where}: the entry for {one.figure} expired on {one.expires} ({one.reason}); if the base has this "
            "growth by now, remove the entry; if not, review it and renew the date", 0, "", 0, "", "",
        )
        for one in accepted if one.is_over(today)
    ]  # fmt: skip


def unneeded(accepted: Iterable[AcceptedGrowth], rows: Iterable[FigureRow], today: dt.date) -> list[str]:
    """Return a sentence for every entry of accepted growth that is not needed, because no figure in `rows` uses it.

    Expired entries are left out.
    """
    used = [row.name for row in rows if row.verdict == "accepted" or row.note]
    idle = [one for one in accepted if not one.is_over(today) and not any(map(one.covers, used))]
    return [f"the entry that accepts growth of {one.figure} until {one.expires} was not needed" for one in idle]


# -- scenarios


def trial_findings(trial: ScenarioTrial) -> TrialFindings:
    """Return the findings of the candidate in one scenario, growth that the base has too, and what was not judged."""
    now, again = trial.first[-1], trial.again[-1] if trial.again else None
    base = trial.first[0] if len(trial.first) > 1 else None
    open_ = [_gone(base.failure)] if base is not None and base.failure is not None else []
    open_ += _unjudged(trial.scenario, now) if now.failure is None else []
    failures = [one.failure for one in (now, again) if one is not None and one.failure is not None]
    findings = [*failures, *_breaches([now, *([again] if again else [])])]
    if now.failure is not None or again is None or again.failure is not None:
        return TrialFindings(findings, [], open_)
    suspected = {name: now.judged[name] for name in now.suspected}
    rising = leaks(
        suspected, again.judged,
        cycles_per_second=now.cycles_per_second, scenario=trial.scenario, replay=trial.replay,
    )  # fmt: skip
    before = [one for one in rising if _is_also_in_base(one.name, trial)]
    return TrialFindings(ordered([*findings, *(one for one in rising if one not in before)]), before, open_)


def _breaches(measurements: Iterable[Measurement]) -> list[FindingResult]:
    known = {finding.name: finding for one in measurements for finding in one.breached}
    return list(known.values())


def _gone(failure: FindingResult) -> Unjudged:
    why = f"the base could not be run: {failure.detail}"
    return Unjudged(f"{failure.scenario} compared with the base", why, failure.scenario)


def _unjudged(scenario: str, measurement: Measurement) -> list[Unjudged]:
    """Return an entry, with the reason, for each gauge that a verdict needs and that was not judged."""
    reasons = {name: _why_not(measurement.judged.get(name)) for name in REQUIRED}
    return [Unjudged(f"{name} in {scenario}", why, scenario) for name, why in reasons.items() if why]


def _why_not(judgement: Judgement | None) -> str:
    if judgement is None:
        return "it can't be measured on this system"
    return judgement.reason


def _is_also_in_base(name: str, trial: ScenarioTrial) -> bool:
    """Return whether the gauge `name` rises in the base too, and no faster in the candidate by soak's rules."""
    if len(trial.first) < 2 or len(trial.again) < 2:
        return False
    (base, now), (base_again, now_again) = trial.first, trial.again
    if name not in base.judged or name not in base_again.judged:
        return False
    if not convicted(base.judged[name], base_again.judged[name]):
        return False
    gauge = gauge_of(name)
    first = judge(difference(base.points[name], now.points[name]), gauge)
    return not convicted(first, judge(difference(base_again.points[name], now_again.points[name]), gauge))


def difference(base: Points, now: Points) -> Points:
    """Return the difference between the values of a gauge in the candidate (`now`) and in the base after each block.

    Each point is the candidate's number of cycles, and the difference.
    """
    return [(cycle, value - other) for (_, other), (cycle, value) in zip(base, now, strict=False)]


def trial_coverage(trial: ScenarioTrial) -> GateCoverage | None:
    """Return how much was judged of the candidate in one scenario, or None if the candidate failed."""
    one = trial.first[-1]
    if one.failure is not None:
        return None
    judged = [gauge for gauge in one.judged.values() if gauge.state not in (Trend.UNJUDGED, Trend.UNMEASURED)]
    smallest = [_smallest(one.judged.get(name)) for name in REQUIRED]
    return GateCoverage(
        trial.scenario, one.cycles, one.warm_up_cycles, one.blocks, one.bounds, one.filled, len(judged),
        len(one.suspected), *smallest,
    )  # fmt: skip


def _smallest(judgement: Judgement | None) -> float | None:
    return (
        None if judgement is None or judgement.state in (Trend.UNJUDGED, Trend.UNMEASURED) else judgement.smallest_leak
    )


# -- the verdict


def conclude(rows: Iterable[FigureRow], findings: Iterable[FindingResult], *, whole: bool) -> GateVerdict:
    """Return the verdict of the gate, given the figures at rest (`rows`) and the findings.

    It is `failed` if a finding is a failure, otherwise `grown` if there is a finding or a figure has grown. It is
    `passed` only if everything was judged: all figures, and all other parts of the run (`whole`). Otherwise it is
    `inconclusive`.
    """
    rows, kinds = list(rows), {finding.kind for finding in findings}
    if kinds & FAILED_KINDS:
        return "failed"
    if kinds or any(row.verdict == "grown" for row in rows):
        return "grown"
    return "passed" if whole and rows and all(row.verdict != "unjudged" for row in rows) else "inconclusive"
