"""The display of a run in progress: a view that fits any terminal, and few lines in a log."""

import io
import os
import pty
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from soak.gauges.counts import CycleCounts
from soak.gauges.results import TrafficResult
from soak.view.lines import GaugeCurve, PlainLines, Progress
from soak.view.live import LiveView, ProgressPanel, view
from soak.view.sparkline import BLOCKS, sparkline

PROGRESS = Progress(
    phase="judging",
    scenario="terminals",
    counts=CycleCounts(1200, 300, rounds=3),
    step="round 3 of 8",
    rate=3.84,
    seconds_left=95,
    elapsed=310,
    share=0.4,
    gauges=tuple(GaugeCurve(f"gauge.{i}", "bytes", tuple(float(i * j) for j in range(60))) for i in range(12)),
    traffic=TrafficResult(4_600_000, 577_000_000),
)


class Clock:
    """A clock that a test advances."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def terminal(width: int = 80, height: int = 24) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=True, width=width, height=height, color_system=None, highlight=False
    )


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


# -- the live view


def test_the_picture_fits_80_by_24_and_has_everything() -> None:
    console = terminal()
    console.print(ProgressPanel(replace(PROGRESS, findings=("heap.bytes: +48 B a cycle in terminals",))))
    rows = shown(console).splitlines()
    assert len(rows) < 24 and all(len(row) <= 80 for row in rows)
    for part in (
        "judging terminals · round 3 of 8 · 1,200 judged cycles, 300 warm-up cycles",
        "about 1 min 35 s left",
        "3.84 cycles/s · 4.6 MB typed",
        "gauge.11",
        "▁▂",
        "heap.bytes: +48 B",
    ):
        assert part in shown(console)


@settings(max_examples=60)
@given(
    st.integers(1, 200),
    st.integers(2, 60),
    st.integers(0, 40),
    st.lists(st.text(max_size=200), max_size=12),
    st.text(max_size=40),
)
def test_the_picture_fits_any_terminal(width: int, height: int, gauges: int, found: list[str], name: str) -> None:
    console = terminal(width, height)
    courses = tuple(GaugeCurve(name, name, (1.0, 2.0)) for _ in range(gauges))
    console.print(ProgressPanel(replace(PROGRESS, phase=name, gauges=courses, findings=tuple(found))))
    assert len(shown(console).split("\n")) <= height
    assert "\x1b" not in shown(console)


def test_the_last_state_stays_on_the_screen() -> None:
    console, clock = terminal(), Clock()
    with LiveView(console, clock) as live:
        live.update(PROGRESS)
        live.update(replace(PROGRESS, counts=CycleCounts(1234, 300, rounds=3)))  # too soon to be drawn
        assert "1,234 judged cycles" not in shown(console)
    assert "1,234 judged cycles" in shown(console)


def test_findings_and_phases_are_shown_immediately_and_once() -> None:
    console = terminal()
    with LiveView(console, Clock()) as live:
        live.update(PROGRESS)
        live.update(replace(PROGRESS, findings=("a leak",)))
        assert shown(console).count("found: a leak") == 1
        live.update(replace(PROGRESS, phase="confirming", findings=("a leak",)))
        assert shown(console).count("found: a leak") == 1 and "confirming" in shown(console)
        live.say("the agent was restarted\x1b[2J")
    assert "the agent was restarted\N{REPLACEMENT CHARACTER}[2J" in shown(console)


def test_a_view_that_never_had_progress_ends_well() -> None:
    with LiveView(terminal()):
        pass


def test_an_error_goes_through_and_the_cursor_comes_back() -> None:
    console = terminal()
    with pytest.raises(KeyboardInterrupt), LiveView(console) as live:
        live.update(PROGRESS)
        raise KeyboardInterrupt
    assert shown(console).rstrip().endswith("\x1b[?25h")


# -- plain lines


def test_lines_come_on_phases_every_ten_seconds_and_for_findings() -> None:
    out, clock = io.StringIO(), Clock()
    lines = PlainLines(out, clock)
    for second in range(31):
        clock.now = float(second)
        lines.update(replace(PROGRESS, findings=("a leak",) if second >= 15 else ()))
    reported = out.getvalue().splitlines()
    assert len([line for line in reported if line.startswith("judging")]) == 4
    assert [line for line in reported if "found" in line] == ["found: a leak"]
    lines.update(replace(PROGRESS, phase="confirming", findings=("a leak",)))
    assert (
        out.getvalue()
        .splitlines()[-1]
        .startswith("confirming terminals, round 3 of 8; 1,200 judged cycles, 300 warm-up cycles; 3.84 cycles/s")
    )


def test_a_new_round_is_reported_unless_rounds_are_very_short() -> None:
    out, clock = io.StringIO(), Clock()
    lines = PlainLines(out, clock)
    for round_ in range(100):
        clock.now += 0.1
        lines.update(replace(PROGRESS, step=f"round {round_}"))
    assert len(out.getvalue().splitlines()) == 2


def test_the_lines_of_a_day_are_few() -> None:
    out, clock = io.StringIO(), Clock()
    lines = PlainLines(out, clock)
    while clock.now < 86_400:
        clock.now += 5
        lines.update(replace(PROGRESS, step=f"round {int(clock.now)}"))
    assert len(out.getvalue().splitlines()) < 4000


def test_a_closed_stream_ends_nothing() -> None:
    out = io.StringIO()
    out.close()
    with PlainLines(out) as lines:
        lines.update(PROGRESS)
        lines.say("still here")


def test_lines_in_ascii_and_without_controls(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w", encoding="ascii") as file:
        PlainLines(file).say("a\x1b[2Jb\nc ✗")
    assert (tmp_path / "log").read_text() == "a?[2Jb c ?\n"


# -- which view


def test_the_view_depends_on_who_reads() -> None:
    leader, follower = pty.openpty()
    try:
        with os.fdopen(follower, "w") as out, io.StringIO() as err:

            def kind(as_json: bool = False, **environ: str) -> type:
                return type(view(as_json=as_json, environ={"TERM": "xterm", **environ}, out=out, err=err))

            assert kind() is LiveView
            assert kind(as_json=True) is PlainLines
            assert kind(TERM="dumb") is PlainLines
            assert kind(NO_COLOR="1") is PlainLines
            view(as_json=True, environ={}, out=out, err=err).say("to the error stream")
            assert err.getvalue() == "to the error stream\n"
        assert isinstance(view(as_json=False, environ={"TERM": "xterm"}, out=io.StringIO()), PlainLines)
    finally:
        os.close(leader)


# -- little curves


@given(st.lists(st.floats(), max_size=300), st.integers(0, 100))
def test_a_curve_has_at_most_its_width(values: list[float], width: int) -> None:
    curve = sparkline(values, width)
    assert len(curve) <= width and set(curve) <= set(BLOCKS)


def test_curves_show_rises_and_peaks() -> None:
    assert sparkline([1, 2, 3, 4, 5, 6, 7, 8], 8) == BLOCKS
    assert sparkline([5, 5, 5], 8) == "▁▁▁"
    assert sparkline([0, 0, 9, 0, 0, 0, 0, 0], 4) == "▁█▁▁"
