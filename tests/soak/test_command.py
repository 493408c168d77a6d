"""`mobifai soak` as users run it: its output, its files and its exit status."""

import json
import math
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import pytest
from click.testing import CliRunner

import mobifai
import profiles
import soak as soak_package
from soak.command import soak as command
from soak.gauges.results import Report
from soak.gauges.state import Trend
from soak.inside.control_handlers import RUN_VARIABLE
from soak.plants import plants
from soak.scenarios import scenarios
from tests.soak.soak_runs import Ended, plain, read, soak, soaking, wait_until

pytestmark = [pytest.mark.extended, pytest.mark.timeout(500)]

SHORT = (
    *("terminals", "--cycles", "5", "--seed", "2", "--time-scale", "10", "--phones", "3"),
    *("--plant", "dict-by-session", "--no-memray", "--fail-fast"),
)
CLEAN = ("terminals", "--quick", "--no-memray", "--seed", "11")
PLANTED = ("terminals", "--plant", "one-in-five", "--fail-fast", "--no-memray", "--seed", "3")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    """A clean run and a run with a leak, which run in parallel."""
    folder = tmp_path_factory.mktemp("soak")
    with ExitStack() as scope:
        runs = {
            name: scope.enter_context(soaking(folder / name, *words))
            for name, words in (("clean", CLEAN), ("planted", PLANTED))
        }
        yield {name: run.wait() for name, run in runs.items()}
        assert [run.processes() for run in runs.values()] == [[], []]


@pytest.fixture
def clean(ended: dict[str, Ended]) -> Ended:
    """A run in which everything held."""
    return ended["clean"]


@pytest.fixture
def planted(ended: dict[str, Ended]) -> Ended:
    """A run with a plant that keeps one object in every fifth cycle."""
    return ended["planted"]


# -- everything held: status 0


def test_a_clean_run_ends_with_0_and_says_that_everything_held(clean: Ended) -> None:
    report = clean.report
    assert (clean.status, report.verdict, report.findings) == (0, "held", []), clean.err
    assert not report.interrupted
    assert report.seed == 11


def test_the_output_is_the_report_and_nothing_else_and_progress_is_on_the_other_stream(clean: Ended) -> None:
    assert clean.out == (clean.place / "report.json").read_text()
    for phase in ("starting terminals", "warming up terminals", "running terminals", "done"):
        assert phase in clean.err
    assert "{" not in clean.err


def test_the_report_has_every_field_that_programs_count_on(clean: Ended) -> None:
    report = plain(clean.place)
    for name in ("schema_version", "product", "verdict", "counts", "duration_s", "seed", "environment"):
        assert report[name], name
    for name, fields in {
        "bounds": "name capacity unit peak evicted state why",
        "rest": "name before after unit state reason",
        "gauges": "name unit per_cycle state smallest_leak reason",
    }.items():
        rows: Any = report[name]
        assert rows
        for row in rows:
            assert {*fields.split()} <= {*row}, name
    assert report["findings"] == []
    traffic: Any = report["traffic"]
    assert traffic["bytes_sent"] > 0
    assert traffic["bytes_received"] > 1_000_000
    assert traffic["lost"] == 0


def test_a_pass_names_the_limits_that_were_filled_and_the_smallest_leak_that_it_would_have_seen(clean: Ended) -> None:
    report = clean.report
    filled = {bound.name for bound in report.bounds if bound.exercised}
    assert {"terminals", "terminal.ring", "terminal.input"} <= filled
    assert all(bound.peak <= bound.capacity for bound in report.bounds)
    judged = {gauge.name: gauge for gauge in report.gauges}
    for name in ("python.blocks", "heap.bytes"):
        assert judged[name].state is Trend.FLAT
        assert 0 < judged[name].smallest_leak < math.inf
    assert judged["python.blocks"].smallest_leak <= 1
    assert judged["heap.bytes"].smallest_leak <= 200


def test_what_was_there_before_is_there_at_the_end_and_nothing_more(clean: Ended) -> None:
    rest = clean.report.rest
    assert {row.name.partition(":")[0] for row in rest} >= {
        *("canaries", "tasks", "threads", "descriptors", "files", "rows", "instances", "processes"),
    }
    assert [row for row in rest if row.after > row.before] == []


