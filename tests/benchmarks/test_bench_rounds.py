"""The order of the benchmark's steps."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.bench.peers import PEERS
from benchmarks.bench.rounds import BenchPlan
from benchmarks.bench.rows import FULL, ROWS
from benchmarks.bench.stations import LONG, STATIONS

NAMES = [row.name for row in ROWS]


def test_every_row_has_a_station_that_is_there() -> None:
    assert {row.station for row in ROWS} == set(STATIONS)


@given(
    st.lists(st.sampled_from(sorted(PEERS)), min_size=1, unique=True),
    st.sets(st.sampled_from(NAMES), min_size=1),
    st.integers(1, 5),
)
def test_every_peer_has_its_turn_before_anything_else_is_done(names: list[str], rows: set[str], rounds: int) -> None:
    peers = [PEERS[name] for name in names]
    visits = list(BenchPlan(peers, rows, rounds, FULL).visits())

    turns = [visits[at : at + len(peers)] for at in range(0, len(visits), len(peers))]
    assert all([peer for _, _, peer in turn] == peers for turn in turns)
    assert all(len({(number, station) for number, station, _ in turn}) == 1 for turn in turns)
    assert all(before[0][0] <= after[0][0] for before, after in pairwise(turns))


def test_what_takes_minutes_is_left_out_of_later_rounds() -> None:
    visits = list(BenchPlan([PEERS["mobifai"]], NAMES, 4, FULL).visits())

    assert {number for number, station, _ in visits if station in LONG} == {1, 2}
    assert {number for number, station, _ in visits if station == "echo"} == {1, 2, 3, 4}
