"""`mobifai profile gate`: tests whether a change makes memory grow."""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec

from profiles.gate.accepted import AcceptedGrowth, read_accepted
from profiles.gate.candidate import CandidateChoice
from profiles.gate.comparison_base import RevisionBase, StoredBase
from profiles.gate.gate import SCENARIOS, Gate
from profiles.gate.next_steps import next_steps, other_sides
from profiles.gate.options import ACCEPTED, TABLE, gate_command, gate_options, plan_of
from profiles.gate.report_files import GateDirectory, annotations, encoded
from profiles.gate.request import GateRequest
from profiles.gate.results import EXIT_STATUS, GateReport
from profiles.gate.side_text import SAME_SIDES
from profiles.gate.sides import CandidateFailed
from profiles.gate.table import markdown, summary
from profiles.invocation import command, timestamp
from profiles.progress import print_progress
from profiles.report_lifecycle import (
    EarlyVerdict,
    FinalReport,
    ReportSaver,
    finish_report,
    removed_unless_begun,
    reserve_directory,
)
from profiles.results import EVERYTHING, ProfileError, Unjudged
from profiles.subcommand import Subcommand, interruption
from soak.harness import network_namespace as network
from soak.harness.cleanup import cleaned_up_if_killed
from soak.harness.environment import environment
from soak.harness.identity import product
from soak.harness.temp_run import run_in_temp_folder
from soak.option_table import usable
from soak.options import check_scenarios
from soak.output import rendered, show
from soak.report.github import publish
from soak.run.plan import SoakPlan


@click.command(
    "gate",
    cls=Subcommand,
    epilog="Exit status: 0 memory does not grow; 1 it grows, a limit was exceeded, or accepted growth has expired; "
    "2 wrong usage; 3 the run itself failed, or the output can't be written; 4 inconclusive: the run "
    "was interrupted, or there is nothing to compare with.",
)
@gate_options
@click.pass_context
def gate(context: click.Context, /, **params: Any) -> int:
    """Test in a few minutes whether a change makes memory grow.

    The candidate (--candidate) is compared with its base: a revision, which is built and runs the same scenarios in
    turns with the candidate, or figures that were stored earlier in the same environment. The gate fails if a limit is
    exceeded, if a count does not return to its initial value at rest, if a second run confirms growth, or if a figure
    at rest is larger than that of the base by more than its declared step. SCENARIO is one or more scenarios of
    `mobifai soak --list`.
    """
    TABLE.check(context)
    check_scenarios(params["scenario_names"])
    plan = plan_of(tuple(dict.fromkeys(params["scenario_names"])) or SCENARIOS, params["seed"])
    accepted, where = usable(lambda: _accepted(params["accepted_file"]))
    directory = usable(lambda: GateDirectory(params["report_dir"]))
    with removed_unless_begun(directory):
        against = usable(lambda: _against(params, plan))
    replay = gate_command(params, plan, against.about.commit)
    first = _without_a_run(plan, against, "unfinished", replay)
    saving = ReportSaver(directory, first, _with_verdict)
    options = _GateOptions(plan, against, accepted, where, params["culprits"], params["allow_identical"], replay)
    with reserve_directory(directory, first):
        final = finish_report(directory, saving, lambda: _gated(options, saving))
    return _end(final, params["as_json"])


def _against(params: Mapping[str, Any], plan: SoakPlan) -> RevisionBase | StoredBase:
    """Return the base that the parsed options `params` name: a revision or stored figures. Raises MobiFaiError."""
    choice = CandidateChoice(params["choice"]) if params["choice"] else None
    if params["revision"] is not None:
        return RevisionBase(params["revision"], choice)
    return StoredBase(plan, params["baseline_file"], choice, update=params["update"])


@dataclass(frozen=True)
class _GateOptions:
    """The parsed options of `mobifai profile gate`.

    `against` is the base. `accepted` has the entries of accepted growth, and `where` names their file. `culprits` says
    whether lines are named if memory grows. `replay` is the command that repeats the run.
    """

    plan: SoakPlan
    against: RevisionBase | StoredBase
    accepted: list[AcceptedGrowth]
    where: str
    culprits: bool
    allow_identical: bool
    replay: str


