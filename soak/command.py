"""`mobifai soak`: drives an agent for minutes or for a day, and says whether anything grew."""

import asyncio
import datetime as dt
import os
import shlex
import sys
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from mobifai.cli.running import run, stop_signals
from mobifai.errors import CommandError, MobiFaiError
from soak.gauges.results import EXIT_STATUS, Report
from soak.harness import network_namespace as network
from soak.harness.environment import environment
from soak.harness.temp_run import alone, unless_stopped
from soak.options import DEFAULT_REPORT, TABLE, check_plan, plan_of, soak_options, usable
from soak.plants import plants
from soak.report.directory import ReportDirectory, encoded, read_report
from soak.report.summary import summary
from soak.run.plan import Plan
from soak.run.report_builder import Setting
from soak.run.resume import Rest, rest_of
from soak.run.runner import Runner
from soak.scenarios import scenario, scenarios
from soak.view.live import view

T = TypeVar("T")

_STOPPED = EXIT_STATUS["inconclusive"]


class RunFailed(CommandError):
    """The run could not begin, or has no report: status 3. To others 1 is a failure; here it is a leak."""

    def __init__(self, reason: Exception) -> None:
        told = (
            str(reason) if isinstance(reason, MobiFaiError) else f"an internal error, which should not be: {reason!r}"
        )
        super().__init__(told, EXIT_STATUS["failed"])


EPILOG = (
    "Exit status: 0 everything held (--self-test: every leak was found and no decoy was); 1 a limit was passed or a "
    "leak was found (--self-test: a leak was missed, or a decoy was found); 2 usage: the options can't be used; 3 the "
    "run itself failed (the agent died, a byte was lost); 4 inconclusive: interrupted, too short to judge, or a gauge "
    "that can't be measured here."
)


# The settings file is for the person's own agent.
@click.command(epilog=EPILOG, context_settings={"default_map": {}})
@soak_options
@click.pass_context
def soak(context: click.Context, /, **params: Any) -> int:
    """Drive an agent hard, and prove that nothing in it grows.

    Starts `mobifai serve` as a process of its own, with phones that come, go, type and prompt. Checks every limit in
    its ledger, and compares what it holds whenever all phones have left. SCENARIO is one or more of those that --list
    shows; all by default.
    """
    mode = TABLE.check(context)
    if mode == "list_scenarios":
        return _list([(name, scenario(name).summary) for name in scenarios()])
    if mode == "list_plants":
        return _list([(one.name, ("decoy: " if one.decoy else "") + one.summary) for one in plants()])
    plan, place, as_json = plan_of(params), params["report_dir"] or Path(DEFAULT_REPORT), params["as_json"]
    earlier = None
    if mode == "resume":
        place = params["resume"]
        earlier = usable(lambda: read_report(place))
    rest = usable(lambda: rest_of(earlier, plan.duration, plan.cycles)) if earlier is not None else Rest(plan, plan)
    check_plan(rest.whole)
    directory = usable(lambda: ReportDirectory(place))
    try:
        if mode == "self_test":
            return _test_itself(plan, params["scenario_names"], place, as_json)
        if mode == "attach":
            return _end(_watch(plan, params["attach"], directory, as_json), place, as_json)
        return _end(_run(rest, directory, earlier, as_json), place, as_json)
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


def _run(rest: Rest, directory: ReportDirectory, earlier: Report | None, as_json: bool) -> Report:
    if earlier is None:
        directory.clear()
    setting = _setting(rest.whole, network.enter(), rest.whole.scenarios)
    return alone(lambda folder: _drive(rest.left, setting, directory, folder, earlier, as_json))


def _list(rows: list[tuple[str, str]]) -> int:
    width = max(len(name) for name, _ in rows)
    for name, summary_ in rows:
        click.echo(f"{name:<{width}}  {summary_}")
    return 0


def _setting(plan: Plan, network_: str, planned: tuple[str, ...]) -> Setting:
    facts = {**environment(network_), "plan": {**asdict(plan), "scenarios": list(plan.scenarios)}}
    started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return Setting(shlex.join(["mobifai", *sys.argv[1:]]), started, plan.seed, facts, planned)


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
