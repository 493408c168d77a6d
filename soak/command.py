"""`mobifai soak`: drives an agent for minutes or for a day, and says whether anything grew."""

import asyncio
import datetime as dt
import os
import random
import shlex
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from mobifai.cli.running import run, stop_signals
from mobifai.errors import CommandError, MobiFaiError
from soak.duration import Duration
from soak.gauges.results import EXIT_STATUS, Report
from soak.harness import network_namespace as network
from soak.harness.environment import environment
from soak.harness.temp_run import alone, unless_stopped
from soak.plants import plant, plants
from soak.report.directory import ReportDirectory, encoded, read_report
from soak.report.summary import summary
from soak.run.plan import Plan
from soak.run.report_builder import Setting
from soak.run.runner import Runner
from soak.scenarios import scenario, scenarios
from soak.view.live import view

T = TypeVar("T")

DEFAULT_REPORT = "soak-report"

_STOPPED = EXIT_STATUS["inconclusive"]


class Usage(click.UsageError):
    """What was asked for can not be, or not together: status 2."""


class RunFailed(CommandError):
    """The run could not begin, or has no report: status 3. To others 1 is a failure; here it is a leak."""

    def __init__(self, reason: Exception) -> None:
        told = (
            str(reason) if isinstance(reason, MobiFaiError) else f"an internal error, which should not be: {reason!r}"
        )
        super().__init__(told, EXIT_STATUS["failed"])


@click.command(
    epilog="Exit status: 0 everything held; 1 a bound was breached or a leak found; 2 usage; 3 the run itself failed "
    "(the agent died, a byte was lost); 4 inconclusive.",
    context_settings={"default_map": {}},  # the settings file is for the person's own agent
)
@click.argument("scenario_names", nargs=-1, metavar="[SCENARIO]...")
@click.option("--duration", type=Duration(), help="How long, as 10m, 1h30m or 24h.  [default: 8 blocks a scenario]")
@click.option("--cycles", type=click.IntRange(min=1), help="How many cycles of each scenario, instead of a time.")
@click.option("--quick", is_flag=True, help="8 blocks of each scenario, some two minutes in all; the default.")
@click.option("--seed", type=click.IntRange(0, 2**31), help="Chance that can be had again.  [default: a new one]")
@click.option("--time-scale", type=click.FloatRange(1, 10_000), default=20.0, show_default=True,
              help="Run the agent's timers so many times as fast, so that they take part.")  # fmt: skip
@click.option("--phones", type=click.IntRange(1, 16), default=2, show_default=True, help="The most phones at a time.")
@click.option("--report", "report_dir", type=click.Path(path_type=Path), help="Where the report goes. "
              f" [default: {DEFAULT_REPORT}]")  # fmt: skip
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with the run whose report is here.")
@click.option(
    "--memray/--no-memray", default=True, help="Trace memory in windows beside what is judged.  [default: on]"
)
@click.option("--plant", "plant_name", metavar="NAME", help="Plant a leak in the agent, to see it found.")
@click.option("--list-plants", is_flag=True, help="List the leaks and decoys that can be planted.")
@click.option("--self-test", is_flag=True, help="Plant them all, one after the other, and say which were found.")
@click.option("--attach", type=click.Path(path_type=Path, file_okay=False), metavar="STATE_DIR",
              help="Watch a living agent without driving it.")  # fmt: skip
@click.option("--list", "list_scenarios", is_flag=True, help="List the scenarios.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON on standard output; progress on the other.")
@click.option("--fail-fast", is_flag=True, help="End with the first finding.")
def soak(
    scenario_names: tuple[str, ...],
    duration: float | None,
    cycles: int | None,
    quick: bool,
    seed: int | None,
    time_scale: float,
    phones: int,
    report_dir: Path | None,
    resume: Path | None,
    memray: bool,
    plant_name: str | None,
    list_plants: bool,
    self_test: bool,
    attach: Path | None,
    list_scenarios: bool,
    as_json: bool,
    fail_fast: bool,
) -> int:
    """Drive an agent hard, and prove that nothing in it grows.

    Starts `mobifai serve` as a process of its own, with phones that come, go, type and prompt, holds it to every limit
    in its ledger, and compares what it has whenever everybody has left. SCENARIO is one or more of those that --list
    shows; all by default.
    """
    if list_scenarios:
        return _list([(name, scenario(name).summary) for name in scenarios()])
    if list_plants:
        return _list([(one.name, ("decoy: " if one.decoy else "") + one.summary) for one in plants()])
    chosen = _scenarios(scenario_names)
    _check_together(duration=duration, cycles=cycles, quick=quick or None, attach=attach)
    _check_together(resume=resume, report=report_dir)
    if resume is not None and (scenario_names or seed is not None or phones != 2 or not memray):
        raise Usage("expected --resume with nothing but a new --duration or --cycles; a run goes on as it began")
    _check_together(attach=attach, resume=resume, self_test=self_test or None, plant=plant_name)
    if plant_name is not None:
        _usable(lambda: plant(plant_name))
    plan = Plan(
        chosen,
        seed=random.SystemRandom().randrange(2**31) if seed is None else seed,
        duration=duration,
        cycles=cycles,
        time_scale=time_scale,
        phones=phones,
        memray=memray,
        plant=plant_name,
        fail_fast=fail_fast,
    )
    place = report_dir or Path(DEFAULT_REPORT)
    earlier = _usable(lambda: read_report(resume)) if resume is not None else None
    if earlier is not None and resume is not None:
        plan, place = _rest_of(plan, earlier), resume
    directory = _usable(lambda: ReportDirectory(place))
    try:
        if self_test:
            return _test_itself(plan, scenario_names, place, as_json)
        if attach is not None:
            return _end(_watch(plan, attach, directory, as_json), place, as_json)
        return _end(_run(plan, directory, earlier, as_json), place, as_json)
    except (click.ClickException, CommandError):
        raise
    except Exception as error:
        raise RunFailed(error) from error


