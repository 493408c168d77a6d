"""The command `mobifai soak`."""

import datetime as dt
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from mobifai.cli.control_client import request_running
from mobifai.errors import CommandError, MobiFaiError
from soak.compare_command import WithCompare
from soak.gauges.results import ATTACHED, EXIT_STATUS
from soak.harness import network_namespace as network
from soak.harness.environment import environment
from soak.harness.identity import product
from soak.harness.preflight import preflight
from soak.internal_error import internal_error
from soak.option_table import usable
from soak.options import DEFAULT_REPORT, TABLE, check_plan, check_planted, plan_of, soak_options
from soak.output import show
from soak.plants import plants
from soak.report.directory import ReportDirectory, read_report
from soak.report.lock import PID
from soak.report.next_steps import WATCHED
from soak.run.invocation import Invocation, invocation
from soak.run.plan import SoakPlan
from soak.run.report_builder import RunInfo
from soak.run.resume import RemainingRun, remaining_run
from soak.scenarios import scenario, scenarios
from soak.shell_quoting import joined


class RunFailed(CommandError):
    """The run could not start, or has no report. The exit status is 3, because 1 means that a leak was found."""

    def __init__(self, reason: Exception) -> None:
        message = str(reason) if isinstance(reason, MobiFaiError) else internal_error(reason)
        super().__init__(message, EXIT_STATUS["failed"])


EPILOG = (
    "Exit status: 0 everything held (--self-test: every leak was found and no decoy was); 1 a limit was exceeded or a "
    "leak was found (--self-test: a leak was missed, or a decoy was found); 2 usage: invalid options, a directory that "
    "is in use or not writable, or a machine that lacks a resource; 3 the run itself failed (the agent crashed, bytes "
    "were lost), or its report or output could not be written; 4 inconclusive: interrupted, too short to judge, or a "
    "gauge that can't be measured here."
)


# No option has a default from the settings file, which is for the user's own agent.
@click.command(cls=WithCompare, epilog=EPILOG, context_settings={"default_map": {}})
@soak_options
@click.pass_context
def soak(context: click.Context, /, **params: Any) -> int:
    """Put an agent under load and check that nothing in it grows.

    Starts `mobifai serve` as a process, with phones that connect, leave, type and prompt. Checks every limit, and
    compares memory and other resources whenever all phones have left. SCENARIO selects how the phones use the agent;
    --list shows all scenarios. Without a SCENARIO, all of them run.
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
    rest = (
        usable(lambda: remaining_run(earlier, plan.duration, plan.cycles))
        if earlier is not None
        else RemainingRun(plan, plan)
    )
    check_plan(rest.whole)
    check_planted(params["scenario_names"] if mode == "self_test" else ())
    directory = usable(lambda: ReportDirectory(place))
    try:
        with _taken(directory, as_json) as run:
            usable(lambda: preflight(place, () if mode == "attach" else rest.left.scenarios))
            if mode == "self_test":
                from soak.run.selftest import self_test  # noqa: PLC0415 - other runs do not need it

                facts, chosen = _facts(network.enter()), params["scenario_names"]
                return run.self_test(lambda folder: self_test(plan, chosen, place, folder, facts, as_json))
            if mode == "attach":
                request_running(params["attach"], "status")  # before the report of an earlier run is replaced
                watched = replace(plan, scenarios=(ATTACHED,))
                setting = _setting(watched, "that of the watched agent", watched.scenarios)
                facts = {**setting.environment, WATCHED: str(params["attach"].absolute())}
                setting = replace(setting, environment=facts)
                return run.watch(params["attach"], plan.duration, setting)
            return run.drive(rest.left, _setting(rest.whole, network.enter(), rest.whole.scenarios), earlier)
    except (click.ClickException, CommandError):
        raise
    except Exception as error:
        raise RunFailed(error) from error


@contextmanager
def _taken(directory: ReportDirectory, as_json: bool) -> Iterator[Invocation]:
    """Lock the report directory and yield the invocation that uses it. Raises OptionsError if another run has locked
    it.

    At the end of the scope, remove the directory if this command created it and wrote no file to it.
    """
    with ExitStack() as scope:
        scope.callback(directory.remove_if_empty)
        yield usable(lambda: scope.enter_context(invocation(directory, as_json=as_json)))


def _list(rows: list[tuple[str, str]]) -> int:
    width = max(len(name) for name, _ in rows)
    return show("".join(f"{name:<{width}}  {summary_}\n" for name, summary_ in rows), 0)


def _facts(network_: str) -> dict[str, Any]:
    return {**environment(network_), PID: os.getpid()}


def _setting(plan: SoakPlan, network_: str, planned: tuple[str, ...]) -> RunInfo:
    facts = {**_facts(network_), "plan": {**asdict(plan), "scenarios": list(plan.scenarios)}}
    started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return RunInfo(joined(["mobifai", *sys.argv[1:]]), started, plan.seed, facts, planned, product())
