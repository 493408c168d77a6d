"""The command of the benchmark: measures figures that are missing, and writes the page with all of them.

Owns the choice of rows (figures) and peers (MobiFai and its alternatives).
"""

import datetime
import platform
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

import click

from benchmarks.bench import harness, reading
from benchmarks.bench.harness import FULL_HARNESS, QUICK_HARNESS
from benchmarks.bench.packages import ROOT, servers_home, terminado_python
from benchmarks.bench.page import page_of
from benchmarks.bench.payload import write
from benchmarks.bench.peers import EARLIER, PEERS, BenchPeer, BenchTools
from benchmarks.bench.reading import READING
from benchmarks.bench.results import BenchMachine, BenchResults
from benchmarks.bench.rounds import BenchPlan, Rounds
from benchmarks.bench.rows import FULL, QUICK, ROWS
from benchmarks.bench.small_leaks import CLEAN_RUNS, give_to_tracemalloc
from benchmarks.evidence.finders import measured
from benchmarks.evidence.revision import origin
from benchmarks.evidence.store import evidence, read
from benchmarks.leak_finders.cells import CellResult
from soak.harness.environment import environment
from soak.harness.temp_run import result_unless_stopped, run_in_temp_folder
from tests.support import netns, node

PAGE = ROOT / "docs" / "measurements" / "benchmarks.md"
NOBODY = "nobody needed it"
T = TypeVar("T")
HARNESS = "harness"
"""The name of the table about soak's instruments. `--rows` accepts it beside the names of rows."""


def tools(peers: Sequence[BenchPeer]) -> BenchTools:
    """Return Node and the packages that these peers need, installing them if missing. Raises ClickException."""
    node.prepare(ROOT)
    try:
        program, client_home = node.ready()
    except node.NodeUnavailable as error:
        raise click.ClickException(str(error)) from None
    servers, missing = _tried(lambda: servers_home(program)) if any(peer.on_node for peer in peers) else (None, NOBODY)
    wanted = any(peer.name == "terminado" for peer in peers)
    terminado, missing_terminado = _tried(terminado_python) if wanted else (None, NOBODY)
    return BenchTools(program, client_home, servers, missing, terminado or "", missing_terminado)


def _tried(install: Callable[[], T]) -> tuple[T | None, str]:
    """Return what `install` returns and "", or None and the reason if the installation fails."""
    try:
        return install(), ""
    except node.NodeUnavailable as error:
        return None, str(error)


def machine_of(
    found: BenchTools, peers: Sequence[BenchPeer], quick: bool, network: str, earlier: BenchMachine | None = None
) -> BenchMachine:
    """Return a description of this machine and of the versions of MobiFai and the peers.

    It has nothing that identifies the machine. The versions of peers that are only in `earlier` are kept.
    """
    known = environment(network)
    facts = {
        "revision": f"revision {origin(ROOT).commit}",
        "system": f"{platform.system()} {platform.release()} {known['architecture']}",
        "cpus": f"{known['cpus']} CPUs",
        "python": known["python"],
        "node": f"Node {found.node.version.strip().removeprefix('v')}",
        "c_library": known["c_library"],
        "network": known["network"],
    }
    versions = {**(earlier.versions if earlier else {}), **{peer.name: peer.version(found) for peer in peers}}
    return BenchMachine(datetime.datetime.now(datetime.UTC).date().isoformat(), quick, facts, versions)


def rows_named(names: str) -> list[str]:
    """Return the names of the rows that `names` selects: names of rows, or of stations, each of which measures several.

    An empty text selects all rows. Raises BadParameter.
    """
    wanted = _split(names)
    known = {row.name for row in ROWS} | {row.station for row in ROWS} | {HARNESS, READING}
    _check(wanted, known, "row or station")
    return [row.name for row in ROWS if not wanted or {row.name, row.station} & set(wanted)]


def peers_named(names: str) -> list[BenchPeer]:
    """Return the peers with these names. Raises BadParameter.

    An empty text selects all peers; an earlier MobiFai is one of them only if MOBIFAI_BEFORE names a Python with it.
    """
    wanted = _split(names)
    _check(wanted, PEERS.keys(), "peer")
    usual = [name for name in PEERS if EARLIER or "before" not in name]
    return [PEERS[name] for name in PEERS if name in (wanted or usual)]


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _check(wanted: Collection[str], known: Collection[str], what: str) -> None:
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise click.BadParameter(f"expected a {what} among {', '.join(sorted(known))}; found {unknown[0]!r}")


@click.command()
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1, 100))
@click.option(
    "--rows", default="", help="Rows, or stations (each measures several rows), separated by commas; all by default."
)
@click.option("--peers", default="", help="Peers, separated by commas; all by default.")
@click.option("--quick", is_flag=True, help="Do little of everything, to test the benchmark itself.")
@click.option("--out", type=click.Path(path_type=Path), default=PAGE, help="File to write the page to.")
@click.option(
    "--jsonl",
    type=click.Path(path_type=Path),
    default="bench.jsonl",
    help="File to keep the figures in (JSON Lines). Figures in it are not measured again.",
)
@click.option("--join", is_flag=True, help="Measure nothing, only write the page from the figures in the --jsonl file.")
def main(rounds: int, rows: str, peers: str, quick: bool, out: Path, jsonl: Path, join: bool) -> None:
    """Measure MobiFai and its peers, in interleaved rounds, and write the table."""
    results, wanted = BenchResults(jsonl), peers_named(peers)
    course = BenchPlan(wanted, rows_named(rows), rounds, QUICK if quick else FULL)
    if not join:
        tables = _split(rows) or [READING, HARNESS]
        _measure(course, results, quick, tables)
    out.write_text(page_of(results, other_finders()))
    click.echo(f"wrote {out.name}")


def other_finders() -> list[CellResult]:
    """Return the measurements of other leak finders that are stored in docs/measurements."""
    found = evidence(read(ROOT / "docs" / "measurements")).get("leak-finders")
    return measured(found.last) if found else []


def _measure(course: BenchPlan, results: BenchResults, quick: bool, tables: Collection[str]) -> None:
    if results.machine is not None and results.machine.quick != quick:
        raise click.ClickException(
            f"expected results that go with {'' if quick else 'no '}--quick in the file; found others. "
            "Name another file with --jsonl, or delete it"
        )
    if results.cells:
        click.echo(f"continues from {len(results.cells)} figures that were measured before", err=True)
    found = tools(course.peers)
    results.add(machine_of(found, course.peers, quick, netns.enter(), results.machine))

    async def job(folder: Path) -> bool:
        payload = write(folder / "payload", course.counts.file_bytes)
        await Rounds(course, found, results, folder, payload).run()
        if READING in tables:
            await reading.rounds(course.rounds, payload, folder, results)
        if HARNESS in tables:
            await harness.rounds(course.rounds, QUICK_HARNESS if quick else FULL_HARNESS, folder, results)
            await give_to_tracemalloc(folder, results, 1 if quick else CLEAN_RUNS)
        return True

    if not run_in_temp_folder(lambda folder: result_unless_stopped(job(folder), False)):
        click.echo("interrupted: the measurements are kept, and the same command continues from there", err=True)


if __name__ == "__main__":
    sys.exit(main())
