"""Every scenario with a real agent: after a few cycles, nothing is left."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from random import Random

import pytest

from soak import shell
from soak.harness.agent_process import agent_under_test
from soak.scenarios import scenario, scenarios, workloads
from soak.scenarios.context import ScenarioContext
from soak.scenarios.scenario import Scenario
from tests.support.agent_status import path_in, phone_in


def seeded(seed: int | str) -> Random:
    return Random(seed)  # noqa: S311 - to do the same again


@pytest.mark.parametrize("name", scenarios())
def test_a_plan_has_the_kinds_of_a_block_in_an_order_that_the_seed_decides(name: str) -> None:
    one = scenario(name)()
    assert one.name == name
    assert sorted(one.plan(seeded(1))) == sorted(one.block)
    assert one.plan(seeded(1)) == one.plan(seeded(1)) != one.plan(seeded(2))


async def run_blocks(one: Scenario, context: ScenarioContext) -> None:
    """Run a block that fills limits and has each kind of cycle once, and then a block as planned."""
    for kinds in (sorted(set(one.block)), one.plan(context.random)):
        await one.setup(context)
        for kind in kinds:
            await timed(kind, one.action(context, kind))
        if kinds == sorted(set(one.block)):
            await timed("fill", one.fill(context))
        await one.back(context)
        assert not context.phones


async def timed(what: str, doing: Awaitable[None]) -> None:
    began = asyncio.get_running_loop().time()
    await doing
    print(f"{what}: {(asyncio.get_running_loop().time() - began) * 1000:.0f} ms")


@pytest.mark.extended
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", workloads())  # test_provocations runs the other scenario
async def test_every_kind_of_cycle_leaves_nothing_and_loses_no_byte(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = scenario(name)()
    settings = tmp_path / "config.toml"
    settings.write_text(one.settings())
    monkeypatch.setattr("soak.harness.agent_process.NOBODY", "stun:nowhere.invalid:3478")
    options = ["--shell", shell.COMMAND, *one.serve_options(tmp_path)]
    async with agent_under_test(tmp_path / "agent", settings, options, separate_relay=one.relay != "own") as target:
        context = ScenarioContext(target, seeded(name), most_phones=2)
        try:
            await run_blocks(one, context)
        finally:
            for phone in context.phones:
                await phone.leave()
        status = await target.ask("status")
        assert (phone_in(status), path_in(status), status["terminals"]) == (None, None, [])
        assert context.traffic.lost == 0
        assert context.traffic.bytes_received > context.traffic.bytes_sent > 0


def test_the_documentation_has_the_cycles_of_a_block_of_each_scenario() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "soak.md").read_text(encoding="utf-8")
    for name in scenarios():
        assert f"| `{name}` | {len(scenario(name).block)} |" in page
