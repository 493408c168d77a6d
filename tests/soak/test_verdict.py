"""The verdict, for every combination of findings and unknown results."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.bounds import Ledger
from mobifai.limits import TERMINALS
from soak.gauges import verdict
from soak.gauges.counts import CycleCounts
from soak.gauges.gauge import gauge_of
from soak.gauges.results import (
    EXIT_STATUS,
    BoundOutcome,
    BoundResult,
    FindingResult,
    GaugeResult,
    Phase,
    RestResult,
    ScenarioResult,
    TrafficResult,
)
from soak.gauges.state import UNCONFIRMED, Trend
from soak.gauges.trend import Judgement, judge
from soak.gauges.verdict import (
    bounds,
    bounds_together,
    breaches,
    conclude,
    gauges,
    leaks,
    ordered,
    rest,
    scenario_state,
)


def entry(**changes: Any) -> dict[str, Any]:
    """Return a ledger entry as `mobifai status --json` prints it."""
    plain = {"name": "terminals", "unit": "items", "capacity": 10, "used": 0, "peak": 0, "evicted": 0, "refused": 0}
    return {**plain, **changes}


def bound(**changes: Any) -> BoundResult:
    plain = {
        "name": "terminals",
        "capacity": 10,
        "unit": "items",
        "peak": 0,
        "evicted": 0,
        "state": BoundOutcome.UNFILLED,
    }
    return BoundResult(**{**plain, **changes})


def finding(kind: str, name: str = "x", per_cycle: float = 1) -> FindingResult:
    return FindingResult(kind, name, "", per_cycle, "", 0, "", "")


def judged(name: str, course: Callable[[int], float], block: int = 20) -> Judgement:
    return judge([(block * number, course(block * number)) for number in range(9)], gauge_of(name))


def scenario(name: str = "terminals", blocks: int = 8) -> ScenarioResult:
    counts = CycleCounts(160, 40, blocks=blocks)
    return ScenarioResult(name, counts, blocks, 60.0, Phase.JUDGED, Trend.FLAT, TrafficResult())


def flat(name: str, state: Trend = Trend.FLAT) -> GaugeResult:
    return GaugeResult(name, gauge_of(name).unit, 0, state, 0)


ALL_FLAT = [flat("python.blocks"), flat("heap.bytes"), flat("types:a.B")]

# -- bounds


@pytest.mark.parametrize(("peak", "count"), [(9, 0), (10, 0), (11, 1)])
def test_a_peak_above_the_capacity_is_a_breach(peak: int, count: int) -> None:
    found = breaches([entry(peak=peak), entry(name="other", peak=3)], "mixed", "mobifai soak mixed")
    assert len(found) == count
    assert all(breach.kind == "bound" and breach.replay == "mobifai soak mixed" for breach in found)


def test_a_breach_says_what_was_expected_and_what_was_found() -> None:
    (found,) = breaches([entry(capacity=1000, peak=2500)])
    assert found.detail == "expected at most 1,000 items in terminals; found 2,500"


def test_a_real_ledger_s_entries_are_understood() -> None:
    ledger = Ledger({"terminals": 2})
    with ledger.bound(TERMINALS) as terminals:
        terminals.set(3)
    entries = [asdict(one) for one in ledger.entries()]
    assert [found.name for found in breaches(entries)] == ["terminals"]
    assert [one.name for one in bounds([], entries) if one.exercised] == ["terminals"]


@pytest.mark.parametrize(
    ("changes", "exercised"),
    [
        ({"peak": 9}, False),
        ({"peak": 10}, True),
        ({"peak": 11}, True),
        ({"evicted": 1}, True),
        ({"refused": 1}, True),
    ],
)
def test_a_bound_is_exercised_once_it_was_full(changes: dict[str, int], exercised: bool) -> None:
    assert bounds([], [entry(**changes)])[0].exercised is exercised


def test_newer_entries_of_a_process_add_nothing_twice() -> None:
    once = bounds([], [entry(peak=10, evicted=5)])
    assert once == [bound(peak=10, evicted=5, state=BoundOutcome.HELD)]
    assert bounds(once, [entry(peak=10, evicted=5)]) == once
    assert bounds(once, [entry(peak=4, evicted=7)]) == [bound(peak=10, evicted=7, state=BoundOutcome.HELD)]


def test_processes_together_have_the_highest_peak_and_all_that_was_evicted() -> None:
    together = bounds_together([[bound(peak=3, evicted=5, state=BoundOutcome.HELD)], [bound(peak=7, evicted=2)], []])
    assert together == [bound(peak=7, evicted=7, state=BoundOutcome.HELD)]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), max_size=20))
def test_peaks_are_the_highest_of_all_samples(samples: list[tuple[int, int]]) -> None:
    result: list[BoundResult] = []
    for peak, evicted in samples:
        result = bounds(result, [entry(peak=peak, evicted=evicted)])
    assert [one.peak for one in result] == [max((peak for peak, _ in samples), default=0)] * bool(samples)


# -- counts at rest


def test_counts_at_rest_are_shown_before_and_after() -> None:
    before = {"tasks:a": 2.0, "heap.bytes": 100.0, "threads:x": 1.0}
    after = {"tasks:a": 3.0, "heap.bytes": 900.0, "types:y.Z": 4.0, "descriptors:socket": 1.0}
    judged = [
        GaugeResult("descriptors:socket", "descriptors", 0.1, Trend.SUSPECTED, 0, "mixed", "why"),
        GaugeResult("tasks:a", "tasks", 0.1, Trend.RISING, 0, "mixed"),
        GaugeResult("threads:x", "threads", 0, Trend.RISING, 0, "terminals"),
    ]
    assert rest(before, after, judged, "mixed") == [
        RestResult("descriptors:socket", 0, 1, "descriptors", Trend.SUSPECTED, "mixed", "why"),
        RestResult("tasks:a", 2, 3, "tasks", Trend.RISING, "mixed"),
        RestResult("threads:x", 1, 0, "threads", Trend.UNJUDGED, "mixed", "too few blocks (0 of 1 needed)"),
    ]


# -- leaks


def a_leak(*names: str) -> tuple[dict[str, Judgement], dict[str, Judgement]]:
    return (
        {name: judged(name, lambda cycle: 100.0 * cycle) for name in names},
        {name: judged(name, lambda cycle: 100.0 * cycle, 60) for name in names},
    )


def test_a_leak_is_reported_with_its_rate_and_what_that_makes_in_a_day() -> None:
    first, again = a_leak("heap.bytes")
    (found,) = leaks(first, again, cycles_per_second=2, scenario="mixed", replay="again")
    assert (found.kind, found.name, found.unit) == ("growth", "heap.bytes", "bytes")
    assert (found.per_cycle, found.per_24h) == (pytest.approx(100), pytest.approx(100 * 2 * 86_400))
    assert found.detail == (
        "expected no growth of heap.bytes; found 100 bytes more with each cycle: 16,000 in 160 cycles, "
        "and 48,000 in 480 cycles of a fresh process"
    )


def test_what_is_suspected_and_not_confirmed_is_no_leak() -> None:
    first, _ = a_leak("heap.bytes", "types:a.B")
    again = {"heap.bytes": judged("heap.bytes", lambda _: 0, 60)}
    assert leaks(first, again, cycles_per_second=1) == []


def test_leaks_are_reported_in_the_order_of_how_much_they_say() -> None:
    names = [
        "canaries:mobifai.terminals.terminal.Terminal",
        "processes:sh",
        "descriptors:socket",
        "types:mobifai.terminals.terminal.Terminal",
        "types:aiortc.RTCPeerConnection",
        "types:builtins.dict",
        "python.blocks",
        "heap.bytes",
        "children.bytes",
    ]
    first, again = (dict(reversed(one.items())) for one in a_leak(*names[:-1]))
    first["children.bytes"] = judged("children.bytes", lambda cycle: 1e4 * cycle)
    again["children.bytes"] = judged("children.bytes", lambda cycle: 1e4 * cycle, 60)
    found = leaks(first, again, cycles_per_second=1)
    assert [one.name for one in found] == names
    assert [one.kind for one in found] == ["canary", "process", "rest", *["growth"] * 6]


def test_findings_of_every_kind_have_an_order() -> None:
    kinds = ["failure", "integrity", "harness", "bound", "canary", "process", "rest", "growth"]
    assert [one.kind for one in ordered(finding(kind) for kind in reversed(kinds))] == kinds


# -- gauges


def test_a_gauge_is_suspected_until_a_confirmation_says_otherwise() -> None:
    first, again = a_leak("heap.bytes", "python.blocks")
    clean = {"heap.bytes": judged("heap.bytes", lambda _: 0, 60), "python.blocks": again["python.blocks"]}
    assert [one.state for one in gauges(first)] == [Trend.SUSPECTED, Trend.SUSPECTED]
    assert [one.state for one in gauges(first, {})] == [Trend.SUSPECTED, Trend.SUSPECTED]
    assert [one.state for one in gauges(first, again)] == [Trend.RISING, Trend.RISING]
    assert [one.state for one in gauges(first, clean)] == [Trend.FLAT, Trend.RISING]
    assert gauges(first, clean)[0].reason == "it rose at first; a second process did not confirm it"


def test_a_confirmation_that_could_not_judge_leaves_a_suspicion_open() -> None:
    first, _ = a_leak("heap.bytes")
    short = {"heap.bytes": judge([(0, 0.0), (60, 100.0)], gauge_of("heap.bytes"))}
    assert gauges(first, short)[0].state is Trend.SUSPECTED


def test_a_required_gauge_that_was_never_there_is_unmeasured() -> None:
    first = {"python.blocks": judged("python.blocks", lambda _: 0)}
    reported = {one.name: (one.state, one.reason) for one in gauges(first, {}, "mixed")}
    assert reported == {
        "python.blocks": (Trend.FLAT, ""),
        "heap.bytes": (Trend.UNMEASURED, "not measurable on this platform"),
    }


def test_every_process_that_is_counted_from_inside_has_its_required_gauges() -> None:
    first, _ = a_leak("python.blocks")
    judged = {
        **first,
        "keeper/python.blocks": first["python.blocks"],
        "relay/threads:of the system": first["python.blocks"],
    }
    missing = {one.name for one in gauges(judged, {}, "mixed") if one.state is Trend.UNMEASURED}
    assert missing == {"heap.bytes", "keeper/heap.bytes"}
    assert conclude([], [*ALL_FLAT, flat("keeper/heap.bytes", Trend.UNMEASURED)], [scenario()]) == "inconclusive"


def test_what_a_process_beside_the_agent_leaks_is_reported_as_that_of_the_agent() -> None:
    first, again = a_leak("keeper/canaries:mobifai.terminals.keeper_shells.HeldShell")
    (found,) = leaks(first, again, cycles_per_second=1)
    assert (found.kind, found.name) == ("canary", "keeper/canaries:mobifai.terminals.keeper_shells.HeldShell")


@pytest.mark.parametrize("blocks", [0, 1, 3, 4, 7])
def test_after_too_few_blocks_an_amount_is_not_judged_and_says_how_many_it_takes(blocks: int) -> None:
    points = [(20 * number, 100.0) for number in range(blocks + 1)]
    first = (
        {name: judge(points, gauge_of(name)) for name in ("python.blocks", "heap.bytes", "types:a.B")} if blocks else {}
    )
    for one in gauges(first, {}, "mixed", blocks):
        assert one.state is Trend.UNJUDGED, one
        assert one.reason == f"too few blocks ({blocks} of 8 needed)"
        assert (one.per_cycle, one.smallest_leak) == (None, None)


def test_a_budget_is_never_judged() -> None:
    (one, *_) = gauges({"rss.bytes": judged("rss.bytes", lambda cycle: 1e6 * cycle)})
    assert (one.state, one.reason, one.per_cycle) == (Trend.UNJUDGED, "shown for orientation, never judged", 1e6)


def test_what_was_never_a_number_is_unmeasured() -> None:
    first = {"children.bytes": judge([(20 * number, None) for number in range(9)], gauge_of("children.bytes"))}
    one = gauges(first)[0]
    assert (one.state, one.reason) == (Trend.UNMEASURED, "not measurable on this platform")


def test_a_count_is_judged_after_one_block() -> None:
    back = judge([(0, 6.0), (20, 6.0)], gauge_of("descriptors:socket"))
    assert gauges({"descriptors:socket": back}, {}, "mixed", 1)[0].state is Trend.FLAT


# -- scenarios


@pytest.mark.parametrize(
    ("phase", "blocks", "results", "found", "expected"),
    [
        (Phase.JUDGED, 8, [flat("python.blocks"), flat("heap.bytes")], [], (Trend.FLAT, "")),
        (Phase.WARM_UP, 0, [], [], (Trend.UNJUDGED, "its warm-up did not end")),
        (Phase.RUNNING, 5, [], [], (Trend.UNJUDGED, "too few blocks (5 of 8 needed)")),
        (Phase.JUDGED, 8, [flat("types:a.B", Trend.SUSPECTED)], [], (Trend.SUSPECTED, UNCONFIRMED)),
        (Phase.CONFIRMED, 8, [flat("heap.bytes", Trend.RISING)], ["growth"], (Trend.RISING, "1 finding")),
    ],
)
def test_a_scenario_says_what_is_known_of_it(
    phase: Phase, blocks: int, results: list[GaugeResult], found: list[str], expected: tuple[Trend, str]
) -> None:
    results = [msgspec.structs.replace(one, scenario="mixed") for one in results]
    findings = [msgspec.structs.replace(finding(kind), scenario="mixed") for kind in found]
    assert scenario_state("mixed", phase, blocks, results, findings) == expected


# -- the whole


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([], "held"),
        (["growth"], "leak"),
        (["rest"], "leak"),
        (["canary", "process"], "leak"),
        (["growth", "bound"], "breach"),
        (["bound", "failure"], "failed"),
        (["integrity", "growth"], "failed"),
        (["harness"], "failed"),
    ],
)
def test_the_gravest_finding_decides(kinds: list[str], expected: str) -> None:
    assert conclude([finding(kind) for kind in kinds], ALL_FLAT, [scenario()]) == expected


@given(st.permutations(["growth", "bound", "integrity"]), st.booleans())
def test_findings_go_before_doubts(kinds: list[str], enough: bool) -> None:
    assert conclude(map(finding, kinds), [], [scenario(blocks=8 * enough)]) == "failed"
    assert conclude([finding("growth")], [], []) == "leak"


@pytest.mark.parametrize(("blocks", "expected"), [(0, "inconclusive"), (7, "inconclusive"), (8, "held"), (9, "held")])
def test_too_few_blocks_are_inconclusive(blocks: int, expected: str) -> None:
    assert conclude([], ALL_FLAT, [scenario(blocks=9), scenario("mixed", blocks)]) == expected


def test_a_scenario_that_was_not_begun_is_inconclusive() -> None:
    assert conclude([], ALL_FLAT, [scenario("mixed")], ["mixed", "reconnects"]) == "inconclusive"
    assert conclude([], ALL_FLAT, [], []) == "inconclusive"


@pytest.mark.parametrize("name", verdict.REQUIRED)
def test_a_required_gauge_without_a_measurement_is_inconclusive(name: str) -> None:
    assert conclude([], [*ALL_FLAT, flat(name, Trend.UNMEASURED)], [scenario()]) == "inconclusive"


def test_other_gauges_need_not_be_measured() -> None:
    assert conclude([], [*ALL_FLAT, flat("children.bytes", Trend.UNMEASURED)], [scenario()]) == "held"


def test_a_suspicion_that_nobody_could_confirm_is_inconclusive() -> None:
    assert conclude([], [*ALL_FLAT, flat("types:c.D", Trend.SUSPECTED)], [scenario()]) == "inconclusive"


def test_every_verdict_has_an_exit_status() -> None:
    assert sorted(EXIT_STATUS) == ["breach", "failed", "held", "inconclusive", "leak", "unfinished"]
