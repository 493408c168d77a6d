"""The example of a soak report in the documentation: that of a run of 75 minutes, stored with shortened paths."""

import hashlib
import os
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import msgspec

from benchmarks.evidence.clean_runs import clean_detail
from benchmarks.evidence.processes import mobifai
from benchmarks.evidence.soak_report import SOAK_PACKAGES, SOURCE, outcome_of, unfilled
from benchmarks.evidence.units import EvidenceKind, ResultsByUnit, RunResult
from soak.gauges.results import Report
from soak.report.directory import encoded
from soak.report.html import page

PLACE = "example-soak"
UNIT = "75m"
WORDS = ("soak", "--duration", UNIT, "--time-scale", "20", "--seed", "2026")
RUN_SECONDS, USUAL_SECONDS = 4 * 3600.0, 5400.0


async def _run(unit: str, folder: Path, known: ResultsByUnit) -> RunResult:
    del unit, known
    ended = await mobifai(WORDS, folder, RUN_SECONDS)
    try:
        shown = msgspec.json.decode(shortened(ended.out.decode(), _places(folder)), type=Report)
    except ValueError:
        return ended.failed()
    files = {f"{PLACE}/report.json": encoded(shown), f"{PLACE}/report.html": page(shown).encode()}
    detail = clean_detail(shown) | {
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "traffic": msgspec.to_builtins(shown.traffic),
        "harness": [
            {"name": one.name, "unit": one.unit, "per_cycle": one.per_cycle, "state": str(one.state)}
            for one in shown.harness
        ],
        "unfilled": unfilled(shown),
        "duration_s": shown.duration_s,
    }
    said = f"{shown.verdict}, {shown.cycles:,} cycles"
    return RunResult(outcome_of(shown, leaks=False), said, detail, ended.command, files)


def _places(folder: Path) -> dict[str, str]:
    """Return a short text for each path of this machine that a report may have.

    Longer paths come first, because a path may contain another one.
    """
    stdlib, packages = Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))
    short = {packages: packages.name, stdlib: stdlib.name, Path(sys.prefix): "VENV", folder: "RUN", Path.home(): "~"}
    found = {str(place): name for path, name in short.items() for place in (path, path.resolve())}
    return {os.environ["PATH"]: "PATH", **dict(sorted(found.items(), key=lambda pair: -len(pair[0])))}


def shortened(text: str, places: Mapping[str, str]) -> str:
    """Return the text of a report, with each path in `places` replaced by its short text."""
    for path, short in places.items():
        text = text.replace(f"{path}/", f"{short}/").replace(f'"{path}"', f'"{short}"')
    return text


EXAMPLE = EvidenceKind(
    "example",
    lambda: [UNIT],
    _run,
    lambda _: USUAL_SECONDS,
    ("benchmarks/evidence/example.py", SOURCE),
    packages=SOAK_PACKAGES,
)
