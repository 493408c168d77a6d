"""`mobifai profile` as users run it: its output and its status."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from profiles.report.directory import ProfileDirectory, read_profile
from profiles.results import Culprit, ProfileReport
from soak.gauges.counts import CycleCounts
from soak.gauges.results import Report, TrafficResult
from soak.plants import plant
from soak.report.directory import ReportDirectory
from soak.scenarios import scenarios
from tests.support.agent import mobifai, run_command, serving
from tests.support.shell_line import run_line

pytestmark = pytest.mark.extended

HUNT = pytest.mark.timeout(600)


def profiled(place: Path, *culprits: Culprit, verdict: str = "found") -> Path:
    """Write a report to the disk."""
    report = ProfileReport(verdict, "run", list(culprits), [], 1, 100, 10.0, {})  # type: ignore[arg-type]
    ProfileDirectory(place).write(report)
    return place


def culprit(rate: float) -> Culprit:
    return Culprit(
        "container", "/srv/x.py", 7, "keep", "module x.kept: list", rate, 1.0, rate * 1000, "", "high", "again"
    )


async def run_profile(place: Path, *words: str) -> tuple[int, ProfileReport]:
    """Run `mobifai profile run`, and return its result."""
    process = await asyncio.create_subprocess_exec(
        *mobifai(), "profile", "run", *words, "--report", str(place),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert (place / "report.json").exists(), out.decode()
    return process.returncode or 0, read_profile(place)


# -- run


@HUNT
async def test_a_planted_leak_is_named_by_line_holder_rate_and_dose_and_can_be_seen_again(tmp_path: Path) -> None:
    status, report = await run_profile(tmp_path / "report", "--plant", "dict-by-session", "--seed", "3")
    assert (status, report.verdict) == (1, "found")
    found = report.culprits[0]
    assert (Path(found.file), found.line) == plant("dict-by-session").line
    assert found.function == "DictBySession.on_event"
    assert ".sessions" in found.retained_by
    assert found.objects_per_cycle == pytest.approx(1.4, abs=0.2)  # a block of 20 cycles opens 28 terminals
    assert found.bytes_per_cycle > 64
    assert found.scales_with == "terminal"
    assert found.confidence == "high"
    assert found.replay == "mobifai profile run terminals --seed 3 --plant dict-by-session"
    assert "python.blocks" in found.explains
    page = (tmp_path / "report" / "report.html").read_text()
    assert "self.sessions[event.key]" in page


@HUNT
async def test_a_leak_in_a_library_is_named_with_the_line_of_ours_that_brings_it_about(tmp_path: Path) -> None:
    status, report = await run_profile(
        tmp_path / "report", "--plant", "close-keeps-sockets", "--seed", "3", "--no-dose"
    )
    assert status == 1
    found = report.culprits[0]
    assert (Path(found.file), found.line) == plant("close-keeps-sockets").line
    assert found.kind == "descriptor"
    assert found.started_by is not None
    assert found.started_by.file.endswith("mobifai/transport/peer_connection.py")


@HUNT
async def test_where_nothing_leaks_nobody_is_named(tmp_path: Path) -> None:
    status, report = await run_profile(tmp_path / "report", "conversations", "--seed", "3")
    assert (status, report.verdict, report.culprits, report.unattributed) == (0, "clean", [], []), report


@pytest.mark.timeout(1200)  # two examinations, one after the other
async def test_what_a_soak_run_found_is_explained_and_can_be_seen_again(tmp_path: Path) -> None:
    plan = {"scenarios": ["terminals"], "time_scale": 10.0, "phones": 3, "plant": "text-only"}
    finding = {"kind": "growth", "name": "python.blocks", "detail": "more", "per_cycle": 1.4, "unit": "objects",
               "per_24h": 1.0, "scenario": "terminals", "replay": ""}  # fmt: skip
    other = {**finding, "name": "zombies", "unit": "processes"}
    soaked = Report("leak", CycleCounts(160), 20.0, 5, {"plan": plan}, [], [], [], [], TrafficResult())
    soaked = msgspec.convert({**msgspec.to_builtins(soaked), "findings": [finding, other]}, Report)
    ReportDirectory(tmp_path / "soak").write(soaked)
    status, report = await run_profile(tmp_path / "report", "--from", str(tmp_path / "soak"), "--no-dose")
    assert (status, report.mode, report.seed) == (1, "from", 5)
    assert (Path(report.culprits[0].file), report.culprits[0].line) == plant("text-only").line
    assert report.unattributed == []
    assert [(one.name, one.state) for one in report.soak_findings] == [
        ("python.blocks", "explained"), ("zombies", "not_reproduced"),
    ]  # fmt: skip
    status, _, err = await run_line(report.culprits[0].replay, tmp_path / "a person's folder")
    assert status == 1, err
    again = read_profile(tmp_path / "a person's folder" / "profile-report")
    assert (again.settings, again.seed, again.cycles) == (report.settings, report.seed, report.cycles)
    named = report.culprits[0]
    assert (again.culprits[0].file, again.culprits[0].line, again.culprits[0].replay) == (
        named.file, named.line, named.replay,
    )  # fmt: skip


# -- usage


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "nothing"), f"expected one of {', '.join(scenarios())}; found 'nothing'"),
        (("run", "--plant", "zombi"), "no plant is called 'zombi'; similar names: zombie"),
        (("run", "--from", "nowhere"), "there is no nowhere; name the directory of a soak report"),
        (("run", "--from", "nowhere", "--seed", "1"), "--seed can't be used with --from, because"),
        (("run", "terminals", "--process", "relay"), "separate relay process that is not restarted (relay); found"),
        (("run", "reconnects", "relay", "--process", "relay"), "found reconnects: name relay, or leave out --process"),
        (("attach", "--for", "soon"), "expected a duration as 90s"),
        (("compare", "nowhere", "nowhere"), "nowhere"),
    ],
)
async def test_what_can_t_be_is_said_and_has_status_2(words: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    report = ("--report", str(tmp_path / "report")) if words[0] != "compare" else ()
    status, out, err = await run_command("profile", *words, *report)
    assert (status, out) == (2, ""), err
    assert expected in err
    assert "Traceback" not in err


async def test_a_directory_of_something_else_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{}")
    status, _, err = await run_command("profile", "run", "--report", str(tmp_path))
    assert status == 2
    assert str(tmp_path) in err
    assert (tmp_path / "report.json").read_text() == "{}"


@pytest.mark.parametrize("words", [("attach", "--for", "1s"), ("heap",), ("flame", "--for", "1s")])
async def test_without_an_agent_it_says_so(words: tuple[str, ...], tmp_path: Path) -> None:
    place = ("--report", str(tmp_path / "r")) if words[0] == "attach" else ()
    out = ("--out", str(tmp_path / "flame.html")) if words[0] == "flame" else ()
    status, _, err = await run_command("profile", *words, *place, *out, "--state-dir", str(tmp_path / "state"))
    assert status == 3
    assert "start `mobifai serve`" in err
    assert "Traceback" not in err


async def test_every_part_explains_itself() -> None:
    _, out, _ = await run_command("profile", "--help")
    for name in ("run", "attach", "heap", "flame", "compare"):
        assert name in out
        status, reported, _ = await run_command("profile", name, "--help")
        assert (status, "Usage: mobifai profile" in reported) == (0, True)


# -- comparing


@pytest.mark.parametrize(
    ("before", "after", "status", "word"),
    [
        ((), (), 0, "Neither"),
        ((), (culprit(10),), 1, "new"),
        ((culprit(10),), (culprit(20),), 1, "larger"),
        ((culprit(20),), (culprit(10),), 0, "smaller"),
        ((culprit(10),), (), 0, "gone"),
    ],
)
async def test_two_reports_side_by_side(
    before: tuple[Culprit, ...], after: tuple[Culprit, ...], status: int, word: str, tmp_path: Path
) -> None:
    places = [str(profiled(tmp_path / name, *some)) for name, some in (("a", before), ("b", after))]
    said, out, _ = await run_command("profile", "compare", *places)
    assert (said, word in out) == (status, True), out
    said, out, _ = await run_command("profile", "compare", *places, "--json")
    assert said == status
    assert {"new", "larger", "smaller", "same", "gone"} <= set(json.loads(out))


async def test_a_report_without_a_verdict_compares_to_nothing(tmp_path: Path) -> None:
    places = [str(profiled(tmp_path / "a")), str(profiled(tmp_path / "b", verdict="inconclusive"))]
    assert (await run_command("profile", "compare", *places))[0] == 4


# -- examining a running agent


async def test_the_memory_of_a_running_agent_is_shown(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        text = await agent.command("profile", "heap")
        reported = json.loads(await agent.command("profile", "heap", "--json"))
    for word in ("Largest types", "Threads", "Tasks", "Descriptors", "MainThread"):
        assert word in text
    assert reported["rss_bytes"] > 1 << 20
    assert {one["type"] for one in reported["types"]} >= {"builtins.str", "builtins.dict"}
    assert any("Monitor.run" in str(one) for one in reported["tasks"])


async def test_a_flame_graph_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    async with serving(tmp_path / "state") as agent:
        said = await agent.command("profile", "flame", "--for", "1s", "--kept", "--out", str(tmp_path / "flame.html"))
        status, _, err = await run_command(
            "profile", "flame", "--out", str(tmp_path / "no" / "x.html"), "--state-dir", str(agent.state_dir)
        )
    page = (tmp_path / "flame.html").read_text()
    assert "<script src=" not in page
    assert "flamegraph" in page
    assert "not freed by the end" in said
    assert status == 2
    assert "expected a file in a directory that exists" in err
