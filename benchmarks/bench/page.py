"""The page of the benchmark, as Markdown, rendered from the results alone. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import msgspec

from benchmarks.bench.harness_page import harness_section
from benchmarks.bench.page_text import BEHIND, HEAD, NOT_BEHIND, NOTES, QUICK_RUN, RATIOS
from benchmarks.bench.peers import PEERS
from benchmarks.bench.reading import reading_section
from benchmarks.bench.results import BenchCell, BenchMachine, BenchResults
from benchmarks.bench.rows import BY_NAME, FULL, QUICK, ROWS, BenchWorkload, MetricRow
from benchmarks.bench.tables import table_of
from benchmarks.leak_finders.cells import CellResult

OURS = ("mobifai", "mobifai-relay")
EARLIER = {"mobifai": "mobifai-before", "mobifai-relay": "mobifai-before-relay"}  # bounded by this line
NOTHING = "–"


def is_compared(ours: str, peer: str) -> bool:
    """Return whether the page compares `peer` with `ours`, one of the two MobiFai peers: direct, or through its relay.

    An earlier revision of MobiFai is compared only with the MobiFai peer that connects in the same way.
    """
    return peer not in OURS and (peer not in EARLIER.values() or EARLIER[ours] == peer)


class Behind(msgspec.Struct, frozen=True):
    """A row in which MobiFai is worse than a peer in the median of all rounds.

    It is worse in `rounds` of the `of` single rounds. `times` is how many times as good MobiFai is as the peer (less
    than 1), or None for a row without ratios.
    """

    row: MetricRow
    ours: str
    theirs: str
    our_value: float
    their_value: float
    times: float | None
    rounds: int
    of: int


class ResultTable:
    """The results of all rounds by row and peer."""

    def __init__(self, cells: Iterable[BenchCell]) -> None:
        self._cells: dict[tuple[str, str], dict[int, BenchCell]] = {}
        for cell in (one for one in cells if one.row in BY_NAME):
            self._cells.setdefault((cell.row, cell.peer), {})[cell.round] = cell

    @property
    def peers(self) -> list[str]:
        """The names of the peers with results, in the order of the table's columns."""
        found = {peer for _, peer in self._cells}
        return [peer for peer in PEERS if peer in found]

    @property
    def rounds(self) -> int:
        """The number of the last round with results."""
        return max((number for by_round in self._cells.values() for number in by_round), default=0)

    def values(self, row: str, peer: str) -> dict[int, float]:
        """Return the figures of a peer in a row, by number of the round."""
        cells = self._cells.get((row, peer), {})
        return {number: cell.value for number, cell in cells.items() if cell.value is not None}

    def reason(self, row: str, peer: str) -> str:
        """Return the reason in the last round why a peer has no figure in a row, or "" if there is none."""
        cells = self._cells.get((row, peer), {})
        return cells[max(cells)].reason if cells else ""

    def rows(self) -> list[MetricRow]:
        """Return the rows of the table for which there are results."""
        found = {row for row, _ in self._cells}
        return [row for row in ROWS if row.name in found]

    def ratio(self, row: MetricRow, ours: str, theirs: str) -> float | None:
        """Return how many times as good the peer `ours` is as `theirs`: the median of the ratios of all rounds.

        Return None without rounds, or if a round has no ratio.
        """
        pairs = self.pairs(row.name, ours, theirs)
        ratios = [row.times_as_good(our, their) for our, their in pairs]
        known = [ratio for ratio in ratios if ratio is not None]
        return median(known) if known and len(known) == len(pairs) else None

    def pairs(self, row: str, ours: str, theirs: str) -> list[tuple[float, float]]:
        """Return the figures of both peers, for each round in which both have a figure."""
        first, second = self.values(row, ours), self.values(row, theirs)
        return [(first[number], second[number]) for number in sorted(first.keys() & second.keys())]

    def behind(self) -> list[Behind]:
        """Return all pairs of row and peer in which MobiFai is worse than the peer, the smallest ratio first."""
        found = [
            one
            for row in self.rows()
            for ours in OURS
            for theirs in self.peers
            if is_compared(ours, theirs) and (one := self._behind(row, ours, theirs)) is not None
        ]
        return sorted(found, key=lambda one: (one.times is None, one.times or 0))

    def _behind(self, row: MetricRow, ours: str, theirs: str) -> Behind | None:
        pairs = self.pairs(row.name, ours, theirs)
        if not pairs:
            return None
        our, their = (median(values) for values in zip(*pairs, strict=True))
        ratio = self.ratio(row, ours, theirs)
        shown = (round(our, row.digits), round(their, row.digits))
        if not (ratio < 1 if ratio is not None else row.is_behind(*shown)):
            return None
        worse = sum(row.is_behind(*pair) for pair in pairs)
        return Behind(row, ours, theirs, our, their, ratio, worse, len(pairs))


