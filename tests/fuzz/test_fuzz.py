"""The fuzzer itself: it runs on every target for some seconds, and has to find planted faults."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mobifai.protocol import messages
from tests.fuzz import corpus, findings, oracle, payloads, run
from tests.fuzz.engine import Engine, Result
from tests.fuzz.findings import Finding
from tests.fuzz.growth import LEAST, WARM_UP, Growth
from tests.fuzz.place import PLACES
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.extended

FAULTS = """
import os, signal, time
from mobifai.limits import RELAY_QUEUE

def control_handlers(subject):
    async def crash(_):
        os.abort()
    async def traceback(_):
        raise ZeroDivisionError("planted")
    async def stall(_):
        time.sleep(1.5)
    async def leak(_):
        subject.ledger.open(RELAY_QUEUE)
    async def shell(_):
        for terminal in subject.agent.tabs.terminals:
            os.kill(terminal.pid, signal.SIGKILL)
    return {f"planted.{one.__name__}": one for one in (crash, traceback, stall, leak, shell)}
"""


async def fuzzed(folder: Path, *targets: type[Target], seconds: float = 3) -> Result:
    engine = Engine(targets, 1, folder / "run", lambda _: None)
    (folder / "run").mkdir()
    engine.findings_folder = folder / "findings"
    return await engine.run(seconds)


@pytest.mark.parametrize("place", PLACES)
async def test_nothing_breaks_within_a_few_seconds_and_every_target_gets_through(place: str, tmp_path: Path) -> None:
    targets = [target for target in TARGETS.values() if target.place == place]
    result = await fuzzed(tmp_path, *targets, seconds=len(targets))
    assert [finding.detail for finding in result.findings] == []
    names = {target.name for target in targets} - {"sctp-packets"}  # its few batches may all end their association
    assert {name for name, handled in result.handled.items() if handled} >= names


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package with faults, which the product loads with its control handlers."""
    package = tmp_path / "package"
    (package / "planted-1.dist-info").mkdir(parents=True)
    (package / "planted.py").write_text(FAULTS)
    (package / "planted-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1\n")
    (package / "planted-1.dist-info" / "entry_points.txt").write_text(
        "[mobifai.control_handlers]\nplanted = planted:control_handlers\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(package))
    monkeypatch.setattr(oracle, "REST_SECONDS", 3)


def planting(fault: str) -> type[Target]:
    class Planting(Target):
        name = f"planted-{fault}"
        boundary = "a fault that is planted"
        batch = 1

        def make(self) -> bytes:
            return json.dumps({"ask": f"planted.{fault}", "with": {}}).encode() + b"\n"

        async def deliver(self, batch: list[bytes]) -> int:
            reader, writer = await asyncio.open_unix_connection(self.here.agent.control)
            writer.write(batch[0])
            await reader.read()
            writer.close()
            await writer.wait_closed()
            await asyncio.sleep(0.2)  # the probe's next question comes in the meantime
            return 1

    return Planting


@pytest.mark.parametrize("fault", ["crash", "traceback", "stall", "leak", "shell"])
async def test_a_planted_fault_is_found_and_written_down(fault: str, planted: None, tmp_path: Path) -> None:
    result = await fuzzed(tmp_path, planting(fault), seconds=1)
    assert fault in {finding.kind for finding in result.findings}
    written = [findings.load(file) for file in (tmp_path / "findings").iterdir()]
    assert written == result.findings


def test_a_figure_that_rises_to_the_end_is_a_leak_and_one_that_levels_off_is_none() -> None:
    growth = Growth()
    for cycle in range(WARM_UP + 3 * LEAST):
        steady = {"rss.bytes": 10e6 + min(cycle, 8) * 1e6, "descriptors": 20 + cycle % 3, "tasks": 9, "threads": 1}
        growth.add("steady", {**steady, "python.blocks": 90_000 + cycle * 10}, {})
        growth.add("leaking", {**steady, "python.blocks": 90_000 + cycle * 1000}, {"types:a.Thing": cycle})
    (found,) = growth.verdict()
    assert found.startswith("python.blocks of the leaking grows")
    assert "a.Thing" in found


def test_every_event_of_the_protocol_is_fuzzed() -> None:
    tables = [table for name, table in vars(messages).items() if name.isupper() and isinstance(table, Mapping)]
    tables.remove(messages.FROM_AGENT)  # the receivers of an agent's messages trust the agent
    events = {event for table in tables for event in table}
    assert events <= {event for target in TARGETS.values() for table in target.tables for event in table}


def test_a_new_field_of_a_message_is_fuzzed_without_more_work() -> None:
    class Newest(messages.Message, frozen=True):
        brand_new: int
        optional_one: str | None = None

    drawn: list[Any] = payloads.draw(payloads.of_type(Newest), 60, 1)
    objects = [value for value in drawn if isinstance(value, dict)]
    assert any(isinstance(value.get("brandNew"), int) for value in objects)
    assert any("optionalOne" in value for value in objects)


def test_a_finding_is_read_as_it_was_written(tmp_path: Path) -> None:
    finding = Finding("channel-frames", 7, "crash", "it ended", (b"\0\xff", b"{}"))
    assert findings.load(findings.save(finding, tmp_path)) == finding


def test_a_file_that_is_no_finding_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[]")
    # A separate process, because the command moves into another network.
    done = subprocess.run(
        [sys.executable, run.__file__, "--replay", str(tmp_path / "other.json")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "expected a finding's file" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_stored_corpus_is_small_and_belongs_to_targets() -> None:
    files = [file for file in corpus.STORED.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 1 << 20
    assert {file.parent.name for file in files} <= set(TARGETS)


def test_an_input_with_a_new_kind_of_answer_is_kept(tmp_path: Path) -> None:
    kept = corpus.Kept("control", tmp_path)
    assert kept.news({corpus.kind_of(b"expected 1 to 64; found 'a'")})
    assert not kept.news({corpus.kind_of(b"expected 1 to 64; found 'b'")})
    kept.keep(b"input")
    assert b"input" in corpus.load("control", tmp_path)