def _gated(options: _GateOptions, save: Callable[[GateReport], None]) -> GateReport:
    """Prepare the base and the candidate, run the gate, and return its report.

    With --update, the candidate's figures are stored if the run was clean. `save` is called with the report so far
    during the run.
    """
    plan, against, replay = options.plan, options.against, options.replay
    if (early := _not_to_be_run(options)) is not None:
        return early
    with (
        tempfile.TemporaryDirectory(prefix="mobifai-gate-", ignore_cleanup_errors=True) as laid_out,
        cleaned_up_if_killed(Path(laid_out)),
    ):
        try:
            sides = against.sides(Path(laid_out))
        except CandidateFailed as error:
            return _with_verdict(_without_a_run(plan, against, "failed", replay), "failed", str(error))
        except ProfileError as error:
            return _inconclusive(plan, against, str(error), replay)
        of_base = sides[0].about if len(sides) > 1 else against.about
        compared = GateRequest(
            plan, sides, against.stored, of_base, sides[-1].about, options.accepted, options.where, options.culprits,
            replay=replay,
        )  # fmt: skip
        facts = environment(network.enter())

        async def run(folder: Path) -> tuple[GateReport, Gate]:
            running = Gate(compared, folder, facts, command(), timestamp(), print_progress, save)
            return await interruption().end(running.run()), running

        report, ran = run_in_temp_folder(run)
        if not isinstance(against, StoredBase) or not against.update:
            return report
        if ran.is_clean:
            against.keep(ran.figures)
            return report
        return msgspec.structs.replace(
            report,
            notes=[
                *report.notes,
                "the figures were not stored: only a run that judges everything and finds nothing stores them",
            ],
        )


def _inconclusive(
    plan: SoakPlan, against: RevisionBase | StoredBase, why: str, replay: str, *, fits: bool = True
) -> GateReport:
    """Return the report of a gate that does not run, with the verdict `inconclusive` for the reason `why`.

    `fits` is false if the base is a file that has no figures for this environment and workload.
    """
    report = msgspec.structs.replace(
        _without_a_run(plan, against, "inconclusive", replay), unjudged=[Unjudged(EVERYTHING, why)], fits=fits
    )
    return msgspec.structs.replace(report, next_steps=next_steps(report, plan))


def _not_to_be_run(options: _GateOptions) -> GateReport | None:
    """Return None if the gate has to run. If it could not reach a verdict, return the final report with the reason."""
    plan, against, replay = options.plan, options.against, options.replay
    if against.misfit:
        return _inconclusive(plan, against, against.misfit, replay, fits=False)
    try:
        same = not options.allow_identical and against.is_same()
    except ProfileError as error:
        return _inconclusive(plan, against, str(error), replay)
    return _same_sides(plan, against, replay) if same else None


def _same_sides(plan: SoakPlan, against: RevisionBase | StoredBase, replay: str) -> GateReport:
    """Return the report of a gate that does not run because base and candidate are the same."""
    report = _inconclusive(plan, against, SAME_SIDES, replay)
    return msgspec.structs.replace(report, next_steps=other_sides(report, plan, against.other_base()))


def _without_a_run(
    plan: SoakPlan, against: RevisionBase | StoredBase, verdict: EarlyVerdict, replay: str
) -> GateReport:
    return GateReport(
        verdict, against.about, against.tried, [], [], [], environment("not used"), plan.seed, 0.0,
        command=command(), started_at=timestamp(), product=product(), replay=replay,
    )  # fmt: skip


def _with_verdict(report: GateReport, how: EarlyVerdict, note: str) -> GateReport:
    notes = [*([note] if note else []), *report.notes]
    return msgspec.structs.replace(report, verdict=how, notes=notes)


def _accepted(file: Path | None) -> tuple[list[AcceptedGrowth], str]:
    """Return the entries of the file of accepted growth, and the file's name.

    If `file` is None, `profiles/accepted.toml` is read. If that file does not exist, there are no entries and no name.
    Raises AcceptedError if the file can't be read or is invalid.
    """
    if file is None and not ACCEPTED.exists():
        return [], ""
    place = file or ACCEPTED
    return read_accepted(place), str(place)


def _end(final: FinalReport[GateReport], as_json: bool) -> int:
    report = final.report
    status = final.status(EXIT_STATUS[report.verdict])
    status = show(encoded(report) if as_json else rendered(summary(report)), status)
    if final.unwritten:
        print_progress(f"mobifai: {final.unwritten}")
    with suppress(OSError):  # standard output is closed
        publish(annotations(report), markdown(report), as_json=as_json)
    return status