def page_of(results: BenchResults, finders: Sequence[CellResult] = ()) -> str:
    """Return the page of the benchmark. `finders` are the measurements of other leak finders than soak."""
    table, machine = ResultTable(results.cells), results.machine or BenchMachine("", False, {}, {})
    parts = [
        HEAD.format(date=machine.date, facts=_facts(machine.facts), rounds=_rounds(table.rounds)),
        QUICK_RUN if machine.quick else "",
        _versions(machine.versions),
        _figures(table),
        *(_ratios(table, ours) for ours in OURS if ours in table.peers),
        _behind_section(table.behind()) if table.rows() else "",
        NOTES.format(**_amounts(QUICK if machine.quick else FULL)) if table.rows() else "",
        reading_section(results.cells),
        harness_section(results.cells, finders),
    ]
    return "\n".join(part for part in parts if part)


def _rounds(number: int) -> str:
    return "one round" if number == 1 else f"{number} interleaved rounds"


def _facts(facts: Mapping[str, str]) -> str:
    return ", ".join(facts.values())


def _versions(versions: Mapping[str, str]) -> str:
    return "".join(f"- {PEERS[name].title if name in PEERS else name}: {said}\n" for name, said in versions.items())


def _amounts(counts: BenchWorkload) -> dict[str, str]:
    amounts = {name: str(value) for name, value in msgspec.structs.asdict(counts).items()}
    few, some, many = counts.terminals
    amounts |= {"few": str(few), "some": str(some), "many": str(many), "megabytes": f"{counts.file_bytes / 1e6:g}"}
    return amounts


def _figures(table: ResultTable) -> str:
    head = ["", *(PEERS[peer].title for peer in table.peers)]
    rows = ([_title(row), *(_cell(table, row, peer) for peer in table.peers)] for row in table.rows())
    return "## Medians\n\n" + table_of(head, rows) if table.rows() else ""


def _title(row: MetricRow) -> str:
    unit = f", {row.unit}" if row.unit else ""
    return f"{row.title}{unit}{' (more is better)' if row.better == 'more' else ''}"


def _cell(table: ResultTable, row: MetricRow, peer: str) -> str:
    values = list(table.values(row.name, peer).values())
    return _figure(row, median(values)) if values else table.reason(row.name, peer) or NOTHING


def _figure(row: MetricRow, value: float) -> str:
    sign = "+" if row.difference else ""
    text = f"{value:{sign},.{row.digits}f}"
    return "0" if not text.strip("+-0.,") else text


def _ratios(table: ResultTable, ours: str) -> str:
    others = [peer for peer in table.peers if is_compared(ours, peer)]
    head = ["", *(PEERS[peer].title for peer in others)]
    rows = (
        [row.title, *(_ratio(table.ratio(row, ours, peer)) for peer in others)]
        for row in table.rows()
        if not row.difference
    )
    return RATIOS.format(ours=PEERS[ours].title) + "\n" + table_of(head, rows) if others else ""


def _ratio(ratio: float | None) -> str:
    if ratio is None:
        return NOTHING
    text = f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"
    return f"**{text}**" if ratio < 1 else text


def _behind_section(found: Sequence[Behind]) -> str:
    """Return a table with a line for each row in which peers are better than MobiFai, and these peers.

    It has a column for MobiFai with a direct connection, and one for MobiFai through its relay.
    """
    if not found:
        return NOT_BEHIND
    rows = list(dict.fromkeys(one.row for one in found))
    head = ["", *(PEERS[ours].title for ours in OURS)]
    cells = ([_title(row), *(_behind_cell(found, row, ours) for ours in OURS)] for row in rows)
    return BEHIND + "\n" + table_of(head, cells)


def _behind_cell(found: Sequence[Behind], row: MetricRow, ours: str) -> str:
    own = [one for one in found if one.row == row and one.ours == ours]
    if not own:
        return NOTHING
    return f"{_figure(row, own[0].our_value)}: " + "; ".join(map(_behind_text, own))


def _behind_text(one: Behind) -> str:
    ratio = f", {_ratio(one.times)}" if one.times is not None else ""
    return f"{PEERS[one.theirs].title} {_figure(one.row, one.their_value)}{ratio} ({one.rounds} of {one.of})"
