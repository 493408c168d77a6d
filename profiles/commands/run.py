"""`mobifai profile run`: runs soak's scenarios in fresh agents, and names the lines that make memory grow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from profiles.flame import check_memray
from profiles.investigate.explain import explain_request, nothing_to_explain, read_soak, steps_to_findings
from profiles.investigate.investigation import Investigation
from profiles.investigate.processes import check_process, scenarios_with
from profiles.investigate.request import InvestigationRequest
from profiles.options import TABLE, plan_of, run_options
from profiles.profile_report import SaveProgress, initial_report, run_and_report
from profiles.progress import print_progress
from profiles.results import EVERYTHING, NextStep, ProfileReport, ProfileSettings, Unjudged
from profiles.subcommand import EPILOG, Subcommand, interruption
from soak.harness import network_namespace as network
from soak.harness.environment import environment
from soak.harness.temp_run import run_in_temp_folder
from soak.option_table import usable
from soak.options import check_scenarios
from soak.plants import plant


@click.command("run", cls=Subcommand, epilog=EPILOG)
@run_options
@click.pass_context
def run(context: click.Context, /, **params: Any) -> int:
    """Run soak's scenarios, and name the line that makes memory grow.

    Each scenario runs in a fresh agent with soak's phones. The report names the line, what holds the memory, how fast
    it grows, and which of a phone's actions cause the growth.

    SCENARIO is one or more scenarios of `mobifai soak --list`. The default is all scenarios except `limits`, or with
    --plant the scenario of that plant.
    """
    mode, name = TABLE.check(context), params["plant_name"]
    check_scenarios(params["scenario_names"])
    own = (usable(lambda: plant(name)).scenario,) if name is not None else scenarios_with(params["process"])
    if params["memray"]:
        usable(check_memray)
    request, place, as_json = request_from(params, own), params["report_dir"], params["as_json"]
    if mode == "from_report":
        named = tuple(dict.fromkeys(params["scenario_names"]))
        soaked = usable(lambda: read_soak(params["from_report"]))
        known = request
        request = usable(lambda: explain_request(soaked, known, named))
        if why := nothing_to_explain(soaked, named):
            steps = steps_to_findings(soaked, params["from_report"])
            return run_and_report(
                initial_report("from", soaked.seed, ProfileSettings()),
                lambda first, _: _inconclusive(first, why, steps),
                place,
                as_json,
            )
    usable(lambda: check_process(request.plan.scenarios, request.process))
    first = initial_report(request.mode, request.plan.seed, request.settings)
    return run_and_report(first, lambda first, save: _investigate(request, first, save), place, as_json)


def request_from(params: Mapping[str, Any], own: tuple[str, ...] = ()) -> InvestigationRequest:
    """Return the request of an investigation from the parsed options `params` of `mobifai profile run`.

    If the options name no scenario, the request has the scenarios `own`, or if there are none, all of soak's scenarios
    except `limits`.
    """
    return InvestigationRequest(plan_of(params, own), params["dose"], params["memray"], process=params["process"])


def _inconclusive(first: ProfileReport, why: str, steps: list[NextStep]) -> ProfileReport:
    left = [Unjudged(EVERYTHING, why)]
    return msgspec.structs.replace(first, verdict="inconclusive", unjudged=left, next_steps=steps)


def _investigate(request: InvestigationRequest, first: ProfileReport, save: SaveProgress) -> ProfileReport:
    stop, facts = interruption(), environment(network.enter())

    async def investigate(folder: Path) -> ProfileReport:
        investigation = Investigation(request, folder, facts, first.command, first.started_at, print_progress, save)
        return await stop.end(investigation.run())

    return run_in_temp_folder(investigate)
