"""The environment of the harness's processes: variables from a fixed list, and nothing of the working directory."""

import asyncio
import os
import site
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import mobifai
from soak.gauges.leaked_lines import leaked_lines
from soak.harness.agent_process import agent_under_test
from soak.harness.child_environment import FIXED, KEPT, child_environment, helper_environment, module_command, stated
from soak.harness.cleanup import cleaned_up_if_killed
from soak.harness.environment import environment

PERSONS = {
    "ANTHROPIC_API_KEY": "secret",
    "COVERAGE_PROCESS_START": "/nowhere",
    "GLIBC_TUNABLES": "glibc.malloc.check=3",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "LC_CTYPE": "POSIX",
    "LD_PRELOAD": "/nowhere.so",
    "MALLOC_ARENA_MAX": "7",
    "MOBIFAI_E2E": "require",
    "MOBIFAI_RELAY": "http://127.0.0.1:9",
    "NODE_OPTIONS": "--inspect",
    "PYTEST_ADDOPTS": "-x",
    "PYTHONHOME": "/nowhere",
    "PYTHONMALLOC": "debug",
    "PYTHONPATH": "/nowhere",
    "PYTHONSTARTUP": "/nowhere.py",
    "TZ": "Asia/Kathmandu",
    "XDG_STATE_HOME": "/nowhere",
}
"""Variables that a user may have set. Each would change the agent under test."""

SHADOWS = ("json.py", "sitecustomize.py", "usercustomize.py", "asyncio.py", "psutil.py", "memray.py")
PACKAGES = ("mobifai", "soak", "profiles")


@pytest.fixture
def hostile_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory in which every module ends the process that imports it."""
    place = tmp_path / "checkout"
    for name in PACKAGES:
        (place / name).mkdir(parents=True)
    for name in (*SHADOWS, *(f"{package}/__init__.py" for package in PACKAGES)):
        (place / name).write_text("import os\nos._exit(77)\n")
    (place / ".env").write_text("MOBIFAI_E2E=require\n")
    monkeypatch.chdir(place)
    return place


# -- the list


def test_only_variables_of_the_list_are_handed_on() -> None:
    found = child_environment(Path("/run"), {**PERSONS, "PATH": "/usr/bin"})
    assert {*found} <= {*KEPT, *FIXED, "HOME", "TMPDIR", "PYTHONPATH", "PYTHONUSERBASE"}
    assert {name for name, value in PERSONS.items() if found.get(name) == value} == set()


def test_the_home_and_the_temporary_directory_are_those_of_the_run() -> None:
    found = child_environment(Path("/run"), {"HOME": "/home/person", "TMPDIR": "/persons"})
    assert (found["HOME"], found["TMPDIR"]) == ("/run/home", "/run/tmp")


@pytest.mark.parametrize("path", [".:/usr/bin", ":/usr/bin", "bin:/usr/bin:", "/usr/bin"])
def test_a_search_path_keeps_no_place_that_depends_on_the_working_directory(path: str) -> None:
    assert helper_environment(Path("/run"), {"PATH": path})["PATH"] == "/usr/bin"


def test_a_person_without_a_search_path_gets_none_of_the_working_directory() -> None:
    assert helper_environment(Path("/run"), {"PATH": "."})["PATH"] == os.defpath


def test_an_installation_that_python_finds_alone_needs_no_variable() -> None:
    root = Path(mobifai.__file__).parent.parent
    found = child_environment(Path("/run"), {}).get("PYTHONPATH")
    assert found == (None if str(root) in site.getsitepackages() else str(root))


def test_a_report_names_the_variables_and_no_path_of_the_run() -> None:
    reported = environment("")["variables"]
    assert reported == stated()
    assert reported["LANG"] == FIXED["LANG"]
    assert "TMPDIR" in reported
    assert not any("mobifai-soak-" in value for value in reported.values())


# -- what processes import


def test_a_helper_is_the_installed_one_whatever_the_working_directory_holds(hostile_folder: Path) -> None:
    done = subprocess.run(
        module_command("mobifai", "--version"),
        env=helper_environment(hostile_folder, {**os.environ, **PERSONS}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert mobifai.__version__ in done.stdout


async def test_windows_of_memory_are_read_in_any_working_directory(hostile_folder: Path) -> None:
    pytest.importorskip("memray")
    program = "import memray\nwith memray.Tracker('window.bin'):\n    kept = [bytes(100_000)]\n"
    tracer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", program), env=helper_environment(hostile_folder)
    )
    assert await tracer.wait() == 0
    assert await leaked_lines(Path("window.bin"), hostile_folder)


def test_a_cleanup_starts_in_any_working_directory_and_removes_what_a_killed_harness_left(
    hostile_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    (folder / "tmp").mkdir(parents=True)
    left = subprocess.Popen(["sleep", "600"], env={"TMPDIR": str(folder / "tmp")})
    with cleaned_up_if_killed(folder):
        pass
    assert left.wait(5) == -9
    assert not folder.exists()


# -- the agent under test


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's environment")
async def test_an_agent_and_its_relay_know_nothing_of_the_persons_settings(
    hostile_folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in PERSONS.items():
        monkeypatch.setenv(name, value)
    settings = tmp_path_factory.mktemp("s") / "config.toml"
    settings.touch()
    async with agent_under_test(tmp_path_factory.mktemp("r") / "a", settings, separate_relay=True):
        processes = psutil.Process().children(recursive=True)
        assert len(processes) >= 3  # relay, keeper, agent
        for process in processes:
            variables = process.environ()
            assert {name for name, value in PERSONS.items() if variables.get(name) == value} == set()
            assert not Path(process.cwd()).is_relative_to(hostile_folder)
