"""The working directory and the user's variables have no effect: both sides use the installed packages."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.profiles.ending_commands import LivingAgent, commanded, living_agent

pytestmark = [pytest.mark.extended, pytest.mark.timeout(300)]

DECOYS = ("mobifai", "soak", "profiles", "memray", "psutil", "pip")
FOREIGN = {"MOBIFAI_E2E": "require", "MOBIFAI_RELAY": "http://127.0.0.1:9", "MOBIFAI_LOG_LEVEL": "debug"}


@pytest.fixture
def strange(tmp_path: Path) -> Path:
    """Create a directory of packages that end any process that imports them."""
    for name in DECOYS:
        (tmp_path / "strange" / name).mkdir(parents=True)
        (tmp_path / "strange" / name / "__init__.py").write_text("raise SystemExit('the wrong package')\n")
    (tmp_path / "strange" / "sitecustomize.py").write_text("raise SystemExit('the wrong start')\n")
    return tmp_path / "strange"


@pytest.fixture(scope="module")
def agent() -> Iterator[LivingAgent]:
    with living_agent() as living:
        yield living


def test_an_agent_under_test_starts_as_it_is_installed(strange: Path, tmp_path: Path) -> None:
    words = ("run", "terminals", "--seed", "1", "--no-dose", "--report", str(tmp_path / "report"))
    with commanded(tmp_path / "x", *words, cwd=strange, environment=FOREIGN) as command:
        command.says("warming up, block 1")
        command.process.send_signal(signal.SIGINT)
        assert command.wait() == 4, command.said()
        assert "wrong" not in command.said()
        command.leaves_nothing()


def test_the_page_is_drawn_by_the_installed_memray(strange: Path, tmp_path: Path, agent: LivingAgent) -> None:
    words = ("flame", "--for", "1s", "--out", str(tmp_path / "x.html"), "--state-dir", str(agent.state_dir))
    with commanded(tmp_path / "x", *words, cwd=strange, environment=FOREIGN) as command:
        assert command.wait() == 0, command.said()
        command.leaves_nothing()
    assert "flamegraph" in (tmp_path / "x.html").read_text()


def test_a_killed_command_is_cleaned_up_after_by_the_installed_cleanup(
    strange: Path, tmp_path: Path, agent: LivingAgent
) -> None:
    words = ("flame", "--for", "600s", "--out", str(tmp_path / "x.html"), "--state-dir", str(agent.state_dir))
    with commanded(tmp_path / "x", *words, cwd=strange, environment=FOREIGN) as command:
        command.until(lambda: [*command.temporary.glob("mobifai-flame-*/window.bin")], "a window")
        os.kill(command.process.pid, signal.SIGKILL)
        command.wait()
        command.leaves_nothing()
