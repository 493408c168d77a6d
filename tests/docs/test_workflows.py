"""The commands of the composite action and the workflows, as far as they can run without GitHub's runner."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
STATUS = {0: "passed", 1: "grown", 3: "failed", 4: "inconclusive"}


def loaded(file: Path) -> dict[Any, Any]:
    """Return the content of a YAML file."""
    workflow = yaml.safe_load(file.read_text())
    assert isinstance(workflow, dict)
    return workflow


def run_gate(place: Path, status: int, **inputs: str) -> tuple[int, list[str], str]:
    """Run the action's last step with a fake mobifai. Return its status, the fake's arguments, and the outputs."""
    command = place / "mobifai-gate" / "bin" / "mobifai"
    command.parent.mkdir(parents=True)
    command.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{place}/words"\nexit {status}\n')
    command.chmod(0o755)
    action = loaded(ROOT / "action.yml")
    step = action["runs"]["steps"][-1]
    values = {name: about.get("default", "") for name, about in action["inputs"].items()} | inputs
    given = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: values[found[1]], value)
        for name, value in step["env"].items()
    }
    outputs = place / "outputs"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env={**os.environ, **given, "RUNNER_TEMP": str(place), "GITHUB_OUTPUT": str(outputs)}, check=False,
    )  # fmt: skip
    return done.returncode, (place / "words").read_text().splitlines(), outputs.read_text()


@pytest.mark.parametrize("status", STATUS)
def test_the_action_ends_as_the_gate_does_and_says_the_verdict(tmp_path: Path, status: int) -> None:
    ended, words, outputs = run_gate(tmp_path, status, base="origin/main")
    assert ended == status
    assert words == ["profile", "gate", "--report", "gate-report", "--base", "origin/main"]
    assert outputs == f"verdict={STATUS[status]}\n"


def test_inputs_of_the_action_are_never_run_as_a_script(tmp_path: Path) -> None:
    hostile = f'main"; touch {tmp_path}/touched; "$(touch {tmp_path}/touched)'
    _, words, _ = run_gate(tmp_path, 0, base=hostile, baseline="a b.json", scenarios="mixed terminals")
    assert words == [
        "profile", "gate", "mixed", "terminals", "--report", "gate-report", "--base", hostile, "--baseline", "a b.json",
    ]  # fmt: skip
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("file", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda file: file.name)
def test_no_script_has_an_expression_in_it(file: Path) -> None:
    jobs = loaded(file).get("jobs", {"action": loaded(file).get("runs", {})})
    scripts = [step["run"] for job in jobs.values() for step in job.get("steps", []) if "run" in step]
    assert [script for script in scripts if "${{" in script] == []


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_may_only_read_names_what_there_is_and_ends_in_time(file: Path) -> None:
    workflow = loaded(file)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        if "uses" in job:
            assert (ROOT / job["uses"]).exists()
            continue
        assert job["timeout-minutes"] <= 360
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)


def test_every_session_that_a_workflow_runs_is_there() -> None:
    scripts = "\n".join(file.read_text() for file in WORKFLOWS)
    asked = {
        name
        for line in re.findall(r"nox --session ([\w \-]+?)(?: --|$)", scripts, re.MULTILINE)
        for name in line.split()
    }
    source = (ROOT / "noxfile.py").read_text()
    assert {name for name in asked if f'name="{name}"' not in source and f"def {name}(" not in source} == set()
    assert {"nightly", "evidence", "lint"} <= asked


def test_the_parts_of_the_long_soak_follow_each_other() -> None:
    jobs = loaded(ROOT / ".github" / "workflows" / "weekly-soak.yml")["jobs"]
    parts = [(job.get("needs"), job["with"]["number"], job["with"]["until"]) for job in jobs.values()]
    names = [None, *jobs]
    assert parts == [(names[at], at + 1, f"{5 * (at + 1)}h") for at in range(4)]
