"""Growth from window to window, and its dose."""

from hypothesis import given
from hypothesis import strategies as st

from profiles.attribution.growth import (
    BLOCKS,
    COUNT,
    ENTRIES,
    largest,
    rise,
    risen_amounts,
    risen_containers,
    risen_counts,
    risen_sites,
)
from profiles.investigate.dose import DOSES, PORTION, scale
from profiles.investigate.native import NativeWindow, in_proportion
from soak.gauges.gauge import Sample
from tests.profiles.evidence_of import OTHER, OWN

CYCLES = [0, 20, 40, 60, 80, 100, 120]


def test_a_steady_rise_is_one_and_has_a_rate() -> None:
    found = rise(CYCLES, [10 * n for n in range(7)], BLOCKS)
    assert found is not None
    assert (found.per_cycle, found.total) == (0.5, 60)


def test_a_cache_that_fills_is_none() -> None:
    assert rise(CYCLES, [0, 40, 60, 64, 64, 64, 64], BLOCKS) is None


def samples(**gauges: list[float]) -> list[Sample]:
    """Return samples with these values of gauges, 20 cycles apart."""
    rows = zip(*gauges.values(), strict=True)
    return [Sample(1.0 * at, 20 * at, dict(zip(gauges, row, strict=True))) for at, row in enumerate(rows)]


def test_amounts_that_rise_have_their_rates_and_counts_at_rest_are_left_out() -> None:
    found = risen_amounts(
        samples(**{
            "python.blocks": [1000.0 + 40 * n for n in range(5)],
            "heap.bytes": [5e6] * 5,
            "descriptors:socket": [10.0 + n for n in range(5)],
            "types:dict": [50.0 + 20 * n for n in range(5)],
        })
    )  # fmt: skip
    assert found == {"python.blocks": 2.0, "types:dict": 1.0}


def test_counts_that_come_back_higher_have_their_rates_and_amounts_are_left_out() -> None:
    found = risen_counts(
        samples(**{
            "python.blocks": [1000.0 + 40 * n for n in range(7)],
            "descriptors:socket": [10.0 + n for n in range(7)],
            "threads": [4.0, 5.0, 4.0, 5.0, 4.0, 5.0, 4.0],
            "children.bytes": [1e6 + (1 << 20) * n for n in range(7)],
        })
    )  # fmt: skip
    assert list(found) == ["children.bytes", "descriptors:socket"]
    assert found["descriptors:socket"] == 0.05


def test_one_step_is_none() -> None:
    assert rise(CYCLES, [5, 5, 5, 105, 105, 105, 105], BLOCKS) is None


@given(st.integers(0, 10**9), st.integers(0, 7))
def test_what_stays_the_same_does_not_rise(value: int, windows: int) -> None:
    for gauge in (BLOCKS, COUNT, ENTRIES):
        assert rise(CYCLES[:windows], [value] * windows, gauge) is None


@given(st.lists(st.integers(0, 50), min_size=7, max_size=7))
def test_what_ends_lower_than_it_began_does_not_rise(values: list[int]) -> None:
    if values[-1] <= values[0]:
        assert rise(CYCLES, values, BLOCKS) is None


def test_sites_rise_in_blocks_or_in_bytes_and_containers_in_entries() -> None:
    flat, up, slowly = [3] * 7, [1000 * n for n in range(7)], [2 * n for n in range(7)]
    sites = [
        {"id": 1, "blocks": flat, "bytes": up},
        {"id": 2, "blocks": up, "bytes": flat},
        {"id": 3, "blocks": flat, "bytes": flat},
    ]
    found = risen_sites(CYCLES, sites)
    assert {key: [one is not None for one in both] for key, both in found.items()} == {
        1: [False, True],
        2: [True, False],
    }
    in_steps = [{"id": 1, "blocks": flat, "bytes": [9000, 9000, 21000, 21000, 34000, 48000, 64000]}]
    assert [*risen_sites(CYCLES, in_steps)] == [1]
    containers = [{"id": 4, "points": up}, {"id": 5, "points": flat}, {"id": 6, "points": slowly}]
    longer = risen_containers(CYCLES, containers)
    assert (largest(longer, 2), largest(longer, 1)) == ([4, 6], [4])


# -- doses


def test_growth_in_proportion_to_the_dose_scales() -> None:
    assert scale("connect", (5, 10, 20)).scales
    assert scale("connect", (1, 2, 4)).scales  # one in five
    assert scale("connect", (6, 11, 21)).scales  # and one for the phone itself


def test_what_comes_with_every_run_of_doses_does_not_scale() -> None:
    assert not scale("connect", (1, 1, 1)).scales
    assert not scale("connect", (0, 0, 0)).scales
    assert not scale("connect", (20, 0, 0)).scales
    assert not scale("connect", (-5, -10, -20)).scales


@given(st.floats(0.2, 1000))
def test_any_exact_proportion_scales(rate: float) -> None:
    reported = scale("terminal", (PORTION * rate, 2 * PORTION * rate, 4 * PORTION * rate))
    assert reported.scales
    assert reported.doses == tuple(dose * PORTION for dose in DOSES)


# -- the C heap


def window(cycles: int, *kept: tuple[str, int, int]) -> NativeWindow:
    rows = [
        {"line": [file, 4], "bytes": size, "blocks": blocks, "stack": [[file, 4]], "functions": ["malloc"]}
        for file, blocks, size in kept
    ]
    return NativeWindow(cycles, rows)


def test_memory_that_stays_in_proportion_to_the_cycles_is_reported() -> None:
    windows = [window(20, (OWN, 20, 320)), window(40, (OWN, 40, 640)), window(80, (OWN, 80, 1280))]
    (found,) = in_proportion(windows)
    assert (found.stack, found.blocks, found.bytes, found.functions) == (((OWN, 4),), 1.0, 16.0, ["malloc"])


def test_what_is_only_replaced_stays_as_much_in_a_short_window_as_in_a_long_one() -> None:
    assert in_proportion([window(n, (OTHER, 64, 64_000)) for n in (20, 40, 80)]) == []


def test_what_one_window_has_alone_is_not_reported() -> None:
    assert in_proportion([window(20), window(40), window(80, (OWN, 80, 9000))]) == []
