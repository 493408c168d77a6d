"""Counted costs of a chunk and a key: at most the stored ones, equal each time, and a slow-down is visible."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import hot_path
from mobifai.terminals.feed import TerminalFeed
from mobifai.terminals.output_cursor import Chunk

pytestmark = [
    pytest.mark.extended,
    pytest.mark.skipif(
        not sys.platform.startswith("linux"),
        reason="a socket that keeps packets apart plays the terminal: Linux has it",
    ),
]

ROOT = Path(__file__).parents[2]
# The installed package takes precedence over the checkout.
COMMAND = (
    f"import runpy, sys; sys.path.append({str(ROOT)!r}); runpy.run_module('benchmarks.hot_path', run_name='__main__')"
)


def counted_afresh(seed: str) -> dict[str, hot_path.UnitCounts]:
    """Return the counts of a separate process."""
    ended = subprocess.run(
        [sys.executable, "-P", "-c", COMMAND, "--json"],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return dict(json.loads(ended.stdout))


def test_nothing_costs_more_than_is_stored_and_two_processes_count_the_same() -> None:
    first, second = counted_afresh("1"), counted_afresh("2")
    for name, counts in first.items():
        peaks = [one[name].pop("peak_bytes") for one in (first, second)]
        assert abs(peaks[0] - peaks[1]) <= hot_path.PEAK_SLACK
        assert counts == second[name], name
        counts["peak_bytes"] = peaks[0]
    before = hot_path.stored()
    if before is None:
        pytest.skip(f"nothing is stored for {hot_path.version()}: python -m benchmarks.hot_path --update does that")
    rises = hot_path.risen(first, before)
    advice = "if that is meant, `python -m benchmarks.hot_path --update` stores the new counts"
    assert not rises, "\n".join(["these counts have increased:", *rises, advice])


def planted_call(take: Any) -> Any:
    def slower(feed: TerminalFeed, length: int) -> Chunk:
        return take(feed, length)  # type: ignore[no-any-return]

    return slower


def planted_copies(take: Any) -> Any:
    def slower(feed: TerminalFeed, length: int) -> Chunk:
        chunk = take(feed, length)
        assert len([chunk.text + "." for _ in range(8)]) == 8
        return chunk  # type: ignore[no-any-return]

    return slower


@pytest.mark.parametrize(
    ("plant", "message"),
    [(planted_call, "output: calls of Python functions rose from"), (planted_copies, "output: most bytes allocated")],
)
def test_one_call_or_some_copies_more_for_a_chunk_are_reported(
    monkeypatch: pytest.MonkeyPatch, plant: Any, message: str
) -> None:
    before = {"output": hot_path.count(hot_path.output)}
    assert hot_path.risen({"output": hot_path.count(hot_path.output)}, before) == []
    monkeypatch.setattr(TerminalFeed, "take", plant(TerminalFeed.take))
    rises = hot_path.risen({"output": hot_path.count(hot_path.output)}, before)
    assert any(line.startswith(message) for line in rises), rises


def test_every_unit_arrives() -> None:
    for name, driven in hot_path.DRIVEN.items():
        with driven() as (unit, path):
            unit()
            first = path.sent_bytes
            unit()
            assert (path.sent_bytes > first) == (name != "hidden"), name


def test_a_count_within_the_step_is_no_rise_and_one_above_it_is() -> None:
    def rises(now: int) -> list[str]:
        return hot_path.risen({"key": {"calls": now}}, {"key": {"calls": 10_000}})

    most = int(10_000 * (1 + hot_path.STEP))
    assert rises(most) == []
    assert rises(most + 1) == [f"key: calls of Python functions rose from 200 to {(most + 1) / 50:g} a unit (+0.5%)"]


def test_counts_are_stored_by_version_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "stored.json"
    path.write_text(json.dumps({"CPython 2.7": {"key": {"calls": 1}}}))
    assert hot_path.stored(path) is None
    hot_path.store({"key": {"calls": 5}}, path)
    assert hot_path.stored(path) == {"key": {"calls": 5}}
    assert json.loads(path.read_text())["CPython 2.7"] == {"key": {"calls": 1}}
