"""The verdict: what a run found, and what that makes of it."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.bounds import Ledger
from mobifai.limits import TERMINALS
from soak.gauges import verdict
from soak.gauges.gauge import gauge_of
from soak.gauges.results import (
    EXIT_STATUS,
    BoundResult,
    FindingResult,
    GaugeResult,
    RestResult,
    ScenarioResult,
    TrafficResult,
)
from soak.gauges.trend import Judgement, judge
from soak.gauges.verdict import bounds, bounds_together, breaches, conclude, gauges, leaks, ordered, rest


def entry(**changes: Any) -> dict[str, Any]:
    """An entry as `mobifai status --json` shows it."""
    plain = {"name": "terminals", "unit": "items", "capacity": 10, "used": 0, "peak": 0, "evicted": 0, "refused": 0}
    return {**plain, **changes}


def bound(**changes: Any) -> BoundResult:
    plain = {"name": "terminals", "capacity": 10, "unit": "items", "peak": 0, "evicted": 0, "exercised": False}
    return BoundResult(**{**plain, **changes})


def finding(kind: str, name: str = "x", per_cycle: float = 1) -> FindingResult:
    return FindingResult(kind, name, "", per_cycle, "", 0, "", "")


def judged(name: str, course: Callable[[int], float], block: int = 20) -> Judgement:
    return judge([(block * number, course(block * number)) for number in range(9)], gauge_of(name))


def scenario(name: str = "terminals", blocks: int = 8) -> ScenarioResult:
    return ScenarioResult(name, 160, 40, blocks, 60.0, "judged", TrafficResult())


def flat(name: str, verdict: Any = "flat") -> GaugeResult:
    return GaugeResult(name, gauge_of(name).unit, 0, verdict, 0)


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
    assert once == [bound(peak=10, evicted=5, exercised=True)]
    assert bounds(once, [entry(peak=10, evicted=5)]) == once
    assert bounds(once, [entry(peak=4, evicted=7)]) == [bound(peak=10, evicted=7, exercised=True)]


def test_processes_together_have_the_highest_peak_and_all_that_was_evicted() -> None:
    together = bounds_together([[bound(peak=3, evicted=5, exercised=True)], [bound(peak=7, evicted=2)], []])
    assert together == [bound(peak=7, evicted=7, exercised=True)]


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
    assert rest(before, after, "mixed") == [
        RestResult("descriptors:socket", 0, 1, "mixed"),
        RestResult("tasks:a", 2, 3, "mixed"),
        RestResult("threads:x", 1, 0, "mixed"),
    ]


# -- leaks


def a_leak(*names: str) -> tuple[dict[str, Judgement], dict[str, Judgement]]:
    return (
        {name: judged(name, lambda cycle: 100.0 * cycle) for name in names},
        {name: judged(name, lambda cycle: 100.0 * cycle, 60) for name in names},
    )


def test_a_leak_is_told_with_its_rate_and_what_that_makes_in_a_day() -> None:
    first, again = a_leak("heap.bytes")
    (found,) = leaks(first, again, cycles_per_second=2, scenario="mixed", replay="again")
    assert (found.kind, found.name, found.unit) == ("growth", "heap.bytes", "bytes")
    assert (found.per_cycle, found.per_24h) == (pytest.approx(100), pytest.approx(100 * 2 * 86_400))
    assert found.detail == (
        "expected no more bytes of heap.bytes than before; found 100 more with each cycle: 16,000 in 160 cycles, "
        "and 48,000 in 480 cycles of a new process"
    )


def test_what_is_suspected_and_not_confirmed_is_no_leak() -> None:
    first, _ = a_leak("heap.bytes", "types:a.B")
    again = {"heap.bytes": judged("heap.bytes", lambda _: 0, 60)}
    assert leaks(first, again, cycles_per_second=1) == []


def test_leaks_are_told_in_the_order_of_how_much_they_say() -> None:
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


def test_a_gauge_rises_until_a_confirmation_says_otherwise() -> None:
    first, again = a_leak("heap.bytes", "python.blocks")
    clean = {"heap.bytes": judged("heap.bytes", lambda _: 0, 60), "python.blocks": again["python.blocks"]}
    assert [one.verdict for one in gauges(first)] == ["rising", "rising"]
    assert [one.verdict for one in gauges(first, again)] == ["rising", "rising"]
    assert [one.verdict for one in gauges(first, clean)] == ["flat", "rising"]


def test_a_required_gauge_that_was_never_there_is_unmeasured() -> None:
    first, _ = a_leak("python.blocks")
    assert {one.name: one.verdict for one in gauges(first, {}, "mixed")} == {
        "python.blocks": "flat",
        "heap.bytes": "unmeasured",
    }


def test_every_process_that_is_counted_from_inside_has_its_required_gauges() -> None:
    first, _ = a_leak("python.blocks")
    judged = {
        **first,
        "keeper/python.blocks": first["python.blocks"],
        "relay/threads:of the system": first["python.blocks"],
    }
    missing = {one.name for one in gauges(judged, {}, "mixed") if one.verdict == "unmeasured"}
    assert missing == {"heap.bytes", "keeper/heap.bytes"}
    assert conclude([], [*ALL_FLAT, flat("keeper/heap.bytes", "unmeasured")], [scenario()]) == "inconclusive"


def test_what_a_process_beside_the_agent_leaks_is_told_as_that_of_the_agent() -> None:
    first, again = a_leak("keeper/canaries:__main__.Shell")
    (found,) = leaks(first, again, cycles_per_second=1)
    assert (found.kind, found.name) == ("canary", "keeper/canaries:__main__.Shell")


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
    assert conclude([], [*ALL_FLAT, flat(name, "unmeasured")], [scenario()]) == "inconclusive"


def test_other_gauges_need_not_be_measured() -> None:
    assert conclude([], [*ALL_FLAT, flat("children.bytes", "unmeasured")], [scenario()]) == "held"


def test_a_suspicion_that_nobody_could_confirm_is_inconclusive() -> None:
    assert conclude([], [*ALL_FLAT, flat("types:c.D", "rising")], [scenario()]) == "inconclusive"


def test_every_verdict_has_an_exit_status() -> None:
    assert sorted(EXIT_STATUS) == ["breach", "failed", "held", "inconclusive", "leak", "unfinished"]
