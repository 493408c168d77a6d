"""The table of the self-test, for outcomes of every kind. Its real runs take minutes and are not made here.

The tests of the command run one plant as the self-test does.
"""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soak.gauges.counts import CycleCounts
from soak.gauges.results import EXIT_STATUS, Report, TrafficResult
from soak.plants import Plant, plant, plants
from soak.run import selftest
from soak.run.plan import SoakPlan
from soak.run.selftest import PlantOutcome, matrix, table

LEAK = plant("one-in-five")
DECOY = next(one for one in plants() if one.decoy)


def outcome(which: Plant, verdict: str, *findings: str) -> PlantOutcome:
    """Return the outcome of one run, which took ten seconds."""
    return PlantOutcome(which, verdict, findings, 10.2)


@pytest.mark.parametrize(
    ("which", "verdict", "right", "cell"),
    [
        (LEAK, "leak", True, "leaks_found"),
        (LEAK, "held", False, "leaks_missed"),
        (LEAK, "breach", True, "leaks_found"),
        (LEAK, "failed", False, "failed"),
        (LEAK, "inconclusive", False, "failed"),
        (DECOY, "held", True, "decoys_silent"),
        (DECOY, "leak", False, "decoys_alarmed"),
        (DECOY, "breach", False, "decoys_alarmed"),
        (DECOY, "inconclusive", False, "failed"),
    ],
)
def test_a_leak_must_be_found_as_one_and_a_decoy_must_be_let_go(
    which: Plant, verdict: str, right: bool, cell: str
) -> None:
    one = outcome(which, verdict)
    assert one.right is right
    counted = matrix([one])
    assert counted.pop(cell) == 1
    assert set(counted.values()) == {0}


def test_the_table_has_the_matrix_first_and_a_line_for_each_plant() -> None:
    text = table(
        [
            outcome(LEAK, "leak", "growth types:one", "growth python.blocks", "growth two", "growth three"),
            outcome(LEAK, "held"),
            outcome(LEAK, "failed", "failure TargetFailed"),
            outcome(DECOY, "held"),
            outcome(DECOY, "leak", "growth heap.bytes"),
        ],
        "mobifai soak --self-test --seed 7",
    )
    lines = text.splitlines()
    assert lines[0] == "`mobifai soak --self-test --seed 7`"
    assert "| **leak** | 1 | 1 | 1 |" in lines
    assert "| **decoy** | 1 | 1 | 0 |" in lines
    rows = [line for line in lines if line.startswith(("| one-in-five", f"| {DECOY.name}"))]
    assert len(rows) == 5
    assert rows[0] == (
        f"| one-in-five | {LEAK.family} | {LEAK.scenario} | leak | "
        "`growth types:one`, `growth python.blocks`, `growth two` and 1 more | 10 |"
    )
    assert [" ✗ |" in row for row in rows] == [False, True, True, False, True]
    assert "(decoy)" in rows[3]


verdicts = st.sampled_from([*EXIT_STATUS])


@given(st.lists(st.builds(outcome, st.sampled_from(plants()), verdicts)))
def test_every_run_is_in_one_cell(outcomes: list[PlantOutcome]) -> None:
    cells = matrix(outcomes)
    assert sum(cells.values()) == len(outcomes)
    assert cells["leaks_found"] + cells["decoys_silent"] == sum(one.right for one in outcomes)
    lines = [line for line in table(outcomes, "").splitlines() if line.startswith("| ")]
    assert len(lines) == len(outcomes) + 6


class Runs:
    """The self-test with a prepared result in place of each plant's run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **verdicts: str) -> None:
        self.started: list[str] = []
        self._verdicts = verdicts
        monkeypatch.setattr(selftest, "run_plant", self._run)

    async def _run(self, which: Plant, plan: SoakPlan, folder: Path) -> PlantOutcome:
        self.started.append(which.name)
        return outcome(which, self._verdicts.get(which.name.replace("-", "_"), "held" if which.decoy else "leak"))


async def test_it_ends_with_0_when_every_run_said_what_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = Runs(monkeypatch)
    status = await selftest.self_test(SoakPlan(("mixed",), seed=9), (), tmp_path / "place", tmp_path, {}, as_json=False)
    assert status == 0
    assert sorted(runs.started) == sorted(one.name for one in plants())
    reported = json.loads((tmp_path / "place" / "self-test.json").read_text())
    assert reported["leaks_found"] + reported["decoys_silent"] == len(plants())
    assert reported["seed"] == 9
    assert {row["plant"] for row in reported["plants"]} == {one.name for one in plants()}
    assert (tmp_path / "place" / "self-test.md").read_text().startswith("`mobifai soak --self-test --seed 9`")
    out = capsys.readouterr().out
    assert out.count("✓") == len(plants())
    assert "| **leak** |" in out


@pytest.mark.parametrize("verdict", ["held", "failed", "inconclusive"])
async def test_it_ends_with_1_on_one_miss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], verdict: str
) -> None:
    Runs(monkeypatch, one_in_five=verdict)
    scenarios = (LEAK.scenario,)
    status = await selftest.self_test(SoakPlan(scenarios), scenarios, tmp_path / "place", tmp_path, {}, as_json=True)
    assert status == 1
    said = capsys.readouterr()
    reported = json.loads(said.out)
    assert [row["plant"] for row in reported["plants"] if not row["right"]] == ["one-in-five"]
    assert {row["scenario"] for row in reported["plants"]} == {LEAK.scenario}
    assert reported["replay"] == f"mobifai soak --self-test {LEAK.scenario} --seed 1"
    replay = f"mobifai soak {LEAK.scenario} --seed 1 --plant one-in-five --quick --no-memray --fail-fast"
    assert replay in [row["replay"] for row in reported["plants"]]
    assert f"reproduce: {replay}" in said.err
    assert "✗" in said.err


async def test_a_run_that_says_nothing_is_a_failure_and_not_a_silent_decoy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "says-nothing"
    script.write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(script))
    said = await selftest.run_plant(DECOY, SoakPlan(("mixed",)), tmp_path / "report")
    assert (said.verdict, said.right) == ("failed", False)
    assert "broken" in said.findings[0]


async def test_a_run_is_the_command_of_a_person_and_what_it_says_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = Report("held", CycleCounts(160), 42.0, 7, {}, [], [], [], [], TrafficResult())
    (tmp_path / "report.json").write_bytes(msgspec.json.encode(report))
    script = tmp_path / "says-held"
    script.write_text(f'#!/bin/sh\nprintf "%s" "$*" > {tmp_path}/words\ncat {tmp_path}/report.json\n')
    script.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(script))
    said = await selftest.run_plant(LEAK, SoakPlan(("mixed",), seed=7), tmp_path / "report")
    assert (said.verdict, said.right, said.seconds) == ("held", False, 42.0)
    words = (tmp_path / "words").read_text()
    assert words.startswith(f"-P -m mobifai soak {LEAK.scenario} --seed 7 --plant one-in-five ")
    assert words.endswith(f"--report {tmp_path / 'report' / 'report'}")
