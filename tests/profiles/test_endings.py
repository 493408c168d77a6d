"""Every command of `mobifai profile` with every ending: its status, its report, no traceback, and no leftovers.

The table below has a cell for each command and each ending: a way to cause that ending, or the reason why there is
none.
"""

import errno
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import TypeAlias

import psutil
import pytest

from profiles.command import COMMANDS
from tests.profiles.ending_commands import LONGEST, Command, LivingAgent, commanded, living_agent, profiled
from tests.profiles.gate_branches import repository
from tests.soak.soak_runs import wait_until
from tests.support.small_disk import SmallDisk, small_disk

pytestmark = [pytest.mark.extended, pytest.mark.timeout(600)]

ENDINGS = (
    *("done", "ctrl-c", "ctrl-c often", "sigterm", "sighup", "sigkill", "crash"),
    *("agent dead", "agent hangs", "no agent", "keeper dead"),
    *("disk full", "output full", "unwritable", "suspended", "second writer"),
)
REPORTING = ("run", "attach", "gate")
"""The commands that write a report."""
INTERRUPTING = {
    "ctrl-c": [signal.SIGINT], "ctrl-c often": [signal.SIGINT] * 5, "sigterm": [signal.SIGTERM],
    "sighup": [signal.SIGHUP],
}  # fmt: skip
GATE = ("gate", "terminals", "--base", "HEAD", "--candidate", "installed", "--allow-identical")
KILLING = {"sigkill": signal.SIGKILL, "crash": signal.SIGABRT}


class Place:
    """The surroundings of a test."""

    def __init__(self, path: Path, agent: LivingAgent, checkout: Path) -> None:
        self.path = path
        self.agent = agent
        self.checkout = checkout
        self.report = path / "report"
        self.page = path / "flame.html"

    @contextmanager
    def command(self, name: str, seconds: int = 600, *, report: Path | None = None, out: str = "") -> Iterator[Command]:
        """Return a command that runs for some time, or for this number of seconds."""
        to = report or (self.page if name == "flame" else self.report)
        state = ("--state-dir", str(self.agent.state_dir))
        words: dict[str, tuple[str, ...]] = {
            "run": ("run", "terminals", "--seed", "1", "--no-dose", "--report", str(to)),
            "attach": ("attach", "--for", f"{seconds}s", "--report", str(to), *state),
            "heap": ("heap", *state),
            "flame": ("flame", "--for", f"{seconds}s", "--out", str(to), *state),
            "compare": ("compare", *(str(profiled(self.path / one)) for one in "ab")),
            "gate": (
                "gate",
                "terminals",
                "--base",
                "HEAD",
                "--candidate",
                "installed",
                "--allow-identical",
                "--report",
                str(to),
            ),
        }
        with commanded(self.path / "x", *words[name], cwd=self.checkout, out=out) as command:
            command.report = to
            yield command


@pytest.fixture(scope="module")
def agent() -> Iterator[LivingAgent]:
    with living_agent() as living:
        yield living


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return repository(tmp_path_factory.mktemp("gate") / "checkout")


@pytest.fixture
def place(tmp_path: Path, agent: LivingAgent, checkout: Path) -> Place:
    return Place(tmp_path, agent, checkout)


# -- the middle of each command


def working(command: Command, name: str) -> None:
    """Wait until a command is in the middle of its work."""
    texts = {"run": "warming up", "attach": "window 0", "gate": "building"}
    if name in texts:
        command.says(texts[name])
    if name == "flame":
        command.until(lambda: [*command.temporary.glob("mobifai-flame-*/window.bin")], "a window")
    if name == "heap":
        command.until(lambda: _is_connected(command), "a connection to the agent")


def _is_connected(command: Command) -> bool:
    with suppress(psutil.Error):
        return bool(psutil.Process(command.process.pid).net_connections("unix"))
    return False


