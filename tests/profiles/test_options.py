"""Options of `mobifai profile`: their combinations, their ranges, and the commands that repeat a run."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mobifai.protocol.plain_text import is_shown
from profiles.command import profile
from profiles.commands.attach import attach
from profiles.commands.flame import flame
from profiles.commands.gate import gate
from profiles.commands.run import request_from, run
from profiles.gate import options as gate_options
from profiles.gate.options import gate_command
from profiles.investigate.request import InvestigationRequest
from profiles.options import PROCESSES, TABLE
from profiles.replay import attach_command, run_command
from soak.option_types import FASTEST, MOST_PHONES
from soak.plants import plants
from soak.run.plan import LARGEST_SEED, SoakPlan
from soak.scenarios import scenarios
from tests.soak import option_words
from tests.support.shell_words import shell_words

VALUES = {"seed": "7", "time_scale": "20", "phones": "2", "report_dir": "r", "plant_name": "zombie", "from_report": "f",
          "scenario_names": "terminals", "revision": "HEAD", "baseline_file": "b.json", "accepted_file": "a.toml",
          "choice": "checkout", "process": "keeper"}  # fmt: skip
COMMIT = "1" * 40

names = st.lists(st.sampled_from(scenarios()), min_size=1, unique=True).map(tuple)
seeds = st.integers(0, LARGEST_SEED)
paths = st.text(st.characters().filter(is_shown), min_size=1).map(Path)
files = paths.filter(lambda path: not path.is_dir())


@pytest.mark.parametrize(("mode", "name"), option_words.pairs(run, TABLE))
def test_run_takes_an_option_or_refuses_it(mode: str, name: str) -> None:
    option_words.check_pair(run, TABLE, VALUES, mode, name)


@pytest.mark.parametrize(("mode", "name"), option_words.pairs(gate, gate_options.TABLE))
def test_the_gate_takes_an_option_or_refuses_it(mode: str, name: str) -> None:
    option_words.check_pair(gate, gate_options.TABLE, VALUES, mode, name)


@pytest.mark.parametrize(("command", "table"), [(run, TABLE), (gate, gate_options.TABLE)])
def test_the_tables_know_every_parameter_and_no_other(command: click.Command, table: Any) -> None:
    option_words.check_names(command, table)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["attach", "--for", "61m"], "expected a duration from 1s to 1h"),
        (["attach", "--for", "0.9s"], "expected a duration from 1s to 1h"),
        (["flame", "--for", "11m"], "expected a duration from 0.1s to 10m"),
        (["flame", "--out", ""], "expected a path; found an empty one"),
        (["run", "--time-scale", "nan"], "expected a number from 1 to 10,000; found 'nan'"),
        (["run", "--phones", "0"], "expected a whole number from 1 to 16; found '0'"),
        (["run", "--from", ""], "expected a path; found an empty one"),
        (["gate", "--base", "HEAD", "--seed", "-1"], "expected a whole number from 0 to 2,147,483,647; found '-1'"),
        (["gate", "--base", "HEAD", "--candidate", "other"], "'checkout', 'installed'"),
        (["compare", "", "b"], "expected a path; found an empty one"),
    ],
)
def test_what_is_out_of_range_is_refused_with_the_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    command = profile.get_command(click.Context(profile), words[0])
    assert command is not None
    ended = CliRunner().invoke(command, words[1:])
    assert (ended.exit_code, expected in ended.output) == (2, True), ended.output
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("command", [attach, flame])
def test_the_longest_time_is_in_the_help(command: click.Command) -> None:
    out = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    assert "from 1s to 1h" in out or "from 0.1s to 10m" in out


# -- commands that repeat a run


@given(
    st.builds(
        InvestigationRequest,
        st.builds(
            SoakPlan, names, seeds, plant=st.none() | st.sampled_from([one.name for one in plants()]),
            time_scale=st.floats(1, FASTEST), phones=st.integers(1, MOST_PHONES),
        ),
        st.booleans(),
        st.none() | st.booleans(),
        process=st.none() | st.sampled_from(PROCESSES),
    )
)  # fmt: skip
def test_the_command_of_a_look_is_parsed_as_the_same_look(wanted: InvestigationRequest) -> None:
    words = shell_words(run_command(wanted.plan, dose=wanted.dose, memray=wanted.memray, process=wanted.process))
    assert words[:3] == ["mobifai", "profile", "run"]
    with run.make_context("run", words[3:]) as context:
        assert TABLE.check(context) == ""
        assert request_from(context.params) == wanted


@given(names, seeds, st.none() | files, st.booleans(), st.none() | st.sampled_from(["checkout", "installed"]),
       st.sampled_from(["revision", "baseline_file", "update"]), files, st.booleans())  # fmt: skip
def test_the_command_of_a_gate_is_parsed_as_the_same_gate(
    chosen: tuple[str, ...],
    seed: int,
    accepted: Path | None,
    culprits: bool,
    choice: str | None,
    mode: str,
    file: Path,
    identical: bool,
) -> None:
    params = {
        "scenario_names": chosen, "seed": seed, "culprits": culprits, "choice": choice, "update": mode == "update",
        "allow_identical": identical and mode != "update",
        "accepted_file": None if mode == "update" else accepted, "revision": COMMIT if mode == "revision" else None,
        "baseline_file": None if mode == "revision" else file,
    }  # fmt: skip
    words = shell_words(gate_command(params, gate_options.plan_of(chosen, seed), COMMIT))
    with gate.make_context("gate", words[3:]) as context:
        assert gate_options.TABLE.check(context) == mode
        assert {name: context.params[name] for name in params} == params


@given(paths, st.floats(1, 3600))
def test_the_command_of_a_look_at_an_agent_names_it_from_everywhere(state_dir: Path, seconds: float) -> None:
    words = shell_words(attach_command(state_dir, seconds))
    with attach.make_context("attach", words[3:]) as context:
        assert context.params["state_dir"] == Path.cwd() / state_dir
        assert context.params["seconds"] == seconds


def test_a_state_directory_of_the_settings_file_is_used(tmp_path: Path) -> None:
    settings = tmp_path / "config.toml"
    settings.write_text(f'state_dir = "{tmp_path}/elsewhere"\n')
    done = subprocess.run(
        [sys.executable, "-m", "mobifai", "--config", str(settings), "profile", "heap"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "elsewhere" in done.stderr
