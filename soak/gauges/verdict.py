"""Judges a run: broken limits, counts that did not return to their earlier value, leaks, and the verdict.

Turns counts and the judgements of `soak.gauges.trend` into the parts of a report. Does no I/O.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import add
from typing import Any, Final

from mobifai.limits import LIMITS
from soak.gauges.gauge import GaugeKind, bare, family_of, gauge_of, prefix_of
from soak.gauges.results import (
    BoundOutcome,
    BoundResult,
    FindingResult,
    GaugeResult,
    Phase,
    RestResult,
    ScenarioResult,
    SoakVerdict,
)
from soak.gauges.state import BUDGET, CLEARED, NOT_HERE, UNCONFIRMED, Trend, too_few
from soak.gauges.trend import FEWEST_BLOCKS, Judgement, convicted

REQUIRED: Final = ("python.blocks", "heap.bytes")
"""Gauges that must be judged before a process counts as free of leaks."""

ENOUGH_BLOCKS: Final = 8
"""Blocks that a scenario needs for the verdict that everything held."""

ENOUGH_LOOKS: Final = 2 * FEWEST_BLOCKS + 1
"""Number of samples at rest with which both halves of the watch of a running agent can be judged."""

SECONDS_A_DAY: Final = 86_400.0

MOST_FINDINGS: Final = 1000
"""Most findings of one scenario. Further findings add no information."""

FAILED_KINDS: Final = frozenset({"failure", "integrity", "harness"})
"""Kinds of findings that make the run itself unreliable."""

BREACH_KINDS: Final = frozenset({"bound"})

_KINDS: Final = ("failure", "integrity", "harness", "bound", "canary", "process", "rest", "growth")
"""Kinds of findings, most informative first."""

_GROWTH: Final = ("types:mobifai.", "types:", "python.blocks", "heap.bytes", "children.bytes")
"""Gauges that can grow, most informative first. Objects of builtin types come last."""


# -- bounds


def breaches(entries: Iterable[Mapping[str, Any]], scenario: str = "", replay: str = "") -> list[FindingResult]:
    """Return a finding for every ledger entry (as in `mobifai status --json`) that exceeded its capacity."""
    return [_breach(entry, scenario, replay) for entry in entries if _most(entry) > int(entry["capacity"])]


def bounds(so_far: Iterable[BoundResult], entries: Iterable[Mapping[str, Any]]) -> list[BoundResult]:
    """Return the results `so_far` of the limits of one process, updated by newer ledger entries of this process.

    The counters of a ledger only rise. A limit keeps its place in the list.
    """
    known = {result.name: result for result in so_far}
    for entry in entries:
        name, result = str(entry["name"]), _bound(entry)
        known[name] = _joined(known.get(name, result), result, max)
    return list(known.values())


def bounds_together(processes: Iterable[Iterable[BoundResult]]) -> list[BoundResult]:
    """Return the results of all limits in a run, merged from those of its processes.

    A merged result has the highest peak and the sum of the evictions.
    """
    known: dict[str, BoundResult] = {}  # bounded by the limits
    for results in processes:
        for result in results:
            known[result.name] = _joined(known[result.name], result, add) if result.name in known else result
    return list(known.values())


def _most(entry: Mapping[str, Any]) -> int:
    return max(int(entry["peak"]), int(entry.get("used", 0)))


def _breach(entry: Mapping[str, Any], scenario: str, replay: str) -> FindingResult:
    name, unit = str(entry["name"]), str(entry["unit"])
    detail = f"expected at most {int(entry['capacity']):,} {unit} in {name}; found {_most(entry):,}"
    return FindingResult("bound", name, detail, 0.0, unit, 0.0, scenario, replay)


def _bound(entry: Mapping[str, Any]) -> BoundResult:
    evicted, capacity, peak = int(entry["evicted"]), int(entry["capacity"]), _most(entry)
    name = str(entry["name"])
    piece = LIMITS[name].piece if name in LIMITS else 1  # a watched agent may be another version
    filled = peak > capacity - piece or evicted > 0 or int(entry.get("refused", 0)) > 0
    return BoundResult(name, capacity, str(entry["unit"]), peak, evicted, _state(peak, capacity, filled))


def _state(peak: int, capacity: int, filled: bool) -> BoundOutcome:
    if peak > capacity:
        return BoundOutcome.BROKEN
    return BoundOutcome.HELD if filled else BoundOutcome.UNFILLED


def _joined(one: BoundResult, other: BoundResult, evicted: Callable[[int, int], int]) -> BoundResult:
    """Merge two results of one limit. `evicted` combines their numbers of evictions.

    If the capacities differ, nothing is merged: the result that is broken is returned, otherwise the one that was
    filled, otherwise the one with the larger capacity.
    """
    if one.capacity != other.capacity:
        return max(one, other, key=lambda result: (*_precedence(result), result.capacity))
    peak, filled = max(one.peak, other.peak), one.exercised or other.exercised
    state, evictions = _state(peak, other.capacity, filled), evicted(one.evicted, other.evicted)
    why = one.why if one.exercised and not other.exercised else other.why
    return BoundResult(one.name, other.capacity, other.unit, peak, evictions, state, why)


def _precedence(result: BoundResult) -> tuple[bool, bool]:
    return result.state is BoundOutcome.BROKEN, result.exercised


# -- counts at rest


def rest(
    before: Mapping[str, float], after: Mapping[str, float], results: Iterable[GaugeResult], scenario: str = ""
) -> list[RestResult]:
    """Return a result for every count that must return to its earlier value.

    `before` has the counts after the warm-up, `after` those at the end; a name that is missing in one has the value 0
    there. `results` are the results of all gauges, from which the judgements of these counts are taken.
    """
    known = {result.name: result for result in results if result.scenario == scenario}
    names = sorted(name for name in {*before, *after} if gauge_of(name).kind is GaugeKind.REST)
    return [_rest(name, before.get(name, 0), after.get(name, 0), known.get(name), scenario) for name in names]


def _rest(name: str, before: float, after: float, judged: GaugeResult | None, scenario: str) -> RestResult:
    state = Trend.UNJUDGED if judged is None else judged.state
    reason = too_few(0, 1) if judged is None else judged.reason
    if state is Trend.FLAT and after > before and not reason:
        reason = "higher than at first, but it did not rise repeatedly"
    return RestResult(name, before, after, gauge_of(name).unit, state, scenario, reason)


# -- growth


def gauges(
    first: Mapping[str, Judgement],
    second: Mapping[str, Judgement] | None = None,
    scenario: str = "",
    blocks: int = ENOUGH_BLOCKS,
) -> list[GaugeResult]:
    """Return the result of each gauge after `blocks` blocks.

    `first` has the judgements of the run by gauge, and `second` those of its confirmation (None: there was none).

    In addition, every process that was counted from inside has a result for each gauge in REQUIRED that has no values.
    This result is unmeasured, or unjudged before the first block.
    """
    processes = {"": None, **dict.fromkeys(prefix_of(name) for name in first if bare(name) in REQUIRED)}
    required = [f"{process}{name}" for process in processes for name in REQUIRED]
    missing = [_missing(name, scenario, blocks) for name in required if name not in first]
    return [*(gauge_result(name, one, second, scenario, blocks) for name, one in first.items()), *missing]


def _missing(name: str, scenario: str, blocks: int) -> GaugeResult:
    state, reason = (Trend.UNMEASURED, NOT_HERE) if blocks else (Trend.UNJUDGED, too_few(0, ENOUGH_BLOCKS))
    return GaugeResult(name, gauge_of(name).unit, None, state, None, scenario, reason)


def leaks(
    first: Mapping[str, Judgement],
    second: Mapping[str, Judgement],
    *,
    cycles_per_second: float,
    scenario: str = "",
    replay: str = "",
) -> list[FindingResult]:
    """Return a finding for every gauge that the confirmation convicts, most informative first.

    `first` has the judgements of the run by gauge, and `second` those of its confirmation. `cycles_per_second` is used
    to project the growth to a day. `replay` is the command that reproduces the findings.
    """
    found = [
        _leak(name, one, second[name], cycles_per_second * SECONDS_A_DAY, scenario, replay)
        for name, one in first.items()
        if name in second and convicted(one, second[name])
    ]
    return ordered(found)[:MOST_FINDINGS]


def ordered(findings: Iterable[FindingResult]) -> list[FindingResult]:
    """Return findings, most informative first. Among equally informative findings, the fastest rise is first."""
    return sorted(findings, key=lambda finding: (*_rank(finding), -finding.per_cycle, finding.name))


def gauge_result(
    name: str,
    first: Judgement,
    second: Mapping[str, Judgement] | None = None,
    scenario: str = "",
    blocks: int = ENOUGH_BLOCKS,
) -> GaugeResult:
    """Return the result of the gauge `name`, whose judgement after `blocks` blocks is `first`.

    `second` has the judgements of the confirmation by gauge; it is None if there was no confirmation.
    """
    state, reason = first.state, first.reason
    if first.suspicious:
        state, reason = _confirmed(first, (second or {}).get(name))
    elif _is_unripe(first, blocks):
        state, reason = Trend.UNJUDGED, too_few(blocks, ENOUGH_BLOCKS)
    unknown = state in (Trend.UNJUDGED, Trend.UNMEASURED)
    shown = bool(first.levels) and (not unknown or reason == BUDGET)
    per_cycle, least = first.per_cycle if shown else None, None if unknown else first.smallest_leak
    return GaugeResult(name, first.gauge.unit, per_cycle, state, least, scenario, reason)


def _confirmed(first: Judgement, second: Judgement | None) -> tuple[Trend, str]:
    """Return the state and reason of a suspected gauge after its confirmation."""
    if second is None or not (second.suspicious or second.state.is_judged):
        return Trend.SUSPECTED, UNCONFIRMED
    return (Trend.RISING, "") if convicted(first, second) else (Trend.FLAT, CLEARED)


def _is_unripe(judgement: Judgement, blocks: int) -> bool:
    """Return whether `blocks` blocks are too few for a result. Only gauges of the kind GROWTH need several blocks."""
    is_amount = judgement.gauge.kind is GaugeKind.GROWTH and judgement.state is not Trend.UNMEASURED
    return is_amount and blocks < ENOUGH_BLOCKS


def _leak(
    name: str, first: Judgement, second: Judgement, cycles_a_day: float, scenario: str, replay: str
) -> FindingResult:
    unit, per_cycle = second.gauge.unit, second.per_cycle
    detail = (
        f"expected no growth of {name}; found {_number(per_cycle)} {unit} more with each cycle: "
        f"{_number(first.total)} in {first.cycles:,} cycles, and {_number(second.total)} in {second.cycles:,} cycles "
        "of a fresh process"
    )
    return FindingResult(_kind(name), name, detail, per_cycle, unit, per_cycle * cycles_a_day, scenario, replay)


def _kind(name: str) -> str:
    family = family_of(name)
    if family in {"canaries", "processes", "zombies"}:
        return "canary" if family == "canaries" else "process"
    return "rest" if gauge_of(name).kind is GaugeKind.REST else "growth"


def _rank(finding: FindingResult) -> tuple[int, int, bool]:
    kind = _KINDS.index(finding.kind) if finding.kind in _KINDS else len(_KINDS)
    name = bare(finding.name)
    place = next((place for place, start in enumerate(_GROWTH) if name.startswith(start)), len(_GROWTH))
    return kind, place, name.startswith("types:builtins.")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


# -- the whole


def scenario_state(
    name: str, phase: Phase, blocks: int, results: Iterable[GaugeResult], findings: Iterable[FindingResult]
) -> tuple[Trend, str]:
    """Return the state of a whole scenario, and a text: the number of its findings, or the reason why its state is
    unknown.
    """
    own = [result for result in results if result.scenario == name]
    found = sum(finding.scenario == name for finding in findings)
    if found:
        return Trend.RISING, f"{found:,} finding{'s' if found > 1 else ''}"
    if any(result.state is Trend.SUSPECTED for result in own):
        return Trend.SUSPECTED, UNCONFIRMED
    if phase is Phase.WARM_UP:
        return Trend.UNJUDGED, "its warm-up did not end"
    if blocks < ENOUGH_BLOCKS:
        return Trend.UNJUDGED, too_few(blocks, ENOUGH_BLOCKS)
    unknown = [result for result in own if result.name in REQUIRED and not result.state.is_judged]
    return (unknown[0].state, f"{unknown[0].name}: {unknown[0].reason}") if unknown else (Trend.FLAT, "")


def conclude(
    findings: Iterable[FindingResult],
    results: Iterable[GaugeResult],
    scenarios: Sequence[ScenarioResult],
    planned: Iterable[str] = (),
) -> SoakVerdict:
    """Return the verdict: the first of failed, breach, leak, inconclusive and held that applies.

    `planned` names the requested scenarios. The verdict is held only if each of them has run enough blocks.
    """
    kinds = {finding.kind for finding in findings}
    if kinds & FAILED_KINDS:
        return "failed"
    if kinds & BREACH_KINDS:
        return "breach"
    if kinds:
        return "leak"
    return "held" if _is_conclusive(results, scenarios, planned) else "inconclusive"


def _is_conclusive(results: Iterable[GaugeResult], scenarios: Sequence[ScenarioResult], planned: Iterable[str]) -> bool:
    """Return whether all scenarios have enough blocks, required gauges are judged, and no gauge is still suspected."""
    enough = {scenario.name for scenario in scenarios if scenario.judged_blocks >= ENOUGH_BLOCKS}
    everything = {*planned, *(scenario.name for scenario in scenarios)}
    results = list(results)
    judged = all(result.state.is_judged for result in results if bare(result.name) in REQUIRED)
    settled = not any(result.state in (Trend.SUSPECTED, Trend.RISING) for result in results)
    return bool(enough) and everything <= enough and judged and settled
