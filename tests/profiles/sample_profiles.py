"""Reports of investigations, and arbitrary ones, for tests of their text and JSON."""

import msgspec
from hypothesis import strategies as st

from profiles.results import (
    CodeLocation,
    Culprit,
    DoseResult,
    FindingOutcome,
    NextStep,
    Overhead,
    ProfileReport,
    ProfileSettings,
    ScenarioCoverage,
    Unattributed,
    Unjudged,
)
from soak.gauges.results import Product

REPLAY = "mobifai profile run terminals --seed 7 --plant closure-holds-session"
PACKAGES = "/opt/venv/lib/python3.11/site-packages"

CONTAINER = Culprit(
    kind="container",
    file=f"{PACKAGES}/soak/plants/python_objects.py",
    line=49,
    function="ClosureHoldsSession.on_event",
    retained_by="module engineio.base_client.connected_clients → [0].handlers → (closure of Tabs._add).kept: list",
    bytes_per_cycle=4730,
    objects_per_cycle=1.4,
    per_24h=1.2e9,
    scales_with="terminal",
    confidence="high",
    replay=REPLAY,
    what="list of Bound",
    scenario="terminals",
    explains=["python.blocks", "types:mobifai.bounds.ledger.Bound"],
    made_at=[CodeLocation(f"{PACKAGES}/mobifai/terminals/terminal.py", 60 + n, "Terminal.__init__") for n in range(6)],
    library=CodeLocation("/usr/lib/python3.11/dataclasses.py", 1501, "replace"),
    started_by=CodeLocation(f"{PACKAGES}/mobifai/session/registry.py", 229, "SessionRegistry._open"),
    stack=[
        CodeLocation(f"{PACKAGES}/soak/plants/python_objects.py", 49, "ClosureHoldsSession.on_event"),
        CodeLocation(f"{PACKAGES}/soak/plants/hooks.py", 41, "_tell"),
        CodeLocation(f"{PACKAGES}/mobifai/terminals/tabs.py", 168, "Tabs._start"),
    ],
    scales=[
        DoseResult("connect", (5, 10, 20), (0, 1, 0), scales=False),
        DoseResult("terminal", (5, 10, 20), (11, 20, 40), scales=True),
    ],
    evidence=["a builtins.list gets 1.4 entries longer with each cycle", "the dose test: it grows in proportion"],
)
DESCRIPTOR = Culprit(
    kind="descriptor", file="/srv/app/pipes.py", line=8, function="", retained_by="", bytes_per_cycle=0,
    objects_per_cycle=0.5, per_24h=120_000, scales_with="", confidence="medium", replay=REPLAY, what="pipe",
    unit="things", scenario="reconnects",
)  # fmt: skip
JUDGED = [ScenarioCoverage(name, "judged", 60, 40, 6) for name in ("terminals", "reconnects", "mixed")]
OPEN = Unattributed("heap.bytes", 48, "bytes", "terminals", "it rose over 120 cycles; no line was seen with it")


def clean() -> ProfileReport:
    """An investigation that found nothing."""
    facts = {"python": "3.11.9", "libraries": {"aiortc": "1.13.0"}, "plan": {"scenarios": ["terminals", "mixed"]}}
    return ProfileReport(
        verdict="clean", mode="run", culprits=[], unattributed=[], seed=7, cycles=120, duration_s=92.4,
        environment=facts, command="mobifai profile run", started_at="2024-05-04T10:00:00+00:00",
        settings=ProfileSettings(["terminals", "reconnects", "mixed"], 20, 2), scenarios=JUDGED,
        product=Product("0.1.0", "0123456789abcdef0123456789abcdef01234567", dirty=False),
    )  # fmt: skip


def found() -> ProfileReport:
    """An investigation that found something."""
    return msgspec.structs.replace(
        clean(), verdict="found", culprits=[CONTAINER, DESCRIPTOR], unattributed=[OPEN], notes=["a note"]
    )