@contextmanager
def stopped(*processes: psutil.Process) -> Iterator[None]:
    """Stop these processes in this scope."""
    for one in processes:
        one.suspend()
    wait_until(lambda: all(one.status() == psutil.STATUS_STOPPED for one in processes), "stopped processes", 30)
    try:
        yield
    finally:
        for one in processes:
            with suppress(psutil.Error):
                one.resume()


@contextmanager
def at_work(place: Place, name: str, **how: object) -> Iterator[Command]:
    """Run a command until the middle of its work. `heap` has to wait for a hanging agent."""
    if name == "compare":
        with _reading(place) as command:
            yield command
        return
    with stopped(*(place.agent.family() if name == "heap" else ())), place.command(name, **how) as command:  # type: ignore[arg-type]
        working(command, name)
        yield command


@contextmanager
def _reading(place: Place) -> Iterator[Command]:
    """Run `compare`, which waits for a report from a pipe."""
    pipe = place.path / "pipe"
    os.mkfifo(pipe)
    with commanded(place.path / "x", "compare", str(pipe), str(profiled(place.path / "b"))) as command:
        writer: list[int] = []

        def opened() -> bool:
            try:
                writer.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
            except OSError as error:
                assert error.errno == errno.ENXIO  # nobody reads yet
            return bool(writer)

        command.until(opened, "a reader")
        try:
            yield command
        finally:
            for descriptor in writer:
                os.close(descriptor)


# -- the cells


def is_in_order(command: Command, name: str, status: int, *statuses: int) -> None:
    """Check that the status is one of these, without a traceback or leftovers."""
    assert status in statuses, command.said()
    assert "Traceback" not in command.said()
    assert "internal error" not in command.said()
    command.leaves_nothing()


LONG_ENOUGH = 9
"""Seconds of an examination with a verdict."""


def done(place: Place, name: str, _: str) -> None:
    with place.command(name, LONG_ENOUGH if name == "attach" else 1) as command:
        is_in_order(command, name, command.wait(), *((0, 1) if name == "attach" else (0,)))
        if name == "attach":
            assert command.document()["verdict"] in ("clean", "found")
        if name == "flame":
            assert command.report.exists()


def interrupted(place: Place, name: str, ending: str) -> None:
    if name in ("run", "attach"):
        profiled(place.report)
    with at_work(place, name) as command:
        for number in INTERRUPTING[ending]:
            command.process.send_signal(number)
        if name == "compare":
            again_until_ended(command, INTERRUPTING[ending][-1])
        is_in_order(command, name, command.wait(), 4)
        if name in REPORTING:
            assert command.document()["verdict"] == "inconclusive"
            assert "interrupted" in command.said()


def again_until_ended(command: Command, number: signal.Signals) -> None:
    """Repeat a signal, because Python handles a signal right before a blocking read only after that read."""
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        with suppress(subprocess.TimeoutExpired):
            command.process.wait(5)
            return
        command.process.send_signal(number)


def killed(place: Place, name: str, ending: str) -> None:
    if name in ("run", "attach"):
        profiled(place.report)
    with at_work(place, name) as command:
        command.process.send_signal(KILLING[ending])
        is_in_order(command, name, command.wait(), -KILLING[ending])
        if name in REPORTING:
            assert command.document()["verdict"] == "unfinished"
    if name in ("attach", "flame"):
        nothing_traces(place)


def nothing_traces(place: Place) -> None:
    """Check that an examination and a window can begin in the agent again."""
    for name in ("attach", "flame"):
        until = time.monotonic() + 60
        while True:
            with place.command(name, 1, report=place.path / f"again-{name}") as command:
                status = command.wait()
            if status != 3 or time.monotonic() > until:
                break
        assert status in (0, 1, 4), command.said()  # 4: a second is too short for a verdict


def its_agent_dead(place: Place, name: str, _: str) -> None:
    with at_work(place, name) as command:

        def dies() -> bool:
            """Each agent is killed at its start, because one that is about to end would not be missed."""
            for agent in command.agents():
                with suppress(psutil.NoSuchProcess):
                    agent.kill()
            return command.process.poll() is not None

        command.until(dies, "the end")
        if name == "run":
            is_in_order(command, name, command.wait(), 3)
            assert command.document()["verdict"] == "failed"
            return
        is_in_order(command, name, command.wait(), 4)  # the first one is the base's
        assert command.document()["verdict"] == "inconclusive"
        assert "the base can't be measured" in command.said()


