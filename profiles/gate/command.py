"""`mobifai profile gate`: does this change make memory grow?"""

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from mobifai import __version__
from mobifai.errors import MobiFaiError
from profiles.gate.accepted import Accepted, read_accepted
from profiles.gate.baseline import Baseline, fitting, here, misfit, read_baselines, workload_of, write_baseline
from profiles.gate.candidate import Choice, choose
from profiles.gate.checkout import toplevel
from profiles.gate.compared import edits_in_words
from profiles.gate.documents import GateDirectory, annotations, encoded
from profiles.gate.gate import SCENARIOS, Comparison, Gate
from profiles.gate.next_steps import next_steps
from profiles.gate.options import ACCEPTED, TABLE, gate_command, gate_options, plan_of
from profiles.gate.results import EXIT_STATUS, GateReport, SideResult
from profiles.gate.sides import Side, base, base_of, candidate
from profiles.gate.table import markdown, summary
from profiles.invocation import command, now, tell
from profiles.results import ProfileError, Unjudged
from soak.command import RunFailed
from soak.harness import network_namespace as network
from soak.harness.cleanup import swept
from soak.harness.environment import environment
from soak.harness.identity import product
from soak.harness.temp_run import alone, until_stopped
from soak.option_table import Usage
from soak.options import check_scenarios
from soak.report.github import publish
from soak.run.plan import Plan


@click.command(
    "gate",
    epilog="Exit status: 0 memory does not grow; 1 it grows, a limit was passed, or accepted growth has expired; "
    "2 usage: the options can't be used; 3 the run itself failed; 4 inconclusive: it was interrupted, or there is "
    "nothing that it can be compared with.",
)
@gate_options
@click.pass_context
def gate(context: click.Context, /, **params: Any) -> int:
    """Say whether a change makes memory grow, in a few minutes.

    The candidate (--candidate) is put through the same work as its base: a revision that is built and run in turns with
    it, or figures that were stored in the same environment. The gate fails when a limit is passed, when a count does
    not come back at rest, when growth is confirmed by a second run, and when more is in use at rest than a declared
    step allows. SCENARIO is one or more of those that `mobifai soak --list` shows.
    """
    TABLE.check(context)
    check_scenarios(params["scenario_names"])
    plan = plan_of(tuple(dict.fromkeys(params["scenario_names"])) or SCENARIOS, params["seed"])
    try:
        directory = GateDirectory(params["report_dir"])
        accepted, where = _accepted(params["accepted_file"])
        tried = choose(Path.cwd(), Choice(params["choice"]) if params["choice"] else None)
        against: Revision | Stored
        if params["revision"] is not None:
            against = Revision(tried, params["revision"])
        else:
            against = Stored(plan, tried, params["baseline_file"], params["update"])
    except MobiFaiError as error:
        raise Usage(str(error)) from None
    try:
        replay = gate_command(params, plan, against.about.commit)
        report = _gated(plan, against, accepted, where, params["culprits"], replay)
        directory.write(report)
    except Exception as error:
        raise RunFailed(error) from error
    return _end(report, params["as_json"])


class Revision:
    """A revision of the checkout that this is run in, to be built and run."""

    update = False

    def __init__(self, tried: SideResult, name: str) -> None:
        """Raises GitError when it is not there."""
        self._name = name
        self._checkout = toplevel(Path.cwd())
        self.tried = tried
        self.about = base_of(self._checkout, name)
        self.stored: dict[str, float] | None = None

    def sides(self, folder: Path) -> list[Side]:
        """The base and the candidate, laid out. Raises ProfileError."""
        now = candidate(self.tried, folder / "b")
        tell(f"building {self._name}")
        return [base(self._checkout, self._name, folder / "a"), now]


