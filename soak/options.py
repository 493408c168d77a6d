"""The options of `mobifai soak`: their types, ranges and help texts, and which are valid together."""

import random
from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from types import MappingProxyType
from typing import Any, Final, TypeVar

import click

from soak.duration import Duration, duration_text
from soak.option_table import Mode, OptionsError, OptionTable, usable
from soak.option_types import CYCLES, PHONES, SEED, TIME_SCALE, PathName
from soak.plants import plant, plants
from soak.run.plan import LARGEST_SEED, QUICK_BLOCKS, WATCH_SECONDS, SoakPlan
from soak.run.plan import PHONES as DEFAULT_PHONES
from soak.run.plan import TIME_SCALE as DEFAULT_TIME_SCALE
from soak.scenarios import scenarios

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_REPORT: Final = "soak-report"

_EVERY = Duration()
_SCENARIOS: Final = "scenario_names"
_LENGTH: Final = ("duration", "cycles", "quick")

_NOTHING_RUNS = "listing starts no run"

MODES: Final[Mapping[str, Mode]] = MappingProxyType(
    {
        "list_scenarios": Mode(frozenset(), _NOTHING_RUNS),
        "list_plants": Mode(frozenset(), _NOTHING_RUNS),
        "resume": Mode(
            frozenset({"duration", "cycles", "as_json"}),
            "a resumed run writes to the same report and keeps its original options, "
            "except for a longer --duration or more --cycles",
        ),
        "attach": Mode(
            frozenset({"duration", "report_dir", "as_json"}),
            "a watched agent is not put under load, so only the time and the report can be chosen",
        ),
        "self_test": Mode(
            frozenset({_SCENARIOS, "seed", "time_scale", "phones", "report_dir", "as_json"}),
            "the self-test makes a quick run with --fail-fast and --no-memray for each plant",
        ),
        "": Mode(
            frozenset({_SCENARIOS, *_LENGTH, "seed", "time_scale", "phones", "report_dir", "memray", "plant_name",
                       "as_json", "fail_fast"}),
        ),
    }
)  # fmt: skip
"""The modes of `mobifai soak`, by the parameter that selects each. The key of the default mode is `""`."""

TABLE: Final = OptionTable(MODES, {_LENGTH: "each says how long the run is"})

OPTIONS: Final = (
    click.argument(_SCENARIOS, nargs=-1, metavar="[SCENARIO]..."),
    click.option(
        "--duration", type=_EVERY, metavar="TIME",
        help=f"Duration of the run with its warm-up, such as 10m, 1h30m or 24h; {_EVERY.range}. With --attach: how "
        f"long to watch (default: {duration_text(WATCH_SECONDS)}).",
    ),
    click.option(
        "--cycles", type=CYCLES, metavar="N",
        help=f"Cycles of each scenario after the warm-up, rounded up to whole blocks (6 to 20 cycles each); "
        f"{CYCLES.range}. Fewer than {QUICK_BLOCKS} blocks give no verdict (status 4).",
    ),
    click.option(
        "--quick", is_flag=True,
        help=f"Run {QUICK_BLOCKS} blocks of cycles of each scenario, about five minutes for all of them. The "
        "default without --duration and --cycles.",
    ),
    click.option(
        "--seed", type=SEED, metavar="N",
        help=f"Random seed, for a run that can be repeated; {SEED.range}.  [default: a new one for each run]",
    ),
    click.option(
        "--time-scale", type=TIME_SCALE, metavar="X", default=DEFAULT_TIME_SCALE, show_default=True,
        help=f"Run the agent's timers X times as fast, so that slow ones expire during the run; {TIME_SCALE.range}.",
    ),
    click.option(
        "--phones", type=PHONES, metavar="N", default=DEFAULT_PHONES, show_default=True,
        help=f"Largest number of phones at the same time; {PHONES.range}.",
    ),
    click.option(
        "--report", "report_dir", type=PathName(), metavar="DIR",
        help=f"Directory to write the report to.  [default: {DEFAULT_REPORT}]",
    ),
    click.option(
        "--resume", type=PathName(), metavar="DIR",
        help="Continue the unfinished run whose report is in DIR, with its original options. A longer "
        "--duration or more --cycles extends it.",
    ),
    click.option(
        "--memray/--no-memray", default=True,
        help="Trace memory with memray for short times between the judged blocks of cycles, to show which lines "
        "keep memory.  [default: on]",
    ),
    click.option(
        "--plant", "plant_name", metavar="NAME",
        help="Plant the leak NAME of --list-plants in the agent, to test that it is found.",
    ),
    click.option("--list-plants", is_flag=True, help="List the leaks and decoys that can be planted, and exit."),
    click.option(
        "--self-test", is_flag=True,
        help="Make a quick run for every leak and decoy that can be planted (with SCENARIO: in that scenario), and "
        "report which were found.",
    ),
    click.option(
        "--attach", type=PathName(file_okay=False), metavar="STATE_DIR",
        help="Watch the running agent of the state directory STATE_DIR, without putting load on it.",
    ),
    click.option("--list", "list_scenarios", is_flag=True, help="List the scenarios, and exit."),
    click.option(
        "--json", "as_json", is_flag=True,
        help="Print the report as JSON on standard output; progress goes to standard error.",
    ),
    click.option("--fail-fast", is_flag=True, help="End the run at the first finding."),
)  # fmt: skip


def soak_options(command: F) -> F:
    """Add all options of `mobifai soak` to `command`, in the order of the help text."""
    return reduce(lambda made, option: option(made), reversed(OPTIONS), command)


def plan_of(params: Mapping[str, Any]) -> SoakPlan:
    """Return the plan for parsed options, with a random seed if none is given."""
    seed = params["seed"]
    return SoakPlan(
        tuple(dict.fromkeys(params["scenario_names"])) or scenarios(),
        seed=random.SystemRandom().randrange(LARGEST_SEED + 1) if seed is None else seed,
        duration=params["duration"],
        cycles=params["cycles"],
        time_scale=params["time_scale"],
        phones=params["phones"],
        memray=params["memray"],
        plant=params["plant_name"],
        fail_fast=params["fail_fast"],
    )


def check_plan(plan: SoakPlan) -> None:
    """Raise OptionsError for an unknown scenario or plant."""
    check_scenarios(plan.scenarios)
    if plan.plant is not None:
        name = plan.plant
        usable(lambda: plant(name))


def check_scenarios(names: Iterable[str]) -> None:
    """Raise OptionsError for an unknown scenario."""
    for name in names:
        if name not in scenarios():
            raise OptionsError(f"expected one of {', '.join(scenarios())}; found {name!r}: --list says what each does")


def check_planted(names: Iterable[str]) -> None:
    """Raise OptionsError if a scenario that is selected for a self-test has no plants."""
    planted = {one.scenario for one in plants()}
    for name in names:
        if name not in planted:
            known = ", ".join(one for one in scenarios() if one in planted)
            raise OptionsError(
                f"expected --self-test with a scenario that has plants ({known}); found {name!r}, which has none"
            )