def _test_itself(plan: Plan, scenario_names: tuple[str, ...], place: Path, as_json: bool) -> int:
    from soak.run.selftest import self_test  # noqa: PLC0415 - only who tests it pays for it

    facts = environment(network.enter())
    return alone(
        lambda folder: unless_stopped(self_test(plan, scenario_names, place, folder, facts, as_json), _STOPPED)
    )


def _watch(plan: Plan, attach: Path, directory: ReportDirectory, as_json: bool) -> Report:
    from soak.run.watch import watch  # noqa: PLC0415

    directory.clear()
    setting = _setting(plan, "those of the agent that is watched", ("attached",))
    return run(_until_stopped(lambda stop: watch(attach, plan.duration, setting, directory, _view(as_json), stop)))


def _run(plan: Plan, directory: ReportDirectory, earlier: Report | None, as_json: bool) -> Report:
    if earlier is None:
        directory.clear()
    setting = _setting(plan, network.enter(), plan.scenarios)
    return alone(lambda folder: _drive(plan, setting, directory, folder, earlier, as_json))


def _usable(make: Callable[[], T]) -> T:
    """What was named on the command line. Raises Usage when it can't be used."""
    try:
        return make()
    except MobiFaiError as error:
        raise Usage(str(error)) from None


def _list(rows: list[tuple[str, str]]) -> int:
    width = max(len(name) for name, _ in rows)
    for name, summary_ in rows:
        click.echo(f"{name:<{width}}  {summary_}")
    return 0


def _scenarios(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if name not in scenarios():
            raise Usage(f"expected one of {', '.join(scenarios())}; found {name!r}")
    return tuple(dict.fromkeys(names)) or scenarios()


def _check_together(**options: object) -> None:
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if len(given) > 1 and set(given) != {"--duration", "--attach"}:
        raise Usage(f"expected one of {', '.join(given)}; they do not go together")


def _setting(plan: Plan, network_: str, planned: tuple[str, ...]) -> Setting:
    facts = {**environment(network_), "plan": {**asdict(plan), "scenarios": list(plan.scenarios)}}
    started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return Setting(shlex.join(["mobifai", *sys.argv[1:]]), started, plan.seed, facts, planned)


def _rest_of(plan: Plan, earlier: Report) -> Plan:
    """What is left to do of an earlier run. Raises Usage when nothing is."""
    told = earlier.environment.get("plan")
    try:
        known = {name: told[name] for name in Plan.__dataclass_fields__}  # type: ignore[index]
        left = replace(Plan(**{**known, "scenarios": tuple(known["scenarios"])}), seed=earlier.seed + earlier.segments)
    except (TypeError, KeyError):
        raise Usage("expected the report of a run that can go on; this one does not say what it was to do") from None
    _scenarios(left.scenarios)
    if left.duration is not None:
        left = replace(left, duration=(plan.duration or left.duration) - earlier.duration_s)
    elif left.cycles is not None:
        fewest = min((one.cycles for one in earlier.scenarios), default=0)
        left = replace(left, cycles=(plan.cycles or left.cycles) - fewest)
    if (left.duration is not None and left.duration <= 0) or (left.cycles is not None and left.cycles <= 0):
        raise Usage("that run was done; start a new one, or give a longer --duration or more --cycles")
    return left


async def _until_stopped(job: Callable[[asyncio.Event], Coroutine[Any, Any, T]]) -> T:
    async with stop_signals() as stop:
        return await job(stop)


async def _drive(
    plan: Plan, setting: Setting, directory: ReportDirectory, folder: Path, earlier: Report | None, as_json: bool
) -> Report:
    with _view(as_json) as shown:
        runner = Runner(plan, setting, directory, shown, folder, earlier)
        return await _until_stopped(runner.run)


def _view(as_json: bool) -> Any:
    return view(as_json=as_json, environ=os.environ)


def _end(report: Report, place: Path, as_json: bool) -> int:
    if as_json:
        click.echo(encoded(report).decode(), nl=False)
    else:
        Console(highlight=False).print(summary(report, place / "report.html"), soft_wrap=True)
    return EXIT_STATUS[report.verdict]
