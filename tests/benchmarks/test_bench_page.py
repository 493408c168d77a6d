"""The benchmark's page, from made-up results."""

import re
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.bench.harness_page import harness_section
from benchmarks.bench.page import OURS, ResultTable, is_compared, page_of
from benchmarks.bench.peers import PEERS
from benchmarks.bench.results import NOT_REPORTED, BenchCell, BenchMachine, BenchResults
from benchmarks.bench.rows import BY_NAME, ROWS, MetricRow
from benchmarks.bench.small_leaks import RISING, found_row
from benchmarks.bench.traced_host import compared

MACHINE = BenchMachine("2026-11-26", False, {"system": "Linux", "cpus": "2 CPUs"}, {"mobifai": "0.1.0"})


def results_of(*cells: BenchCell) -> BenchResults:
    results = BenchResults()
    for line in (MACHINE, *cells):
        results.add(line)
    return results


def rounds_of(row: str, **figures: tuple[float, ...]) -> list[BenchCell]:
    return [
        BenchCell(number, peer.replace("_", "-"), row, value)
        for peer, values in figures.items()
        for number, value in enumerate(values, 1)
    ]


def line_of(page: str, part: str) -> str:
    return next(line for line in page.splitlines() if part in line)


def test_a_row_in_which_mobifai_is_behind_is_named_with_both_medians_and_the_rounds() -> None:
    page = page_of(results_of(*rounds_of("memory-alone", mobifai=(60, 66, 66), terminado=(20, 22, 77))))

    behind = page.partition("## Where MobiFai is behind")[2]
    assert line_of(behind, "memory before the first client") == (
        "| memory before the first client, MB | 66.0: terminado 22.0, **0.33** (2 of 3) | – |"
    )


def test_a_row_in_which_mobifai_is_ahead_is_not_named() -> None:
    page = page_of(results_of(*rounds_of("file", mobifai=(20, 20), terminado=(10, 10))))

    assert "In no measured figure." in page
    assert "| `cat` of a file, every byte checked | 2.00 |" in page


def test_ratios_are_made_within_each_round_before_their_median_is_taken() -> None:
    cells = rounds_of("connect", mobifai=(100, 10, 1000), node_wrtc=(200, 20, 2000))

    assert ResultTable(cells).ratio(BY_NAME["connect"], "mobifai", "node-wrtc") == 2


def test_rounds_in_which_only_one_has_a_figure_make_no_ratio() -> None:
    cells = [*rounds_of("connect", mobifai=(100, 100)), BenchCell(1, "terminado", "connect", 50.0)]
    cells += [BenchCell(2, "terminado", "connect", reason="it fell")]

    assert ResultTable(cells).pairs("connect", "mobifai", "terminado") == [(100, 50)]


def test_a_peer_that_is_not_there_says_why_in_its_cell() -> None:
    cells = [BenchCell(1, "mobifai", "start", 1.0), BenchCell(1, "ttyd", "start", reason="ttyd: not on this machine")]

    assert line_of(page_of(results_of(*cells)), "start until") == (
        "| start until a client can connect, s | 1.00 | ttyd: not on this machine |"
    )


def test_descriptors_that_are_kept_are_named_though_they_have_no_ratio() -> None:
    page = page_of(results_of(*rounds_of("reconnects-descriptors", mobifai=(3,), terminado=(0,))))

    assert "| descriptors kept after reconnects | +3: terminado 0 (1 of 1) | – |" in page


def test_to_have_less_than_before_is_not_better_than_to_have_as_much() -> None:
    page = page_of(results_of(*rounds_of("churn-descriptors", mobifai=(0,), terminado=(-1,))))

    assert "In no measured figure." in page


def test_a_difference_that_the_table_does_not_show_is_not_named() -> None:
    page = page_of(results_of(*rounds_of("churn-memory", mobifai=(0.04,), terminado=(0.01,))))

    assert "In no measured figure." in page


def test_a_quick_run_says_that_it_says_nothing() -> None:
    results = results_of(*rounds_of("start", mobifai=(1,)))
    results.add(BenchMachine("2026-11-26", True, {}, {}))

    assert "does not compare the servers" in page_of(results)


def test_what_looking_for_leaks_costs_is_reported_as_a_share() -> None:
    cells = [
        BenchCell(1, "plain", "cycles", 20.0),
        BenchCell(1, "memray", "cycles", 15.0),
        BenchCell(1, "8 blocks", "least-seconds", 9),
    ]

    page = page_of(results_of(*cells))

    assert "| in a window of memray | 15 | 0.75 | – | – |" in page
    assert "| 8 blocks | 9 | – | – |" in page
    assert "Medians" not in page


