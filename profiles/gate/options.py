"""The options of `mobifai profile gate`, and their valid combinations."""

from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

import click

from profiles.gate.candidate import CandidateChoice
from profiles.gate.gate import SEED, TIME_SCALE
from soak.option_table import Mode, OptionTable
from soak.option_types import SEED as SEEDS
from soak.option_types import PathName
from soak.run.plan import PHONES, SoakPlan
from soak.run.replay import shell_command

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_REPORT: Final = "gate-report"
ACCEPTED: Final = Path("profiles", "accepted.toml")

_ALWAYS: Final = frozenset({"scenario_names", "choice", "seed", "culprits", "report_dir", "as_json"})

MODES: Final[Mapping[str, Mode]] = MappingProxyType(
    {
        "update": Mode(
            _ALWAYS | {"baseline_file"},
            "--update stores figures without comparing them",
            needs=("baseline_file",),
        ),
        "revision": Mode(_ALWAYS | {"accepted_file", "allow_identical"}, "the gate compares with only one base"),
        "baseline_file": Mode(_ALWAYS | {"accepted_file", "allow_identical"}, "the gate compares with only one base"),
    }
)
"""The modes of `mobifai profile gate`, by the parameter that selects the mode. One of them must be given."""

TABLE: Final = OptionTable(MODES)

OPTIONS: Final = (
    click.argument("scenario_names", nargs=-1, metavar="[SCENARIO]..."),
    click.option(
        "--base", "revision", metavar="REV",
        help="Compare with this git revision of the checkout. It is built, and runs in turns with the candidate.",
    ),
    click.option(
        "--baseline", "baseline_file", type=PathName(dir_okay=False), metavar="FILE",
        help="Compare with the figures stored in FILE.",
    ),
    click.option(
        "--candidate", "choice", type=click.Choice([one.value for one in CandidateChoice]),
        help="The candidate: `checkout`, the files of the checkout with their edits; or `installed`, the installed "
        "package. Required if the two differ.",
    ),
    click.option(
        "--allow-identical", is_flag=True,
        help="Run even if base and candidate are the same, to test the gate itself: any growth is a false alarm.",
    ),
    click.option("--update", is_flag=True, help="Store the figures of this run in the file of --baseline."),
    click.option(
        "--accepted", "accepted_file", type=PathName(dir_okay=False), metavar="FILE",
        help=f"TOML file that lists intended growth, with reasons.  [default: {ACCEPTED}, if it exists]",
    ),
    click.option(
        "--seed", type=SEEDS, metavar="N", default=SEED, show_default=True,
        help=f"Random seed, the same on both sides; {SEEDS.range}.",
    ),
    click.option(
        "--culprits/--no-culprits", default=True,
        help="If the gate fails, find the line of code that grows; this takes a few minutes more.  [default: on]",
    ),
    click.option(
        "--report", "report_dir", type=PathName(), metavar="DIR", default=DEFAULT_REPORT, show_default=True,
        help="Directory to write report.json, report.md and junit.xml to.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on standard output."),
)  # fmt: skip


def gate_options(command: F) -> F:
    """Add all options of `mobifai profile gate` to a command, in the order of the help text, and return the command."""
    return reduce(lambda made, option: option(made), reversed(OPTIONS), command)


def plan_of(scenarios: tuple[str, ...], seed: int) -> SoakPlan:
    """Return the soak plan that both sides run: these scenarios and seed, and the gate's fixed settings."""
    return SoakPlan(scenarios, seed, time_scale=TIME_SCALE, phones=PHONES)


def gate_command(params: Mapping[str, Any], plan: SoakPlan, base_commit: str) -> str:
    """Return the command that repeats a run of the gate, given its parsed options `params`.

    A base revision is named by its commit, `base_commit`, because a branch may move. Paths stay relative, because the
    gate runs in a checkout, where they mean the same for every user.
    """
    words = [*plan.scenarios]
    words += ["--base", base_commit] if params["revision"] is not None else []
    words += ["--baseline", str(params["baseline_file"])] if params["baseline_file"] is not None else []
    words += ["--update"] if params["update"] else []
    words += ["--candidate", str(params["choice"])] if params["choice"] is not None else []
    words += ["--allow-identical"] if params["allow_identical"] else []
    words += ["--accepted", str(params["accepted_file"])] if params["accepted_file"] is not None else []
    words += ["--seed", str(plan.seed)]
    return shell_command("profile", "gate", *words, *([] if params["culprits"] else ["--no-culprits"]))
