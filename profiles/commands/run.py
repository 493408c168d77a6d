"""`mobifai profile run`: replays soak's scenarios in fresh agents, and names what grows."""

import random
from pathlib import Path

import click
import msgspec

from profiles.flame import check_memray
from profiles.investigate.explain import nothing_to_explain, read_soak, wanted_of
from profiles.investigate.hunt import Hunt, Wanted
from profiles.invocation import tell
from profiles.reported import Save, begun, report_options, reported
from profiles.results import ProfileReport
from profiles.subcommand import EPILOG, interruption, usable
from soak.harness import network_namespace as network
from soak.harness.environment import environment
from soak.harness.temp_run import alone
from soak.option_table import Usage
from soak.plants import plant
from soak.run.plan import Plan
from soak.scenarios import scenarios


@click.command("run", epilog=EPILOG)
@click.argument("scenario_names", nargs=-1, metavar="[SCENARIO]...")
@click.option("--from", "from_report", type=click.Path(path_type=Path), metavar="REPORT",
              help="Explain what a soak report found: its directory. With SCENARIO: look into that one, as it was run "
              "then.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31), help="Chance that can be had again.  [default: a new one]")
@click.option("--time-scale", type=click.FloatRange(1, 10_000), default=20.0, show_default=True,
              help="Run the agent's timers so many times as fast.")  # fmt: skip
@click.option("--plant", "plant_name", metavar="NAME", help="Plant a leak of `mobifai soak --list-plants`.")
@click.option("--dose/--no-dose", default=True, help="Test what each culprit scales with.  [default: on]")
@click.option("--memray/--no-memray", default=None,
              help="Look at the C heap too.  [default: when it grows and nothing else explains it]")  # fmt: skip
@report_options
def run(
    scenario_names: tuple[str, ...],
    from_report: Path | None,
    seed: int | None,
    time_scale: float,
    plant_name: str | None,
    dose: bool,
    memray: bool | None,
    report_dir: Path,
    as_json: bool,
) -> int:
    """Replay soak's scenarios in fresh agents, and name what grows.

    SCENARIO is one or more of those that `mobifai soak --list` shows; all by default, and with --plant the plant's own.
    """
    if from_report is not None and (seed is not None or plant_name is not None):
        raise Usage("expected --from without --seed and --plant: those are the report's")
    if plant_name is not None:
        planted = usable(lambda: plant(plant_name))
        scenario_names = scenario_names or (planted.scenario,)
    for name in scenario_names:
        if name not in scenarios():
            raise Usage(f"expected one of {', '.join(scenarios())}; found {name!r}")
    if memray:
        usable(check_memray)
    chance = random.SystemRandom().randrange(2**31) if seed is None else seed
    names = tuple(dict.fromkeys(scenario_names))
    plan = Plan(names or scenarios(), chance, time_scale=time_scale, phones=2, plant=plant_name)
    wanted = Wanted(plan, dose, memray)
    if from_report is not None:
        soaked = usable(lambda: read_soak(from_report))
        wanted = usable(lambda: wanted_of(soaked, wanted, names))
        if why := nothing_to_explain(soaked, names):
            return reported(begun("from", soaked.seed), lambda first, _: _inconclusive(first, why), report_dir, as_json)
    first = begun(wanted.mode, wanted.plan.seed)
    return reported(first, lambda first, save: _hunt(wanted, first, save), report_dir, as_json)


def _inconclusive(first: ProfileReport, why: str) -> ProfileReport:
    return msgspec.structs.replace(first, verdict="inconclusive", notes=[why])


def _hunt(wanted: Wanted, first: ProfileReport, save: Save) -> ProfileReport:
    stop, facts = interruption(), environment(network.enter())

    async def hunt(folder: Path) -> ProfileReport:
        hunting = Hunt(wanted, folder, facts, first.command, first.started_at, tell, save)
        return await stop.end(hunting.run())

    return alone(hunt)