FIGURES = st.floats(min_value=0.001, max_value=1e6, allow_nan=False)


@st.composite
def tables(draw: st.DrawFn) -> list[BenchCell]:
    rows = draw(st.lists(st.sampled_from(ROWS), min_size=1, max_size=4, unique_by=lambda row: row.name))
    peers = draw(st.lists(st.sampled_from(sorted(PEERS)), min_size=1, unique=True))
    cells = []
    for row in rows:
        for peer in {"mobifai", *peers}:
            values = draw(st.lists(st.none() | FIGURES, min_size=1, max_size=3))
            cells += [
                BenchCell(n, peer, row.name, value, "" if value else "broke") for n, value in enumerate(values, 1)
            ]
    return cells


@given(tables())
def test_every_ratio_below_one_is_named_and_no_other(cells: list[BenchCell]) -> None:
    table = ResultTable(cells)

    named = {(one.row.name, one.ours, one.theirs) for one in table.behind() if one.times is not None}

    assert named == {
        (row.name, ours, theirs)
        for row in table.rows()
        for ours in OURS
        for theirs in table.peers
        if is_compared(ours, theirs) and (ratio_by_hand(cells, row, ours, theirs) or 1) < 1
    }


def ratio_by_hand(cells: list[BenchCell], row: MetricRow, ours: str, theirs: str) -> float | None:
    if row.difference:
        return None
    found = {(cell.peer, cell.round): cell.value for cell in cells if cell.row == row.name and cell.value is not None}
    both = [number for peer, number in found if peer == ours and (theirs, number) in found]
    quotients = [found[ours, number] / found[theirs, number] for number in both]
    return median(1 / one if row.better == "less" else one for one in quotients) if both else None


@given(tables())
def test_every_row_of_every_table_has_as_many_cells_as_its_head(cells: list[BenchCell]) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", page_of(results_of(*cells)), re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_results_of_an_interrupted_run_are_read_again(tmp_path) -> None:
    first = BenchResults(tmp_path / "bench.jsonl")
    first.add(MACHINE)
    first.add(BenchCell(1, "mobifai", "start", 1.5))
    first.add(BenchCell(1, "ttyd", "start", reason="ttyd: not on this machine"))
    first.add(BenchCell(1, "ttyd", "churn-tasks", reason=NOT_REPORTED))

    again = BenchResults(tmp_path / "bench.jsonl")

    assert again.machine == MACHINE
    assert again.cells == first.cells
    assert again.has((1, "mobifai", "start"))
    assert again.has((1, "ttyd", "churn-tasks"))
    assert not again.has((1, "ttyd", "start"))


def test_a_line_that_is_no_result_is_reported_with_its_number(tmp_path) -> None:
    path = tmp_path / "bench.jsonl"
    path.write_text('{"type":"cell","round":1,"peer":"ttyd","row":"start"}\nnonsense\n')

    with pytest.raises(Exception, match="line 2: expected a result of this benchmark; found b'nonsense'"):
        BenchResults(path)


# -- tracemalloc, by hand


LINES = st.sampled_from([("a.py", 1), ("a.py", 2), ("b.py", 1)])


@given(st.lists(st.dictionaries(LINES, st.integers(1, 99)), min_size=2))
def test_a_line_rises_when_it_does_in_every_block_and_the_most_is_reported(
    looks: list[dict[tuple[str, int], int]],
) -> None:
    reported = compared(looks)
    for file, number in {line for look in looks for line in look}:
        course = [look.get((file, number), 0) for look in looks]
        assert (f"{file}:{number}" in reported.rising) == (course == sorted(set(course)))
        assert course[-1] - course[0] <= reported.most


def test_the_smallest_leaks_have_a_row_for_each_finder_with_its_false_alarms() -> None:
    cells = [
        *rounds_of("cycles", plain=(20.0,)),
        BenchCell(1, RISING, found_row("one-in-five"), 1.0), BenchCell(1, RISING, "seconds:one-in-five", 8.0),
        BenchCell(1, RISING, found_row("bytes-only"), 0.0), BenchCell(1, RISING, "seconds:bytes-only", 8.0),
        BenchCell(1, RISING, found_row("clean 0 beside bytes-only"), 1.0),
        BenchCell(1, RISING, "seconds:clean 0 beside bytes-only", 8.0),
    ]  # fmt: skip
    page = harness_section(cells, [])
    assert f"| {RISING} | 8 | found | **missed** | – | – | – | 1 of 1 |" in page
