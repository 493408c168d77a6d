"""The remaining part of a run that did not come to its end."""

import re
from dataclasses import asdict

import msgspec
import pytest

from soak.gauges.counts import CycleCounts
from soak.gauges.results import Phase, Report, ScenarioResult, TrafficResult
from soak.gauges.state import Trend
from soak.run.plan import SoakPlan
from soak.run.resume import RemainingRun, ResumeError, remaining_run

TWO = ("terminals", "mixed")


def run(plan: SoakPlan, *, seconds: float = 0, done: dict[str, tuple[int, int]], **more: object) -> Report:
    """Return a report with the cycles and blocks of each scenario."""
    parts = [_part(name, *amounts) for name, amounts in done.items()]
    environment = {"plan": msgspec.json.decode(msgspec.json.encode(asdict(plan)))}
    report = Report("inconclusive", CycleCounts(), seconds, plan.seed, environment, [], [], [], [], TrafficResult(),
                    interrupted=True, scenarios=parts)  # fmt: skip
    return msgspec.structs.replace(report, **more)


def _part(name: str, cycles: int, blocks: int) -> ScenarioResult:
    counts = CycleCounts(cycles, 50, blocks=blocks)
    return ScenarioResult(name, counts, blocks, 1.0, Phase.JUDGED, Trend.FLAT, TrafficResult())


def test_an_interrupted_warm_up_leaves_all_cycles_to_do() -> None:
    plan = SoakPlan(("terminals",), 5, cycles=40, phones=3, time_scale=1.0, plant="zombie", memray=False)
    rest = remaining_run(run(plan, done={"terminals": (0, 0)}))
    assert rest == RemainingRun(plan, plan.later(1))


def test_a_scenario_that_had_not_begun_has_all_its_cycles_to_do() -> None:
    assert remaining_run(run(SoakPlan(TWO, cycles=40), done={"terminals": (40, 2)})).left.cycles == 40


def test_a_part_does_what_is_left_of_the_whole_also_after_several_parts() -> None:
    plan = SoakPlan(TWO, 5, duration=600.0)
    rest = remaining_run(run(plan, seconds=250.04, done={}, segments=3))
    assert (rest.whole, rest.left.duration, rest.left.seed) == (plan, 350.0, 8)


def test_a_run_can_be_made_longer_by_what_it_is_measured_in() -> None:
    timed, counted = SoakPlan(TWO, duration=60.0), SoakPlan(("mixed",), cycles=20)
    assert remaining_run(run(timed, seconds=60, done={}), duration=90.0).left.duration == 30
    rest = remaining_run(run(counted, done={"mixed": (20, 1)}), cycles=50)
    assert (rest.whole.cycles, rest.left.cycles) == (50, 30)


def test_a_quick_run_goes_on_unless_it_was_done() -> None:
    quick = SoakPlan(TWO)
    whole = dict.fromkeys(TWO, (160, 8))
    assert remaining_run(run(quick, done=whole)).left == quick.later(1)
    assert remaining_run(run(quick, done={"terminals": (160, 8)}, interrupted=False)).left == quick.later(1)
    with pytest.raises(ResumeError, match="found one that is complete: start a new run"):
        remaining_run(run(quick, done=whole, interrupted=False))


@pytest.mark.parametrize(
    ("plan", "given", "expected"),
    [
        (SoakPlan(TWO, duration=60.0), {"cycles": 9}, "expected --duration with --resume, .* found --cycles"),
        (SoakPlan(TWO, cycles=60), {"duration": 9.0}, "expected --cycles with --resume, .* found --duration"),
        (SoakPlan(TWO), {"duration": 9.0}, "without --duration, because that run is a quick one"),
        (SoakPlan(TWO), {"cycles": 9}, "without --cycles, because that run is a quick one"),
        (
            SoakPlan(TWO, duration=60.0),
            {"duration": 50.0},
            "was interrupted before all was judged: .* a longer --duration",
        ),
        (SoakPlan(("mixed",), cycles=60), {"cycles": 50}, "was interrupted before all was judged: .* more --cycles"),
    ],
)
def test_what_can_not_be_done_is_refused_and_not_ignored(
    plan: SoakPlan, given: dict[str, float], expected: str
) -> None:
    with pytest.raises(ResumeError, match=expected):
        remaining_run(run(plan, seconds=55, done=dict.fromkeys(plan.scenarios, (55, 3))), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("reported", [None, {}, {"scenarios": 5}, {"scenarios": ["mixed"], "duration": "long"}])
def test_a_report_that_does_not_say_what_the_run_was_is_refused(reported: object) -> None:
    report = Report("inconclusive", CycleCounts(), 1.0, 1, {"plan": reported}, [], [], [], [], TrafficResult())
    with pytest.raises(ResumeError, match=re.escape("found one that lacks the run's plan")):
        remaining_run(report)


def test_an_agent_that_was_watched_is_not_driven_by_a_resume() -> None:
    with pytest.raises(ResumeError, match="found one that watched an agent: watch it again with --attach"):
        remaining_run(run(SoakPlan(("attached",), duration=60.0), done={}))
