"""`mobifai profile gate`: does this change make memory grow?"""

import datetime as dt
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec

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
from profiles.gate.sides import CandidateFailed, Side, base, base_of, candidate
from profiles.gate.table import markdown, summary
from profiles.invocation import command, now, tell
from profiles.reported import How, Kept, Saving, begun_in, kept
from profiles.results import EVERYTHING, ProfileError, Unjudged
from profiles.subcommand import Subcommand, interruption
from profiles.writable import check_writable
from soak.harness import network_namespace as network
from soak.harness.cleanup import swept
from soak.harness.environment import environment
from soak.harness.identity import product
from soak.harness.temp_run import alone
from soak.option_table import Usage
from soak.options import check_scenarios
from soak.output import rendered, show
from soak.report.github import publish
from soak.run.plan import Plan


@click.command(
    "gate",
    cls=Subcommand,
    epilog="Exit status: 0 memory does not grow; 1 it grows, a limit was passed, or accepted growth has expired; "
    "2 usage: the options can't be used; 3 the run itself failed, or the output can't be written; 4 inconclusive: it "
    "was interrupted, or there is nothing that it can be compared with.",
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
    replay = gate_command(params, plan, against.about.commit)
    first = _without_a_run(plan, against, "unfinished", replay)
    saving = Saving(directory, first, _with_verdict)
    wanted = _Wanted(plan, against, accepted, where, params["culprits"], replay)
    with begun_in(directory, first):
        told = kept(directory, saving, lambda: _gated(wanted, saving))
    return _end(told, params["as_json"])


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
        now = candidate(self.tried, folder / "b", interruption())
        tell(f"building {self._name}")
        return [base(self._checkout, self._name, folder / "a", interruption()), now]


class Stored:
    """Figures in a file, or what is to become of it."""

    def __init__(self, plan: Plan, tried: SideResult, file: Path, update: bool) -> None:
        """Raises BaselineError when there are none, or they can't be read."""
        self._file = file
        self.tried = tried
        self.update = update
        self._known = read_baselines(file) if file.exists() or not update else []
        if update:
            check_writable(file, "--baseline")
        self._wanted = here(environment(""), workload_of(plan), {}, _measured(tried))
        found = fitting(self._known, self._wanted)
        self.misfit = "" if found is not None or update else misfit(self._known, self._wanted)
        self.stored = found.figures if found is not None and not update else None
        self.about = SideResult("itself") if update else _of_stored(file, found)

    def sides(self, folder: Path) -> list[Side]:
        """The candidate alone, laid out."""
        return [candidate(self.tried, folder / "b", interruption())]

    def keep(self, figures: dict[str, float]) -> None:
        """Store these figures. Raises ReportError."""
        write_baseline(
            self._file, self._known, msgspec.structs.replace(self._wanted, figures=figures, commit=self.tried.commit)
        )


@dataclass(frozen=True)
class _Wanted:
    """What is to be run. `where` names the file of accepted growth, `replay` is the command."""

    plan: Plan
    against: Revision | Stored
    accepted: list[Accepted]
    where: str
    culprits: bool
    replay: str


def _gated(wanted: _Wanted, save: Callable[[GateReport], None]) -> GateReport:
    """Lay out, run, and store what is to be stored."""
    plan, against, replay = wanted.plan, wanted.against, wanted.replay
    if isinstance(against, Stored) and against.misfit:
        return _inconclusive(plan, against, against.misfit, replay, fits=False)
    with (
        tempfile.TemporaryDirectory(prefix="mobifai-gate-", ignore_cleanup_errors=True) as laid_out,
        swept(Path(laid_out)),
    ):
        try:
            sides = against.sides(Path(laid_out))
        except CandidateFailed as error:
            return _with_verdict(_without_a_run(plan, against, "failed", replay), "failed", str(error))
        except ProfileError as error:
            return _inconclusive(plan, against, str(error), replay)
        of_base = sides[0].about if len(sides) > 1 else against.about
        compared = Comparison(
            plan, sides, against.stored, of_base, sides[-1].about, wanted.accepted, wanted.where, wanted.culprits,
            replay=replay,
        )  # fmt: skip
        facts = environment(network.enter())

        async def run(folder: Path) -> tuple[GateReport, Gate]:
            running = Gate(compared, folder, facts, command(), now(), tell, save)
            return await interruption().end(running.run()), running

        report, ran = alone(run)
        if not isinstance(against, Stored) or not against.update:
            return report
        if ran.clean:
            against.keep(ran.figures)
            return report
        return msgspec.structs.replace(report, notes=[*report.notes, "its figures were not stored: see above"])


def _inconclusive(plan: Plan, against: Revision | Stored, why: str, replay: str, *, fits: bool = True) -> GateReport:
    """Nothing was run."""
    report = msgspec.structs.replace(
        _without_a_run(plan, against, "inconclusive", replay), unjudged=[Unjudged(EVERYTHING, why)], fits=fits
    )
    return msgspec.structs.replace(report, next_steps=next_steps(report, plan))


def _without_a_run(plan: Plan, against: Revision | Stored, verdict: How, replay: str) -> GateReport:
    return GateReport(
        verdict, against.about, against.tried, [], [], [], environment("not used"), plan.seed, 0.0,
        command=command(), started_at=now(), product=product(), replay=replay,
    )  # fmt: skip


def _with_verdict(report: GateReport, how: How, note: str) -> GateReport:
    notes = [*([note] if note else []), *report.notes]
    return msgspec.structs.replace(report, verdict=how, notes=notes)


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


def _end(told: Kept[GateReport], as_json: bool) -> int:
    report = told.report
    status = told.status(EXIT_STATUS[report.verdict])
    status = show(encoded(report) if as_json else rendered(summary(report)), status)
    if told.unwritten:
        tell(f"mobifai: {told.unwritten}")
    with suppress(OSError):  # nobody reads it any more
        publish(annotations(report), markdown(report), as_json=as_json)
    return status


def _measured(tried: SideResult) -> str:
    """When figures are stored, and of what."""
    of = edits_in_words(tried.commit, tried.kinds) if tried.commit else "commit not known"
    return f"{dt.datetime.now(dt.UTC).date()}, mobifai {__version__}, {of}"
