"""Tests that share something expensive run in one worker; the others use all workers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.scheduling import GROUPS, group_of

ROOT = Path(__file__).parents[2]

CONFTEST = "from tests.support.scheduling import pytest_xdist_make_scheduler"
TESTS = """
import os
import time
from pathlib import Path
import pytest

PIDS = Path(os.environ["PIDS"])

@pytest.mark.parametrize("number", range(6))
def test_it(number):
    with (PIDS / Path(__file__).parent.name).open("a") as pids:
        pids.write(f"{os.getpid()}\\n")
    until = time.monotonic() + 20  # a worker alone can't run all of them
    while len({pid for file in PIDS.iterdir() for pid in file.read_text().split()}) < 2 and time.monotonic() < until:
        time.sleep(0.01)
"""


@pytest.mark.parametrize("place", GROUPS)
def test_a_group_names_a_place_that_exists(place: str) -> None:
    assert (ROOT / place).exists()


def test_a_test_outside_the_groups_is_a_group_of_its_own() -> None:
    assert group_of("tests/relay/test_api.py::test_one[a]") == "tests/relay/test_api.py::test_one[a]"


def test_all_tests_of_a_group_run_in_one_worker_while_the_other_runs_the_rest(tmp_path: Path) -> None:
    (tmp_path / "pids").mkdir()
    for folder in ("browser", "relay"):
        (tmp_path / "tests" / folder).mkdir(parents=True)
        (tmp_path / "tests" / folder / "test_it.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    words = ("-m", "pytest", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider", "--import-mode=importlib")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PIDS": str(tmp_path / "pids"), "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "12 passed" in run.stdout, run.stdout + run.stderr
    browser, relay = (set((tmp_path / "pids" / name).read_text().split()) for name in ("browser", "relay"))
    assert len(browser) == 1
    assert relay - browser