def test_junit_and_the_page_can_be_read_by_themselves(clean: Ended) -> None:
    suites = ElementTree.parse(clean.place / "junit.xml").getroot()  # noqa: S314 - our own
    assert suites.tag in ("testsuites", "testsuite")
    assert list(suites.iter("testcase"))
    assert not list(suites.iter("failure"))
    page = (clean.place / "report.html").read_text()
    assert "<svg" in page
    for outside in ("<script src", "<link", 'src="http', "@import", "url(http"):
        assert outside not in page


def test_there_is_a_line_for_every_sample(clean: Ended) -> None:
    lines = [json.loads(line) for line in (clean.place / "samples.jsonl").read_text().splitlines()]
    (scenario,) = clean.report.scenarios
    assert len(lines) == scenario.judged_blocks == scenario.counts.blocks == 8
    assert [line["cycle"] for line in lines] == [20 * number for number in range(1, 9)]
    assert lines[-1]["cycle"] == scenario.counts.judged_cycles == clean.report.cycles
    for line in lines:
        assert line["scenario"] == "terminals"
        assert line["values"]["python.blocks"] > 10_000


def test_the_environment_says_what_it_ran_on_and_what_it_was_to_do(clean: Ended) -> None:
    environment = clean.report.environment
    assert {"platform", "python", "cpus", "network", "libraries", "plan"} <= {*environment}
    assert environment["plan"]["scenarios"] == ["terminals"]
    assert environment["plan"]["memray"] is False
    assert clean.report.command.startswith("mobifai soak terminals")


# -- a leak: status 1


def test_a_leak_of_one_object_in_five_cycles_ends_with_1(planted: Ended) -> None:
    assert (planted.status, planted.report.verdict) == (1, "leak"), planted.err
    assert planted.report.notes == ["the run ended at the first finding (--fail-fast)"]
    failures = ElementTree.parse(planted.place / "junit.xml").getroot().iter("failure")  # noqa: S314
    assert list(failures)


def test_a_finding_names_what_grows_by_how_much_and_where(planted: Ended) -> None:
    growth = [finding for finding in planted.report.findings if finding.kind == "growth"]
    assert growth
    for finding in growth:
        assert finding.scenario == "terminals"
        assert finding.per_cycle > 0
        assert finding.per_24h > finding.per_cycle
        assert finding.unit in ("objects", "bytes")
        assert finding.detail.startswith("expected ")
        assert "; found " in finding.detail
    assert any(0.1 <= finding.per_cycle <= 2 for finding in growth)
    assert "found: growth" in planted.err


def test_the_command_that_shows_it_again_can_be_given(planted: Ended) -> None:
    for finding in planted.report.findings:
        words = shlex.split(finding.replay)
        assert words[:2] == ["mobifai", "soak"]
        context = command.make_context("soak", words[2:])
        assert context.params["plant_name"] == "one-in-five"
        assert context.params["seed"] == 3
        assert context.params["scenario_names"] == ("terminals",)
        context.close()


def test_it_ended_before_a_whole_confirmation(planted: Ended) -> None:
    (scenario,) = planted.report.scenarios
    assert scenario.phase in ("judged", "confirmed")
    assert scenario.judged_blocks == scenario.counts.blocks == 8


# -- usage: status 2


