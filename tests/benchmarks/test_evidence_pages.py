"""Evidence pages are rendered from results alone, and those in docs/measurements match the results there."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

from benchmarks.evidence import soak_report
from benchmarks.evidence.clean_runs import clean_detail
from benchmarks.evidence.example import shortened
from benchmarks.evidence.kinds import KINDS
from benchmarks.evidence.pages import rendered
from benchmarks.evidence.store import evidence, read
from benchmarks.evidence.units import KindEvidence, UnitOutcome, UnitPlan, UnitResult
from benchmarks.leak_finders.cells import CellResult
from benchmarks.leak_finders.limits import AllocationFilter, distinct, kept, slim
from benchmarks.leak_finders.plan import calibrations
from soak.gauges.state import Trend
from soak.plants import LifecycleEvent, plants
from tests.soak.sample_reports import held

DOCS = Path(__file__).parents[2] / "docs" / "measurements"

LEAK = {
    "family": "native",
    "decoy": False,
    "scenario": "terminals",
    "process": "keeper",
    "verdict": "leak",
    "findings": ["growth heap.bytes"],
    "more": 0,
}
DECOY = LEAK | {"decoy": True, "verdict": "held", "findings": [], "process": "agent"}
NAMED = {
    "said": "right",
    "decoy": False,
    "first": "native.py:9 Leak.on_event",
    "kind": "native",
    "confidence": "high",
    "retained_by": "a | b",
    "others": 0,
    "unattributed": 0,
}
CLEAN = {
    "verdict": "held",
    "cycles": 1200,
    "suspected": True,
    "findings": [],
    "limits": [40, 42],
    "smallest": {"terminals": {"agent|heap.bytes|bytes": 18.5, "keeper|heap.bytes|bytes": 64.0}},
}
RUN = CLEAN | {
    "sha256": {},
    "traffic": {"bytes_sent": 1, "bytes_received": 6_500_000_000, "lost": 0},
    "harness": [{"name": "heap.bytes", "unit": "bytes", "per_cycle": 12.0, "state": "flat"}],
    "duration_s": 4500.0,
    "unfilled": {"log.files": "takes hours"},
}


def result(kind: str, unit: str, detail: Mapping[str, Any], **changes: Any) -> UnitResult:
    usual: dict[str, Any] = {
        "revision": "abc",
        "attempt": 1,
        "outcome": UnitOutcome.RIGHT,
        "summary": "held",
        "seconds": 60.0,
        "finished": "2026-01-02T03:04:05+00:00",
        "commit": "123",
        "machine": "Linux x86_64, 2 CPUs, CPython 3.13.1, glibc 2.39",
        "command": "mobifai soak --quick",
    }
    return UnitResult(kind=kind, unit=unit, detail=dict(detail), **(usual | changes))


def known(*results: UnitResult, units: tuple[str, ...] = ()) -> dict[str, KindEvidence]:
    names = dict.fromkeys(one.kind for one in results)
    plans = [UnitPlan(name, "abc", units or tuple(dict.fromkeys(one.unit for one in results if one.kind == name)))
             for name in names]  # fmt: skip
    return evidence([*plans, *results])


def test_the_self_test_s_page_has_the_matrix_and_where_it_comes_from() -> None:
    page = rendered(known(result("self-test", "a", LEAK), result("self-test", "b", DECOY)))["self-test.md"]
    assert "| **leak** | 1 | 0 | 0 |\n| **decoy** | 0 | 1 | 0 |" in page
    assert "on revision `abc`" in page
    assert "commit `123`" in page
    assert "2026-01-02, on Linux x86_64, 2 CPUs, CPython 3.13.1, glibc 2.39" in page
    assert "| a | keeper | native | terminals | leak | `growth heap.bytes` | 60 |" in page


def test_the_culprits_page_counts_what_was_named_and_keeps_a_bar_out_of_its_table() -> None:
    silent = NAMED | {"said": "silent", "decoy": True, "first": ""}
    page = rendered(known(result("culprits", "a", NAMED), result("culprits", "b", silent)))["culprits.md"]
    assert "| 1 | 0 | 0 | 0 | 0 | 1 | 0 | 0 |" in page
    assert "| a | right | `native.py:9 Leak.on_event` | native | high | `a \\| b` |  | 60 |" in page


def test_the_clean_runs_page_counts_alarms_and_states_the_smallest_leak_of_each_process() -> None:
    blunter = CLEAN | {"smallest": {"terminals": {"agent|heap.bytes|bytes": 20.5}}}
    quiet = [result("clean-runs", "1", CLEAN), result("clean-runs", "2", blunter)]
    page = rendered(known(*quiet))["clean-runs.md"]
    assert "| 2 | 2,400 | 2 | 2 |" in page
    assert "No alarm in 2 runs bounds the rate of false alarms at 77.6%" in page
    assert "| agent | `heap.bytes` | bytes | 19.5 (20.5) |" in page
    assert "| keeper | `heap.bytes` | bytes | 64 |" in page
    alarm = CLEAN | {"verdict": "leak", "findings": ["growth heap.bytes: too much"]}
    page = rendered(known(*quiet, result("clean-runs", "3", alarm, outcome=UnitOutcome.WRONG)))["clean-runs.md"]
    assert "bounds the rate" not in page
    assert "- seed 3: growth heap.bytes: too much" in page


def test_what_is_kept_of_a_report_is_what_the_page_shows() -> None:
    report = held()
    detail = msgspec.json.decode(msgspec.json.encode(clean_detail(report)))
    page = rendered(known(result("clean-runs", "1", detail)))["clean-runs.md"]
    assert f"| 1 | {report.cycles:,} | 1 |" in page
    judged = next(one for one in report.gauges if one.name == "python.blocks" and one.state is Trend.FLAT)
    assert f"| agent | `python.blocks` | {judged.unit} |" in page


def test_the_example_s_page_says_how_many_limits_were_filled() -> None:
    page = rendered(known(result("example", "75m", RUN)))["example-soak/README.md"]
    assert "| limits filled to their capacity | 40 of 42 |" in page
    assert "| `log.files` | takes hours |" in page
    assert "| bytes received, lost | 6,500,000,000, 0 |" in page


def cell_result(one: CellResult) -> UnitResult:
    family = "" if one.plant == "-" else "python_objects"
    cell = msgspec.to_builtins(one)
    return result("leak-finders", one.key, {"cell": cell, "family": family, "versions": {"pytest": "9.0"}})


def measured(tool: str, **reported: Any) -> CellResult:
    usual = {"role": "leak", "moment": "terminal", "plant": "text-only", "seconds": 20.0, "events": 160}
    return CellResult(**({"key": f"{tool} leak terminal text-only 0", "tool": tool} | usual | reported))


def test_the_other_finders_stand_beside_the_self_test_of_the_same_revision() -> None:
    clean = [
        measured(
            "memray", key=one.key, role="calibration", moment=one.moment, plant="-", largest=100, places=[("a", 100)]
        )
        for one in calibrations()
    ]
    by_memray = measured("memray", limit=101, alarm=True, largest=640, names_plant=True)
    by_rss = measured("rss", course=[0, *range(2 << 20, (2 << 20) + 40)])
    results = map(cell_result, [*clean, by_memray, by_rss])
    page = rendered(known(*results, result("self-test", "text-only", LEAK)))["leak-finders.md"]
    assert "101 bytes for phones" in page
    assert "| `mobifai soak` | 1 of 1 | – | – | 0 | 60 | 1 min |" in page
    assert "| RSS rise > 1 MiB | 1 of 1 |" in page
    assert "| text-only | found | found | **missed** |" in page


def test_a_page_says_which_runs_are_missing_and_one_without_results_how_to_make_them() -> None:
    pages = rendered(known(result("self-test", "a", LEAK), units=("a", "b", "c")))
    assert "**1 of 3 runs are done; 2 are missing.**" in pages["self-test.md"]
    assert "no results yet" not in pages["self-test.md"]
    assert "`nox -s evidence -- --only clean-runs --only gate-runs` makes them" in pages["clean-runs.md"]


def test_the_order_in_which_units_ended_makes_no_difference() -> None:
    results = [result("self-test", name, LEAK) for name in "abcde"]
    units, first = tuple("abcde"), rendered(known(*results, units=tuple("abcde")))
    assert rendered(known(*reversed(results), units=units)) == first


def test_the_pages_in_docs_are_what_the_results_there_give() -> None:
    wrong = [name for name, text in rendered(evidence(read(DOCS))).items() if (DOCS / name).read_text() != text]
    assert wrong == [], "nobody edits these by hand: `nox -s evidence -- --render`"


def test_the_example_in_docs_is_the_one_that_its_result_is_of() -> None:
    run = evidence(read(DOCS)).get("example")
    files = next((one.detail["sha256"] for one in run.last.values() if one.detail), {}) if run else {}
    found = {name: hashlib.sha256((DOCS / name).read_bytes()).hexdigest() for name in files}
    assert found == files


def test_every_plant_is_a_unit_of_the_self_test_and_of_the_culprits() -> None:
    units = {kind.name: list(kind.units()) for kind in KINDS}
    assert units["self-test"] == units["culprits"] == [one.name for one in plants()]
    assert len(set(units["clean-runs"])) == 60
    assert all(len(set(names)) == len(names) for names in units.values())


def test_pytest_memray_is_not_judged_before_its_limits_are_known() -> None:
    (finders,) = (kind for kind in KINDS if kind.name == "leak-finders")
    clean = {cell.key: result("leak-finders", cell.key, {}) for cell in calibrations()}
    units = {role: next(unit for unit in finders.units() if unit.startswith(role)) for role in ("memray leak", "rss")}
    assert not finders.ready(units["memray leak"], {})
    assert finders.ready(units["rss"], {})
    assert finders.ready(units["memray leak"], clean)


def test_a_cell_that_is_kept_in_short_gives_the_same_answer() -> None:
    def cell(role: str, number: int, places: list[tuple[str, int]]) -> CellResult:
        key = f"memray {role} terminal - {number}"
        return CellResult(key, "memray", role, "terminal", "-", 1.0, 160, places=places)

    clean = [cell("calibration", number, [("a.py:1", 9), ("a.py:1", 5), ("b.py:2", 7)]) for number in range(5)]
    shown = cell("leak", 0, [("a.py:1", 90), ("soak/plants/hooks.py:3", 80), ("c.py:4", 70), ("c.py:4", 60)])
    before, after = (
        AllocationFilter.by(LifecycleEvent.TERMINAL, clean),
        AllocationFilter.by(LifecycleEvent.TERMINAL, list(map(distinct, clean))),
    )
    assert after == before
    assert kept(slim(shown, before.places), before.places) == kept(shown, before.places) == 70
    assert len(slim(shown, before.places).places) == 1


def soak_says(verdict: str, *kinds: str) -> Any:
    return SimpleNamespace(verdict=verdict, findings=[SimpleNamespace(kind=kind, name="n") for kind in kinds])


def test_a_lost_byte_is_the_product_s_fault_and_a_run_without_a_verdict_the_machine_s() -> None:
    assert soak_report.outcome_of(soak_says("failed", "integrity"), leaks=False) is UnitOutcome.WRONG
    for verdict in ("failed", "inconclusive", "unfinished"):
        assert soak_report.outcome_of(soak_says(verdict), leaks=True) is UnitOutcome.FAILED
    assert soak_report.outcome_of(soak_says("breach"), leaks=True) is UnitOutcome.RIGHT
    assert soak_report.outcome_of(soak_says("leak"), leaks=False) is UnitOutcome.WRONG
    assert soak_report.outcome_of(soak_says("held"), leaks=True) is UnitOutcome.WRONG


def test_the_smallest_leak_is_that_of_the_bluntest_gauge_of_a_family_that_was_judged() -> None:
    def gauge(name: str, least: float, state: Trend = Trend.FLAT) -> Any:
        return SimpleNamespace(name=name, unit="objects", scenario="mixed", state=state, smallest_leak=least)

    gauges = [
        gauge("types:a", 0.05),
        gauge("types:b", 0.25),
        gauge("types:c", 9.0, Trend.UNMEASURED),
        gauge("rss.bytes", 4096.0),
        gauge("keeper/types:a/b", 0.5),
    ]
    report: Any = SimpleNamespace(gauges=gauges)
    assert soak_report.smallest_leaks(report) == {"mixed": {"agent|types|objects": 0.25, "keeper|types|objects": 0.5}}


def test_the_example_has_no_path_of_the_machine_that_made_it() -> None:
    text = json.dumps(
        {"line": "/home/me/venv/lib/site-packages/aiortc/sctp.py:7", "cwd": "/home/me/x", "home": "/home/me"}
    )
    places = {"/home/me/venv/lib/site-packages": "site-packages", "/home/me": "~"}
    assert json.loads(shortened(text, places)) == {"line": "site-packages/aiortc/sctp.py:7", "cwd": "~/x", "home": "~"}
