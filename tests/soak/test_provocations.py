"""The scenario `limits` with a real agent: every limit is filled to its capacity, and holds."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mobifai.limits import LIMITS
from soak import shell
from soak.gauges.results import BoundOutcome, BoundResult
from soak.gauges.verdict import bounds, breaches
from soak.harness.agent_process import agent_under_test
from soak.provocations import provocations
from soak.provocations.limit_explanations import explained
from soak.scenarios import scenario
from soak.scenarios.context import ScenarioContext
from tests.support.agent_status import path_in

FILLED = {limit for one in provocations() if one.possible for limit in one.fills}


def test_every_limit_is_filled_by_a_provocation_or_says_why_nothing_can() -> None:
    filled = {limit for one in provocations() for limit in one.fills}
    unfillable = {limit.name for limit in LIMITS.values() if limit.unfillable}
    assert filled | unfillable == set(LIMITS)
    assert not filled & unfillable


def test_few_limits_can_not_be_filled() -> None:
    unfillable = {limit.name for limit in LIMITS.values() if limit.unfillable}
    assert unfillable == {"terminal.keeper_news", "session.tasks", "agent.tasks", "agent.subscribers"}


def test_the_names_of_provocations_are_unique() -> None:
    names = [one.name for one in provocations()]
    assert len(set(names)) == len(names)


def test_the_documentation_lists_every_provocation_with_what_it_fills() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "reference" / "soak.md").read_text()
    for one in provocations():
        row = next((line for line in documented.splitlines() if line.startswith(f"| {one.name} |")), "")
        assert [limit for limit in one.fills if f"`{limit}`" not in row] == [], one.name


@dataclass(frozen=True)
class Filled:
    """The result of a run of the scenario. `entries` are the ledger entries of all its processes."""

    results: Mapping[str, BoundResult]
    entries: list[dict[str, Any]]
    status: Mapping[str, Any]
    context: ScenarioContext


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """Run all provocations, and one block with each kind of cycle."""
    yield asyncio.run(run_scenario(tmp_path_factory.mktemp("limits")))


async def run_scenario(place: Path) -> Filled:
    one = scenario("limits")()
    settings = place / "config.toml"
    settings.write_text(one.settings())
    options = ["--shell", shell.COMMAND, "--time-scale", "20", *one.serve_options(place)]
    async with agent_under_test(place / "agent", settings, options) as target:
        context = ScenarioContext(target, Random(1), time_scale=20)  # noqa: S311 - to do the same again
        await one.setup(context)
        for kind in sorted(set(one.block)):
            await one.action(context, kind)
        await one.fill(context)
        await one.back(context)
        status = await target.ask("status")
        entries = [*status["bounds"], *context.other_ledgers]
        return Filled({result.name: result for result in bounds([], entries)}, entries, status, context)


@pytest.mark.extended
@pytest.mark.timeout(400)
def test_it_leaves_no_phone_and_no_terminal_and_loses_no_byte(filled: Filled) -> None:
    assert not filled.context.phones
    assert (path_in(filled.status), filled.status["terminals"]) == (None, [])
    assert filled.context.traffic.lost == 0


@pytest.mark.extended
@pytest.mark.timeout(400)
@pytest.mark.parametrize("limit", sorted(FILLED))
def test_a_limit_is_filled_to_its_capacity(filled: Filled, limit: str) -> None:
    assert filled.results[limit].exercised, filled.results[limit]


@pytest.mark.extended
@pytest.mark.timeout(400)
def test_no_limit_is_passed(filled: Filled) -> None:
    assert breaches(filled.entries) == []


@pytest.mark.extended
@pytest.mark.skipif(not all(one.possible for one in provocations()), reason="some provocations need Linux")
@pytest.mark.timeout(400)
def test_nine_limits_in_ten_are_filled(filled: Filled) -> None:
    assert sum(result.exercised for result in filled.results.values()) >= 0.9 * len(LIMITS)


@pytest.mark.extended
@pytest.mark.timeout(400)
def test_the_report_says_of_each_limit_what_filled_it_or_why_nothing_did(filled: Filled) -> None:
    known = [result for name, result in filled.results.items() if name in FILLED or LIMITS[name].unfillable]
    for result in explained(known, ["limits"]):
        expected = "filled by the provocation" if result.exercised else "nothing can fill it: "
        assert result.why.startswith(expected), result
    idle = BoundResult("terminals", 64, "items", 3, 0, BoundOutcome.UNFILLED)
    used = BoundResult("terminals", 64, "items", 64, 0, BoundOutcome.HELD)
    assert explained([idle], ["mixed"])[0].why == "the scenario 'limits' did not run"
    assert explained([used], ["mixed"])[0].why == "filled by use"