class Stored:
    """Figures in a file, or what is to become of it."""

    def __init__(self, plan: Plan, tried: SideResult, file: Path, update: bool) -> None:
        """Raises BaselineError when there are none, or they can't be read."""
        self._file = file
        self.tried = tried
        self.update = update
        self._known = read_baselines(file) if file.exists() or not update else []
        self._wanted = here(environment(""), workload_of(plan), {}, _measured(tried))
        found = fitting(self._known, self._wanted)
        self.misfit = "" if found is not None or update else misfit(self._known, self._wanted)
        self.stored = found.figures if found is not None and not update else None
        self.about = SideResult("itself") if update else _of_stored(file, found)

    def sides(self, folder: Path) -> list[Side]:
        """The candidate alone, laid out."""
        return [candidate(self.tried, folder / "b")]

    def keep(self, figures: dict[str, float]) -> None:
        """Store these figures. Raises ReportError."""
        write_baseline(
            self._file, self._known, msgspec.structs.replace(self._wanted, figures=figures, commit=self.tried.commit)
        )


def _gated(
    plan: Plan, against: Revision | Stored, accepted: list[Accepted], where: str, culprits: bool, replay: str
) -> GateReport:
    """Lay out, run, and store what is to be stored."""
    if isinstance(against, Stored) and against.misfit:
        return _inconclusive(plan, against, against.misfit, replay, fits=False)
    with tempfile.TemporaryDirectory(prefix="mobifai-gate-") as laid_out, swept(Path(laid_out)):
        try:
            sides = against.sides(Path(laid_out))
        except ProfileError as error:
            return _inconclusive(plan, against, str(error), replay)
        of_base = sides[0].about if len(sides) > 1 else against.about
        wanted = Comparison(
            plan, sides, against.stored, of_base, sides[-1].about, accepted, where, culprits, replay=replay
        )
        facts = environment(network.enter())

        async def run(folder: Path) -> tuple[GateReport, Gate]:
            running = Gate(wanted, folder, facts, command(), now(), tell)
            return await until_stopped(running.run()), running

        report, ran = alone(run)
        if not isinstance(against, Stored) or not against.update:
            return report
        if ran.clean:
            against.keep(ran.figures)
            return report
        return msgspec.structs.replace(report, notes=[*report.notes, "its figures were not stored: see above"])


def _inconclusive(plan: Plan, against: Revision | Stored, why: str, replay: str, *, fits: bool = True) -> GateReport:
    """Nothing was run."""
    report = GateReport(
        "inconclusive", against.about, against.tried, [], [], [], environment("not used"), plan.seed, 0.0,
        unjudged=[Unjudged("everything", why)], fits=fits, command=command(), started_at=now(), product=product(),
        replay=replay,
    )  # fmt: skip
    return msgspec.structs.replace(report, next_steps=next_steps(report, plan))


def _of_stored(file: Path, found: Baseline | None) -> SideResult:
    """What stored figures are of; nothing but their file where none fit."""
    if found is None:
        return SideResult("stored", name=str(file))
    return SideResult(
        "stored", name=str(file), commit=found.commit, measured=found.measured, python=found.python,
        c_library=found.c_library, architecture=found.architecture, libraries=found.libraries,
    )  # fmt: skip


def _accepted(file: Path | None) -> tuple[list[Accepted], str]:
    """What is accepted, and where that is said. Raises AcceptedError."""
    if file is None and not ACCEPTED.exists():
        return [], ""
    place = file or ACCEPTED
    return read_accepted(place), str(place)


def _end(report: GateReport, as_json: bool) -> int:
    if as_json:
        click.echo(encoded(report).decode(), nl=False)
    else:
        Console(highlight=False).print(summary(report), soft_wrap=True)
    publish(annotations(report), markdown(report), as_json=as_json)
    return EXIT_STATUS[report.verdict]


def _measured(tried: SideResult) -> str:
    """When figures are stored, and of what."""
    of = edits_in_words(tried.commit, tried.kinds) if tried.commit else "commit not known"
    return f"{dt.datetime.now(dt.UTC).date()}, mobifai {__version__}, {of}"