def its_keeper_dead(place: Place, name: str, _: str) -> None:
    with at_work(place, name) as command:
        command.until(lambda: command.keepers() and command.agents(), "a keeper")
        command.keepers()[0].kill()
        is_in_order(command, name, command.wait(), 3 if name == "run" else 4)
        assert command.document()["verdict"] == ("failed" if name == "run" else "inconclusive")


def living_agent_dead(place: Place, name: str, _: str) -> None:
    with living_agent() as place.agent, at_work(place, name) as command:
        place.agent.end()
        is_in_order(command, name, command.wait(), 3)
        if name == "attach":
            assert command.document()["verdict"] == "failed"
        assert not place.page.exists()


def living_agent_hangs(place: Place, name: str, _: str) -> None:
    with at_work(place, name) as command:
        is_in_order(command, name, command.wait(), 3)
        assert "does not answer" in command.said()


def no_agent(place: Place, name: str, _: str) -> None:
    place.agent = LivingAgent(place.agent.process, place.path / "nobody")
    if name == "attach":
        profiled(place.report)
    with place.command(name, 1) as command:
        is_in_order(command, name, command.wait(), 3)
        assert "start `mobifai serve`" in command.said()
        if name == "attach":
            assert command.document()["verdict"] == "failed"


def disk_full(place: Place, name: str, _: str) -> None:
    """The report's disk gets full: the summary is printed, and the last written report stays."""
    with small_disk(place.path / "disk") as disk, at_work(place, name, report=disk.path / "report") as command:
        disk.fill()
        command.process.send_signal(signal.SIGINT)
        is_in_order(command, name, command.wait(), 4)
        assert "No verdict" in command.said()
        assert "can't be written" in command.said()
        assert command.document()["verdict"] == "unfinished"


def disk_full_before(place: Place, name: str, _: str) -> None:
    """The page's disk is full, which is noticed before the window."""
    with small_disk(place.path / "disk") as disk:
        disk.fill()
        with place.command(name, report=disk.path / "flame.html") as command:
            is_in_order(command, name, command.wait(), 2)
            assert "can't be written" in command.said()
            assert "--out" in command.said()
        _has_only_the_ballast(disk)


def _has_only_the_ballast(disk: SmallDisk) -> None:
    assert [one.name for one in disk.path.iterdir()] == ["ballast"]


def output_full(place: Place, name: str, _: str) -> None:
    with place.command(name, 1, out="/dev/full") as command:
        is_in_order(command, name, command.wait(), *((4,) if name == "attach" else (3,)))  # a second is too short
        assert "output can't be written" in command.said()


def unwritable(place: Place, name: str, _: str) -> None:
    (place.path / "file").write_text("mine")
    with place.command(name, report=place.path / "file" / "report") as command:
        is_in_order(command, name, command.wait(), 2)
    assert (place.path / "file").read_text() == "mine"


def suspended(place: Place, name: str, _: str) -> None:
    """The command is stopped and continued, and then ends as usual."""
    if name in ("attach", "flame"):
        with place.command(name, LONG_ENOUGH if name == "attach" else 2) as command:
            working(command, name)
            with stopped(psutil.Process(command.process.pid)):
                pass
            is_in_order(command, name, command.wait(), 0, 1)
        return
    with at_work(place, name) as command:
        with stopped(psutil.Process(command.process.pid)):
            command.process.send_signal(signal.SIGINT)
        if name == "compare":
            again_until_ended(command, signal.SIGINT)
        is_in_order(command, name, command.wait(), 4)


