"""A test that leaves something behind fails, with the name of what it left."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = Path(__file__).with_name("left_behind.py")

EXPECTED = {
    "test_task": ["task linger", "left_behind.py:", "in test_task"],
    "test_task_of_a_property": ["task linger", "in test_task_of_a_property"],
    "test_thread": ["thread 'left thread'"],
    "test_file": ["descriptor", "left_behind.py"],
    "test_listener": ["socket:[", "SOCK_STREAM 127.0.0.1:", "LISTEN"],
    "test_server_of_the_loop": ["left behind"],  # asyncio leaves the socket open, uvloop says what it had to close
    "test_child": ["child process", "sys.stdin.read()", "pipe:["],
    "test_zombie": ["child process", "zombie"],
    "test_hang": ["not done after 0.9 s", "await linger(60)"],
    "test_hang_in_cleanup": ["not done after 0.9 s", "await linger(60)"],
    "test_failure_with_a_file": ["the reason"],
}
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the targets of descriptors")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@on_linux
def test_what_is_left_is_found_and_named(loop: str, tmp_path: Path) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    outcomes = run(loop, tmp_path / "report.xml")
    failed = {name: text for name, text in outcomes.items() if text}
    assert sorted(failed) == sorted(EXPECTED)
    for name, parts in EXPECTED.items():
        assert [part for part in parts if part not in failed[name]] == [], failed[name]
    assert "left behind" not in failed["test_failure_with_a_file"]


def run(loop: str, report: Path) -> dict[str, str]:
    """Run the examples; each one's failure text, or nothing."""
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--leak-grace=0.5", f"--junitxml={report}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(EXAMPLES)],
        cwd=ROOT,
        env={**environment, "MOBIFAI_TEST_LOOP": loop},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout + ended.stderr
    cases = ElementTree.parse(report).iter("testcase")  # noqa: S314 - written by the line above
    return {case.attrib["name"]: "".join(f"{bad.get('message')}\n{bad.text}" for bad in case) for case in cases}