@pytest.mark.parametrize(
    ("words", "expected", "found"),
    [
        (["termnials"], "expected one of terminals,", "'termnials'"),
        (["--cycles", "5", "--duration", "1m"], "--cycles can't be used with --duration", "because"),
        (["--quick", "--cycles", "5"], "--quick can't be used with --cycles", "because"),
        (["--plant", "listener-not-remove"], "listener-not-removed", "'listener-not-remove'"),
        (["--duration", "soon"], "as 90s, 2m, 1h30m or 24h", "'soon'"),
        (["--duration", "0s"], "from 0.1s to 366d", "'0s'"),
        (["--cycles", "0"], "a whole number from 1 to 100,000,000", "'0'"),
        (["--phones", "17"], "a whole number from 1 to 16", "'17'"),
        (["--time-scale", "0.5"], "a number from 1 to 10,000", "'0.5'"),
        (["--time-scale", "nan"], "a number from 1 to 10,000", "'nan'"),
        (["--duration", "1e400h"], "from 0.1s to 366d", "'1e400h'"),
        (["--report", ""], "expected a path", "found an empty one"),
        (["--resume", "x", "--report", "y"], "--report can't be used with --resume", "because"),
        (["--resume", "nowhere"], "expected the directory of a soak report", "nothing"),
        (["--attach", "x", "--plant", "zombie"], "--plant can't be used with --attach", "because"),
        (["--attach", "x", "--self-test"], "--self-test can't be used with --attach", "because"),
        (["--report", "file"], "expected a directory", "found a file"),
        (["--self-test", "mixed"], "expected --self-test with a scenario that has plants", "'mixed', which has none"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_can_not_be_is_refused_with_what_was_expected_and_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str, found: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    ended = CliRunner().invoke(command, words)
    assert ended.exit_code == 2
    assert expected in ended.output
    assert found in ended.output
    assert not list(tmp_path.glob("*/report.json"))


def test_a_refusal_is_one_sentence_and_status_2(tmp_path: Path) -> None:
    status, out, err = _said(tmp_path, "--resume", "r", "--phones", "2")
    assert (status, out) == (2, "")
    assert "--phones can't be used with --resume, because" in err
    assert "Traceback" not in err


def _said(folder: Path, *words: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "mobifai", "soak", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


# -- lists


def test_the_scenarios_are_listed_with_what_they_do(tmp_path: Path) -> None:
    status, out, _ = _said(tmp_path, "--list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == list(scenarios())
    assert all(len(line.split()) > 3 for line in out.splitlines())


def test_the_plants_are_listed_and_decoys_say_so(tmp_path: Path) -> None:
    status, out, _ = _said(tmp_path, "--list-plants")
    lines = [line.split(None, 1) for line in out.splitlines()]
    assert status == 0
    assert [name for name, _ in lines] == [plant.name for plant in plants()]
    assert [reported.startswith("decoy: ") for _, reported in lines] == [plant.decoy for plant in plants()]


# -- ended from outside


def test_ctrl_c_ends_it_with_a_report_and_nothing_is_left(tmp_path: Path) -> None:
    with soaking(tmp_path / "report", "terminals", "--duration", "10m", "--no-memray") as run:
        run.phase("warming up")
        run.until(run.agents, "an agent")
        folder = run.folder()
        run.interrupt()
        run.interrupt()
        ended = run.wait(20)
        assert run.processes() == []
    assert not folder.exists()
    assert (ended.status, ended.report.verdict) == (4, "inconclusive"), ended.err
    assert ended.report.interrupted
    assert ended.report.findings == []
    assert any("interrupted" in note for note in ended.report.notes)
    assert ended.out == (ended.place / "report.json").read_text()


def test_a_killed_run_leaves_a_report_and_no_process_and_can_go_on(tmp_path: Path) -> None:
    with soaking(tmp_path / "report", "terminals", "--cycles", "60", "--no-memray", "--seed", "5") as run:
        run.until(lambda: (run.place / "report.json").exists() and read(run.place).cycles, "a report with cycles")
        folder = run.folder()
        run.process.send_signal(signal.SIGKILL)
        run.process.wait(5)
        killed = read(run.place)
        wait_until(lambda: not run.processes(), "all that the killed run had started to be gone", 15)
        wait_until(lambda: not folder.exists(), "its directory to be gone", 5)
    _check_unfinished(killed)
    resumed = soak(tmp_path / "again", "--resume", str(run.place))
    report = read(run.place)
    assert resumed.status == (0 if report.verdict == "held" else 4), resumed.err
    assert report.verdict in ("held", "inconclusive")
    assert report.segments == 2
    assert report.cycles == 60
    assert report.duration_s > killed.duration_s
    assert report.traffic.bytes_received > killed.traffic.bytes_received
    assert not report.interrupted
    assert report.started_at == killed.started_at
    lines = (run.place / "samples.jsonl").read_text().splitlines()
    assert len(lines) == 3

    done = soak(tmp_path / "once more", "--resume", str(run.place))
    assert done.status == 2
    assert "found one that is complete" in " ".join(done.err.split())


def _check_unfinished(report: Report) -> None:
    assert (report.verdict, report.finished) == ("unfinished", False)
    assert any("written during the run" in note for note in report.notes)
    assert 0 < report.cycles < 60
    assert report.segments == 1


# -- the run itself failed: status 3


def test_an_agent_that_dies_and_is_started_again_is_noticed(tmp_path: Path) -> None:
    with soaking(tmp_path / "report", "terminals", "--duration", "10m", "--no-memray") as run:
        run.until((run.place / "samples.jsonl").exists, "a first sample")
        (agent,) = run.agents()
        agent.kill()
        ended = run.wait(90)
        assert run.processes() == []
    assert (ended.status, ended.report.verdict) == (3, "failed"), ended.err
    (finding,) = ended.report.findings
    assert finding.kind in ("failure", "integrity")
    assert finding.scenario == "terminals"
    assert "crashed and its keeper restarted it" in finding.detail


def test_a_keeper_that_dies_is_noticed(tmp_path: Path) -> None:
    with soaking(tmp_path / "report", "terminals", "--duration", "10m", "--no-memray") as run:
        run.phase("warming up")
        run.until(run.agents, "an agent")
        (keeper,) = run.keepers()
        keeper.kill()
        ended = run.wait(90)
        assert run.processes() == []
    assert (ended.status, ended.report.verdict) == (3, "failed"), ended.err
    (finding,) = ended.report.findings
    assert finding.kind == "failure"
    assert "ended with status -9" in finding.detail


# -- a breached bound: status 1


def test_a_bound_that_is_passed_ends_with_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent runs from a patched source tree, in which the ledger counts one terminal more than the limit allows."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for package in (mobifai, soak_package, profiles):
        folder = Path(str(package.__file__)).parent
        (tree / folder.name).symlink_to(folder)
    (tree / "sitecustomize.py").write_text(
        "import os\n"
        f"if {RUN_VARIABLE!r} in os.environ:\n"
        "    from mobifai.bounds import ledger\n"
        "    usual = ledger.Bound.set\n"
        "    def more(self, used):\n"
        "        usual(self, used)\n"
        "        if self.limit.name == 'terminals':\n"
        "            self._totals.peak = max(self._totals.peak, self.capacity + 1)\n"
        "    ledger.Bound.set = more\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tree))
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    ended = soak(tmp_path / "report", *SHORT)
    assert (ended.status, ended.report.verdict) == (1, "breach"), ended.err
    (finding,) = ended.report.findings
    assert (finding.kind, finding.name, finding.scenario) == ("bound", "terminals", "terminals")
    assert finding.detail == "expected at most 64 items in terminals; found 65"
    assert "found: bound terminals (terminals)" in ended.err
    _check_same(ended.report, _typed(finding.replay, tmp_path / "a person's folder"))


def _typed(command: str, folder: Path) -> Report:
    """Return the report of a command that is copied into a shell, in a new folder."""
    folder.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", command], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert (folder / "soak-report" / "report.json").exists(), done.stderr
    assert command in done.stdout  # the output contains the command
    return read(folder / "soak-report")


def _check_same(first: Report, again: Report) -> None:
    """Check that two reports are about the same plan and have the same cycles and findings."""
    assert again.environment["plan"] == first.environment["plan"]
    assert (again.seed, again.verdict) == (first.seed, first.verdict)
    assert again.findings == first.findings
    done = [(one.name, one.counts.judged_cycles) for one in first.scenarios]
    assert [(one.name, one.counts.judged_cycles) for one in again.scenarios] == done


# -- too short to judge, with memory windows


def test_a_run_that_is_too_short_says_so_and_has_memory_windows(tmp_path: Path) -> None:
    ended = soak(tmp_path / "report", "terminals", "--cycles", "5", "--memray")
    assert (ended.status, ended.report.verdict) == (4, "inconclusive"), ended.err
    assert ended.report.findings == []
    assert ended.report.scenarios[0].counts.blocks == 1
    windows = list((ended.place / "memray").iterdir())
    assert len(windows) == 1
    assert windows[0].stat().st_size < 10_000_000
    assert ended.report.memory
    for line in ended.report.memory:
        assert {"scenario", "at", "seconds", "line", "bytes", "allocations"} <= {*line}


# -- the command line itself


def test_every_option_is_explained(tmp_path: Path) -> None:
    status, out, _ = _said(tmp_path, "--help")
    assert status == 0
    for option in command.params:
        assert isinstance(option, click.Argument) or option.help  # type: ignore[attr-defined]
    for part in ("2 usage", "4 inconclusive"):
        assert part in " ".join(out.split())