def second_writer(place: Place, name: str, _: str) -> None:
    """A second command that writes to the same directory is refused, and the first one continues."""
    with at_work(place, name) as first:
        with commanded(place.path / "y", *_same(name, place), cwd=place.checkout) as second:
            is_in_order(second, name, second.wait(), 2)
            assert "expected a directory that no other process writes to" in second.said()
        first.process.send_signal(signal.SIGINT)
        is_in_order(first, name, first.wait(), 4)


def _same(name: str, place: Place) -> tuple[str, ...]:
    if name == "gate":
        return (
            "gate",
            "terminals",
            "--base",
            "HEAD",
            "--candidate",
            "installed",
            "--allow-identical",
            "--report",
            str(place.report),
        )
    rest = ("--state-dir", str(place.agent.state_dir)) if name == "attach" else ("terminals",)
    return (name, *rest, "--report", str(place.report))


Cell: TypeAlias = Callable[[Place, str, str], None] | str

ITS_OWN = "it starts its agents itself"
NO_AGENT = "it asks no agent"
NO_PROCESSES = "it only reads two files: nothing that could stay"
TABLE: dict[str, dict[str, Cell]] = {
    "done": {
        "run": "tests/profiles/test_command.py has runs to their end", "attach": done, "heap": done, "flame": done,
        "compare": done, "gate": "tests/profiles/test_gate_branches.py has gates to their end",
    },
    **{ending: dict.fromkeys(COMMANDS, interrupted) for ending in INTERRUPTING},
    **{
        ending: {**dict.fromkeys(COMMANDS, killed), "heap": "it changes nothing in the agent, and writes nothing",
                 "compare": NO_PROCESSES}
        for ending in KILLING
    },
    "agent dead": {
        "run": its_agent_dead, "gate": its_agent_dead, "attach": living_agent_dead, "flame": living_agent_dead,
        "heap": living_agent_dead, "compare": NO_AGENT,
    },
    "agent hangs": {
        "heap": living_agent_hangs, "attach": "as heap: mobifai.control.client waits for both",
        "flame": "as heap: mobifai.control.client waits for both",
        "run": "each cycle has a time limit; that takes minutes", "gate": "as run: the cycles are the same",
        "compare": NO_AGENT,
    },
    "no agent": {
        "attach": no_agent, "heap": no_agent, "flame": no_agent, "run": ITS_OWN, "gate": ITS_OWN, "compare": NO_AGENT,
    },
    "keeper dead": {
        "run": its_keeper_dead, "gate": its_keeper_dead, "attach": "only the agent is asked",
        "heap": "only the agent is asked", "flame": "only the agent is asked", "compare": NO_AGENT,
    },
    "disk full": {
        "run": disk_full, "attach": disk_full, "gate": disk_full, "flame": disk_full_before,
        "heap": "it writes to standard output only", "compare": "it writes to standard output only",
    },
    "output full": {
        "heap": output_full, "flame": output_full, "compare": output_full, "attach": output_full,
        "run": "as attach: one function prints", "gate": "as attach: one function prints",
    },
    "unwritable": {
        "run": unwritable, "attach": unwritable, "gate": unwritable, "flame": unwritable,
        "heap": "it writes no file", "compare": "it writes no file",
    },
    "suspended": {**dict.fromkeys(COMMANDS, suspended), "compare": suspended},
    "second writer": {
        **dict.fromkeys(REPORTING, second_writer), "heap": "it writes no file", "compare": "it writes no file",
        "flame": "the page is replaced whole, by whichever is later",
    },
}  # fmt: skip

CELLS = [(name, ending) for ending, row in TABLE.items() for name, cell in row.items() if callable(cell)]


def test_the_table_has_a_cell_for_every_command_and_every_ending() -> None:
    there = {(name, ending): cell for ending, row in TABLE.items() for name, cell in row.items()}
    assert {*there} == {*product(COMMANDS, ENDINGS)}
    assert all(callable(cell) or len(cell) > 10 for cell in there.values())


@pytest.mark.parametrize(("name", "ending"), CELLS)
def test_a_command_ends_in_order(name: str, ending: str, place: Place) -> None:
    cell = TABLE[ending][name]
    assert callable(cell)
    cell(place, name, ending)