def attached() -> ProfileReport:
    """Return the report of an examination of a running agent."""
    cost = Overhead(16, 8, 780_000, 263_000, 967, 0.738)
    return msgspec.structs.replace(
        clean(), mode="attach", cycles=8, duration_s=16, overhead=cost, settings=ProfileSettings(seconds=16),
        scenarios=[ScenarioCoverage("attached", "judged", windows=8)],
    )  # fmt: skip


def hostile(name: str, value: float = 1.0) -> ProfileReport:
    """Return a report with `name` in place of every foreign text, and `value` for every rate."""
    at = CodeLocation(name, 1, name)
    culprit = msgspec.structs.replace(
        CONTAINER, kind=name, file=name, function=name, retained_by=name, bytes_per_cycle=value,
        objects_per_cycle=value, per_24h=value, scales_with=name, replay=name, what=name, unit=name, scenario=name,
        explains=[name], made_at=[at, at], library=at, started_by=at, stack=[at, at], evidence=[name],
        scales=[DoseResult(name, (1, 2, 4), (value, value, value), scales=scales) for scales in (True, False)],
    )  # fmt: skip
    return ProfileReport(
        verdict="found", mode="attach", culprits=[culprit], unattributed=[Unattributed(name, value, name, name, name)],
        seed=1, cycles=1, duration_s=value, environment={name: {name: [name, value, None]}}, command=name,
        started_at=name, overhead=Overhead(value, 1, 1, 1, 1, value), notes=[name],
        settings=ProfileSettings([name], plant=name), scenarios=[ScenarioCoverage(name, "unjudged", why=name)],
        soak_findings=[FindingOutcome(name, name, name, "not_reproduced", name, name, name)],
        unjudged=[Unjudged(name, name, name)],
        next_steps=[NextStep(name, name)], product=Product(name, name),
    )  # fmt: skip


# -- arbitrary reports

texts = st.text(max_size=12)
_numbers = st.integers(0, 10**9)
_rates = st.floats(-1e15, 1e15)
_few = st.sampled_from(["", "list", "/srv/a.py", f"{PACKAGES}/a.py"])
_places = st.builds(CodeLocation, file=texts, line=_numbers, function=texts)
_facts = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts | _rates,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=5,
)
culprits = st.builds(
    Culprit,
    kind=_few, file=_few, line=_numbers, function=_few, retained_by=texts, bytes_per_cycle=_rates | st.just(0.0),
    objects_per_cycle=_rates | st.just(0.0), per_24h=_rates, scales_with=texts,
    confidence=st.sampled_from(["high", "medium", "low"]), replay=texts, what=_few, unit=_few, scenario=_few,
    explains=st.lists(texts, max_size=2), made_at=st.lists(_places, max_size=2), library=st.none() | _places,
    started_by=st.none() | _places, stack=st.lists(_places, max_size=2), evidence=st.lists(texts, max_size=2),
    scales=st.lists(
        st.builds(DoseResult, primitive=texts, doses=st.tuples(_numbers, _numbers, _numbers),
                  grown=st.tuples(_rates, _rates, _rates), scales=st.booleans()), max_size=2),
)  # fmt: skip
open_gauges = st.builds(Unattributed, name=_few, per_cycle=_rates, unit=_few, scenario=_few, why=texts)
reports = st.builds(
    ProfileReport,
    verdict=st.sampled_from(["clean", "found", "failed", "inconclusive"]),
    mode=st.sampled_from(["run", "from", "attach"]),
    culprits=st.lists(culprits, max_size=4), unattributed=st.lists(open_gauges, max_size=3),
    seed=_numbers, cycles=_numbers,
    duration_s=_rates, environment=st.dictionaries(texts, _facts, max_size=2), command=texts, started_at=texts,
    overhead=st.builds(Overhead, seconds=_rates, windows=_numbers, peak_bytes=_numbers, longest_pause_s=_rates),
    notes=st.lists(texts, max_size=2),
    unjudged=st.lists(st.builds(Unjudged, what=texts, why=texts, scenario=texts), max_size=2),
    next_steps=st.lists(st.builds(NextStep, what=texts, command=texts), max_size=2),
)  # fmt: skip
