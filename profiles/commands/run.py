"""`mobifai profile run`: replays soak's scenarios in fresh agents, and names what grows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from profiles.flame import check_memray
from profiles.investigate.explain import nothing_to_explain, read_soak, steps_to_findings, wanted_of
from profiles.investigate.investigation import Hunt, Wanted
from profiles.investigate.processes import check_process, scenarios_with
from profiles.invocation import tell
from profiles.options import TABLE, plan_of, run_options
from profiles.profile_report import Save, begun, reported
from profiles.results import EVERYTHING, NextStep, ProfileReport, Settings, Unjudged
from profiles.subcommand import EPILOG, Subcommand, interruption
from soak.harness import network_namespace as network
from soak.harness.environment import environment
from soak.harness.temp_run import alone
from soak.option_table import usable
from soak.options import check_scenarios
from soak.plants import plant


@click.command("run", cls=Subcommand, epilog=EPILOG)
@run_options
@click.pass_context
def run(context: click.Context, /, **params: Any) -> int:
    """Replay soak's scenarios, and name the line that grows.

    Each scenario runs in a fresh agent, with soak's phones; at the end there is the line that makes memory grow, what
    holds it, how fast it grows, and with what.

    SCENARIO is one or more of those that `mobifai soak --list` shows; all but `limits` by default, and with --plant the
    plant's own.
    """
    mode, name = TABLE.check(context), params["plant_name"]
    check_scenarios(params["scenario_names"])
    own = (usable(lambda: plant(name)).scenario,) if name is not None else scenarios_with(params["process"])
    if params["memray"]:
        usable(check_memray)
    wanted, place, as_json = wanted_from(params, own), params["report_dir"], params["as_json"]
    if mode == "from_report":
        named = tuple(dict.fromkeys(params["scenario_names"]))
        soaked = usable(lambda: read_soak(params["from_report"]))
        known = wanted
        wanted = usable(lambda: wanted_of(soaked, known, named))
        if why := nothing_to_explain(soaked, named):
            steps = steps_to_findings(soaked, params["from_report"])
            return reported(
                begun("from", soaked.seed, Settings()),
                lambda first, _: _inconclusive(first, why, steps),
                place,
                as_json,
            )
    usable(lambda: check_process(wanted.plan.scenarios, wanted.process))
    first = begun(wanted.mode, wanted.plan.seed, wanted.settings)
    return reported(first, lambda first, save: _hunt(wanted, first, save), place, as_json)


def wanted_from(params: Mapping[str, Any], own: tuple[str, ...] = ()) -> Wanted:
    """Return what parsed options ask for; `own` are the scenarios where none is named."""
    return Wanted(plan_of(params, own), params["dose"], params["memray"], process=params["process"])


def _inconclusive(first: ProfileReport, why: str, steps: list[NextStep]) -> ProfileReport:
    left = [Unjudged(EVERYTHING, why)]
    return msgspec.structs.replace(first, verdict="inconclusive", unjudged=left, next_steps=steps)


def _hunt(wanted: Wanted, first: ProfileReport, save: Save) -> ProfileReport:
    stop, facts = interruption(), environment(network.enter())

    async def hunt(folder: Path) -> ProfileReport:
        hunting = Hunt(wanted, folder, facts, first.command, first.started_at, tell, save)
        return await stop.end(hunting.run())

    return alone(hunt)
