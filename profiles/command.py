"""`mobifai profile`: names the line that makes memory grow, and what holds it."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console

from mobifai.cli.running import ask_running, run
from mobifai.cli.settings import state_dir_option
from mobifai.errors import CommandError, MobiFaiError
from mobifai.state import StateDir
from profiles.gate.command import gate
from profiles.invocation import command, now, tell
from profiles.results import EXIT_STATUS, ProfileReport
from soak.command import Usage
from soak.duration import Duration
from soak.gauges.results import Report
from soak.harness import network_namespace as network
from soak.harness.environment import environment
from soak.harness.temp_run import alone, until_stopped
from soak.plants import plant
from soak.run.plan import Plan
from soak.scenarios import scenarios

T = TypeVar("T")

DEFAULT_REPORT = "profile-report"

EPILOG = "Exit status: 0 nothing found; 1 found; 2 usage; 3 the run itself failed; 4 inconclusive."


@click.group(epilog=EPILOG)
def profile() -> None:
    """Find the line that makes memory grow, and what holds it.

    `mobifai soak` says whether anything grows; this says where.
    """


def report_options(command: Any) -> Any:
    """Where the report goes."""
    command = click.option("--json", "as_json", is_flag=True, help="The report as JSON on standard output.")(command)
    return click.option("--report", "report_dir", type=click.Path(path_type=Path), default=DEFAULT_REPORT,
                        show_default=True, help="Where the report goes.")(command)  # fmt: skip


@profile.command("run", epilog=EPILOG)
@click.argument("scenario_names", nargs=-1, metavar="[SCENARIO]...")
@click.option("--from", "from_report", type=click.Path(path_type=Path), metavar="REPORT",
              help="Explain what a soak report found: its directory.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31), help="Chance that can be had again.  [default: a new one]")
@click.option("--time-scale", type=click.FloatRange(1, 10_000), default=20.0, show_default=True,
              help="Run the agent's timers so many times as fast.")  # fmt: skip
@click.option("--plant", "plant_name", metavar="NAME", help="Plant a leak of `mobifai soak --list-plants`.")
@click.option("--dose/--no-dose", default=True, help="Test what each culprit scales with.  [default: on]")
@click.option("--memray/--no-memray", default=None,
              help="Look at the C heap too.  [default: when it grows and nothing else explains it]")  # fmt: skip
@report_options
def run_(
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
    from profiles.investigate.hunt import Wanted  # noqa: PLC0415 - heavy

    if from_report is not None and (scenario_names or seed is not None or plant_name is not None):
        raise Usage("expected --from alone: scenarios, seed and plant are those of the report")
    if plant_name is not None:
        planted = _usable(lambda: plant(plant_name))
        scenario_names = scenario_names or (planted.scenario,)
    for name in scenario_names:
        if name not in scenarios():
            raise Usage(f"expected one of {', '.join(scenarios())}; found {name!r}")
    chance = random.SystemRandom().randrange(2**31) if seed is None else seed
    plan = Plan(tuple(dict.fromkeys(scenario_names)) or scenarios(), chance, time_scale=time_scale, phones=2,
                plant=plant_name)  # fmt: skip
    wanted = Wanted(plan, dose, memray)
    if from_report is not None:
        wanted = _of_report(wanted, from_report)
    return _end(lambda: _hunt(wanted), report_dir, as_json)


def _of_report(wanted: Any, place: Path) -> Any:
    """What a soak report's findings ask for. Raises Usage."""
    from soak.report.directory import read_report  # noqa: PLC0415

    report = _usable(lambda: read_report(place if place.is_dir() else place.parent))
    found = [one for one in report.findings if one.scenario in scenarios()]
    if not found:
        raise Usage(f"{place}: that run found nothing that a scenario can show again ({report.verdict}); nothing to do")
    names = tuple(dict.fromkeys(one.scenario for one in found))
    return replace(wanted, plan=_plan_of(report, names), findings=found, mode="from")


def _plan_of(report: Report, names: tuple[str, ...]) -> Plan:
    told = report.environment.get("plan", {})
    known = {name: told[name] for name in ("time_scale", "phones", "plant") if name in told}
    return Plan(names, report.seed, **known)


def _hunt(wanted: Any) -> ProfileReport:
    from profiles.investigate.hunt import Hunt  # noqa: PLC0415

    facts = environment(network.enter())

    async def hunt(folder: Path) -> ProfileReport:
        hunting = Hunt(wanted, folder, facts, command(), now(), tell)
        return await until_stopped(hunting.run())

    return alone(hunt)


