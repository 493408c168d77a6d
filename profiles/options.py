"""The options of `mobifai profile run`, their valid combinations, and the options that several commands have."""

import random
from collections.abc import Callable, Mapping
from functools import reduce
from types import MappingProxyType
from typing import Any, Final, TypeVar

import click

from soak.duration import SHORTEST, Duration
from soak.gauges.gauge import AGENT
from soak.option_table import Mode, OptionTable
from soak.option_types import PHONES, SEED, TIME_SCALE, PathName
from soak.run.plan import LARGEST_SEED, SoakPlan
from soak.run.plan import PHONES as DEFAULT_PHONES
from soak.run.plan import TIME_SCALE as DEFAULT_TIME_SCALE
from soak.scenarios import workloads

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_REPORT: Final = "profile-report"

_ALWAYS: Final = frozenset({"scenario_names", "process", "dose", "memray", "report_dir", "as_json"})

MODES: Final[Mapping[str, Mode]] = MappingProxyType(
    {
        "from_report": Mode(_ALWAYS, "the seed, the time scale, the phones and the plant are those of the report"),
        "": Mode(_ALWAYS | {"seed", "time_scale", "phones", "plant_name"}),
    }
)
"""The modes of `mobifai profile run`. A key is the parameter that selects the mode, or "" for the default mode."""

PROCESSES: Final = (AGENT, "keeper", "relay")

TABLE: Final = OptionTable(MODES)


def report_options(command: F) -> F:
    """Add the options `--report` and `--json` to a command, and return the command."""
    command = click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on standard output.")(
        command
    )
    return click.option("--report", "report_dir", type=PathName(), metavar="DIR", default=DEFAULT_REPORT,
                        show_default=True, help="Directory to write the report to.")(command)  # fmt: skip


def for_option(default: str, longest: float, shortest: float = SHORTEST, more: str = "") -> Callable[[F], F]:
    """Return the decorator that adds the option `--for`, a duration, to a command.

    `default` is a text such as `60s`. `longest` and `shortest` are the limits in seconds. `more` is appended to the
    help text.
    """
    kind = Duration(longest, shortest)
    return click.option("--for", "seconds", type=kind, metavar="TIME", default=default, show_default=True,
                        help=f"Duration of the examination, such as 90s or 5m; {kind.range}."
                        f"{f' {more}' if more else ''}")  # fmt: skip


RUN_OPTIONS: Final = (
    click.argument("scenario_names", nargs=-1, metavar="[SCENARIO]..."),
    click.option(
        "--from", "from_report", type=PathName(), metavar="REPORT",
        help="Explain the findings of a soak run, given the directory of its report. With SCENARIO, examine only that "
        "scenario, with the seed and the options of the report.",
    ),
    click.option(
        "--seed", type=SEED, metavar="N",
        help=f"Random seed, for a reproducible run; {SEED.range}.  [default: a new one for each run]",
    ),
    click.option(
        "--time-scale", type=TIME_SCALE, metavar="X", default=DEFAULT_TIME_SCALE, show_default=True,
        help=f"Run the agent's timers X times as fast; {TIME_SCALE.range}.",
    ),
    click.option(
        "--phones", type=PHONES, metavar="N", default=DEFAULT_PHONES, show_default=True,
        help=f"Largest number of phones at the same time; {PHONES.range}.",
    ),
    click.option("--plant", "plant_name", metavar="NAME", help="Plant this leak (see `mobifai soak --list-plants`)."),
    click.option(
        "--process", type=click.Choice(PROCESSES), metavar="NAME",
        help=f"Process to examine: {', '.join(PROCESSES[:-1])} or {PROCESSES[-1]} (the relay only in a scenario in "
        "which it is a separate process that is not restarted).  [default: first the process in which the leak was "
        "planted or found, or else the agent; then each other process in which something grows without a culprit]",
    ),
    click.option(
        "--dose/--no-dose", default=True,
        help="Test which of a phone's actions each culprit grows with.  [default: on]",
    ),
    click.option(
        "--memray/--no-memray", default=None,
        help="Examine the C heap with memray.  [default: if it grows and nothing else explains it]",
    ),
    report_options,
)  # fmt: skip


def run_options(command: F) -> F:
    """Add all options of `mobifai profile run` to a command, in the order of the help text, and return the command."""
    return reduce(lambda made, option: option(made), reversed(RUN_OPTIONS), command)


def plan_of(params: Mapping[str, Any], usual: tuple[str, ...] = ()) -> SoakPlan:
    """Return the plan of a run from its parsed options `params`.

    If the options name no scenario, the plan has the scenarios `usual`, or if there are none, all of soak's scenarios
    except `limits`. If they have no seed, the plan has a random one.
    """
    seed = params["seed"]
    return SoakPlan(
        tuple(dict.fromkeys(params["scenario_names"])) or usual or workloads(),
        seed=random.SystemRandom().randrange(LARGEST_SEED + 1) if seed is None else seed,
        time_scale=params["time_scale"],
        phones=params["phones"],
        plant=params["plant_name"],
    )
