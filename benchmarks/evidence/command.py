"""The command that makes the evidence: lists and runs missing units, and renders the pages. Owns the options."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from benchmarks.evidence.pages import write
from benchmarks.evidence.processes import END_SECONDS
from benchmarks.evidence.revision import inexact, origin, revision
from benchmarks.evidence.runner import EvidenceRunner, UnitSelection
from benchmarks.evidence.status import status
from benchmarks.evidence.store import ResultStore, ResultStoreError, evidence, read
from benchmarks.evidence.units import EvidenceKind, KindEvidence, UnitOutcome, UnitPlan
from mobifai.cli.control_client import run, stop_signals
from mobifai.errors import MobiFaiError

ALL_RIGHT, WRONG, FAILED, INCOMPLETE = 0, 1, 3, 4


class CannotRun(click.ClickException):
    """The run can't begin or continue as requested. Its exit status is 2, because 1 means a wrong result."""

    exit_code = 2


EPILOG = (
    "Exit status: 0 all results exist and are right; 1 a result is wrong; 2 wrong usage; 3 a unit failed twice because "
    "of the machine; 4 results are missing."
)


def make_command(kinds: Sequence[EvidenceKind], root: Path) -> click.Command:
    """Return the command that makes these kinds of evidence about the checkout at `root`."""
    by_name = {kind.name: kind for kind in kinds}

    @click.command(epilog=EPILOG)
    @click.option("--only", multiple=True, type=click.Choice([*by_name]), help="Run only this kind; can be repeated.")
    @click.option("--unit", "units", multiple=True, metavar="NAME", help="Run only this unit; can be repeated.")
    @click.option("--jobs", type=click.IntRange(1, 64), default=1, show_default=True, help="Units to run at a time.")
    @click.option("--limit-minutes", type=click.FloatRange(min=0, min_open=True),
                  help="Start no unit that would not end within this time from now.  [default: no limit]")  # fmt: skip
    @click.option("--status", "status_only", is_flag=True, help="List existing and missing results; run nothing.")
    @click.option("--render", is_flag=True, help="Render the pages from the results; run nothing.")
    @click.option("--discard-earlier", is_flag=True, help="Discard results of another revision.")
    @click.option("--allow-dirty", is_flag=True, help="Accept a checkout with edits, or no wheel; the pages say so.")
    @click.option("--docs", type=click.Path(path_type=Path, file_okay=False), default=root / "docs" / "measurements",
                  help="Directory of the results and the pages.  [default: docs/measurements]")  # fmt: skip
    @click.pass_context
    def command(
        context: click.Context,
        only: tuple[str, ...],
        units: tuple[str, ...],
        jobs: int,
        limit_minutes: float | None,
        status_only: bool,
        render: bool,
        discard_earlier: bool,
        allow_dirty: bool,
        docs: Path,
    ) -> None:
        """Make the results about soak and profile that the documentation shows, on one revision.

        The result of each run is stored when it ends, so the same command continues after a stop. Ctrl-C loses the
        running units.
        """
        choice = UnitSelection(tuple(kind for kind in kinds if not only or kind.name in only), frozenset(units))
        _check(units, choice)
        try:
            if render:
                _render(docs)
            elif status_only:
                _tell_status(choice, _plans(kinds, root), docs, jobs)
            else:
                _refuse_inexact(root, allow_dirty)
                with ResultStore(docs) as store:
                    _begin(store, _plans(kinds, root), discard_earlier)
                    _run(choice, store, root, jobs, limit_minutes)
                    click.echo(status(choice, store.evidence, jobs))
                    _render(docs)
                    context.exit(_status_of(choice, store.evidence))
        except (ResultStoreError, MobiFaiError) as error:
            raise CannotRun(str(error)) from None

    return command


def _check(units: Sequence[str], choice: UnitSelection) -> None:
    known = {unit for kind in choice.kinds for unit in kind.units()} if units else set()
    unknown = [unit for unit in units if unit not in known]
    if unknown:
        kinds = ", ".join(kind.name for kind in choice.kinds)
        raise click.UsageError(f"expected a unit of {kinds}; found {unknown[0]!r}")


def _plans(kinds: Sequence[EvidenceKind], root: Path) -> list[UnitPlan]:
    return [UnitPlan(kind.name, revision(root, kind.packages, kind.sources), tuple(kind.units())) for kind in kinds]


def _refuse_inexact(root: Path, allowed: bool) -> None:
    why = inexact(root)
    if why and not allowed:
        raise CannotRun(
            f"expected the wheel of a clean checkout; found: {', '.join(why)}. Commit, and use `nox -s evidence`; or "
            "give --allow-dirty, and the pages say so"
        )


def _begin(store: ResultStore, plans: list[UnitPlan], discard: bool) -> None:
    revisions = {plan.kind: plan.revision for plan in plans}
    earlier = store.other_revisions(revisions)
    if earlier and not discard:
        count, found = sum(len(one.results) for one in earlier), earlier[0].plan
        raise CannotRun(
            f"expected results of revision {revisions.get(found.kind)}; found {count} of others ({found.kind}: "
            f"{found.revision}). Go on from that revision's commit, or give --discard-earlier to begin from nothing"
        )
    store.begin(plans)


def _run(choice: UnitSelection, store: ResultStore, root: Path, jobs: int, minutes: float | None) -> None:
    deadline = time.monotonic() + (float("inf") if minutes is None else max(0.0, minutes * 60 - END_SECONDS))
    kept = root / ".cache" / "evidence"
    runner = EvidenceRunner(choice, store, origin(root), _tell, kept, jobs=jobs, deadline=deadline)

    async def until_stopped() -> None:
        async with stop_signals() as stop:
            await runner.run(stop)

    run(until_stopped())


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _tell_status(choice: UnitSelection, plans: Sequence[UnitPlan], docs: Path, jobs: int) -> None:
    results = [one for own in evidence(read(docs)).values() for one in own.results]
    found = {plan.kind: KindEvidence.by(plan, results) for plan in plans}
    click.echo(status(choice, found, jobs))
    others = len(results) - sum(len(one.results) for one in found.values())
    if others:
        click.echo(f"{others} results are of another revision than this checkout's, and count for nothing here")


def _render(docs: Path) -> None:
    for name in write(docs, evidence(read(docs))):
        click.echo(f"wrote {name}")


def _status_of(choice: UnitSelection, found: Mapping[str, KindEvidence]) -> int:
    own = [found[kind.name] for kind in choice.kinds]
    if any(one.of(UnitOutcome.WRONG) for one in own):
        return WRONG
    if any(True for _ in choice.missing(dict(found))):
        return INCOMPLETE
    return FAILED if any(one.of(UnitOutcome.FAILED) for one in own) else ALL_RIGHT