@profile.command(epilog=EPILOG)
@click.option("--for", "seconds", type=Duration(), default="60s", show_default=True, help="How long.")
@report_options
@state_dir_option
def attach(seconds: float, report_dir: Path, as_json: bool, state_dir: Path) -> int:
    """Look into the agent that runs now, without stopping it.

    Memory that is allocated is traced for so long, which makes the agent slower meanwhile; then all of it is taken off.
    Only the agent's owner can do it.
    """
    return _end(lambda: _attach(seconds, state_dir), report_dir, as_json)


def _attach(seconds: float, state_dir: Path) -> ProfileReport:
    from profiles.attach import Attached  # noqa: PLC0415

    looking = Attached(StateDir(state_dir).control_socket, seconds, tell)
    run(until_stopped(looking.look()))
    found = bool(looking.culprits or looking.unattributed)
    return ProfileReport(
        verdict="found" if found else "clean" if looking.done else "inconclusive",
        mode="attach",
        culprits=looking.culprits,
        unattributed=looking.unattributed,
        seed=0,
        cycles=looking.windows,
        duration_s=seconds,
        environment=environment("that of the agent that is looked into"),
        command=command(),
        started_at=now(),
        overhead=looking.overhead,
        notes=["a cycle is one window of this look"],
    )


@profile.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@state_dir_option
def heap(as_json: bool, state_dir: Path) -> None:
    """Show what is in the memory of the agent that runs now."""
    from profiles.heap import heap_text  # noqa: PLC0415

    told = ask_running(state_dir, "profile.heap")
    if as_json:
        click.echo(msgspec.json.encode(told))
    else:
        heap_text(told)


@profile.command()
@click.option("--for", "seconds", type=Duration(), default="30s", show_default=True, help="How long.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default="flame.html", show_default=True,
              help="The page to write.")  # fmt: skip
@click.option("--native", is_flag=True, help="With the frames of C functions.")
@click.option("--kept", is_flag=True, help="Only memory that is still there at the end of the window.")
@state_dir_option
def flame(seconds: float, out: Path, native: bool, kept: bool, state_dir: Path) -> None:
    """Write memray's flame graph of what the running agent allocates."""
    from profiles.flame import flame as write  # noqa: PLC0415

    took = run(write(StateDir(state_dir).control_socket, seconds, out, native=native, kept=kept))
    click.echo(f"{out}: what was allocated in {took:.3g} s")


@profile.command(epilog="Exit status: 0 nothing new or larger; 1 there is; 2 usage; 4 the later report has no verdict.")
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def compare(before: Path, after: Path, as_json: bool) -> int:
    """Lay two reports side by side.

    What is new in the later one, what is gone, what has become larger.
    """
    from profiles.compare import compare as side_by_side  # noqa: PLC0415
    from profiles.compare import comparison_text  # noqa: PLC0415
    from profiles.report.directory import read_profile  # noqa: PLC0415

    earlier, later = _usable(lambda: read_profile(before)), _usable(lambda: read_profile(after))
    found = side_by_side(earlier, later)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        Console(highlight=False).print(comparison_text(found), soft_wrap=True)
    if found.new or found.larger:
        return EXIT_STATUS["found"]
    return 0 if later.verdict in ("clean", "found") else EXIT_STATUS["inconclusive"]


profile.add_command(gate)


# -- what they share


def _end(make: Callable[[], ProfileReport], place: Path, as_json: bool) -> int:
    """Make a report, write it, print it; its status."""
    from profiles.report.directory import ProfileDirectory, encoded  # noqa: PLC0415
    from profiles.report.summary import summary  # noqa: PLC0415

    directory = _usable(lambda: ProfileDirectory(place))
    try:
        report = make()
        directory.write(report)
    except MobiFaiError as error:
        raise CommandError(str(error), EXIT_STATUS["failed"]) from error
    except Exception as error:
        told = f"an internal error, which should not be: {error!r}"
        raise CommandError(told, EXIT_STATUS["failed"]) from error
    if as_json:
        click.echo(encoded(report).decode(), nl=False)
    else:
        Console(highlight=False).print(summary(report, place / "report.html"), soft_wrap=True)
    return EXIT_STATUS[report.verdict]


def _usable(make: Callable[[], T]) -> T:
    """What was named on the command line. Raises Usage when it can't be used."""
    try:
        return make()
    except MobiFaiError as error:
        raise Usage(str(error)) from None
