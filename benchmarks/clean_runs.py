"""How often `mobifai soak --quick`, or the memory gate, cries wolf: clean runs over scenarios and seeds, counted.

    python benchmarks/clean_runs.py 60 --jobs 2 --out clean-runs.json
    python benchmarks/clean_runs.py 10 --gate main

The gate compares what is checked out and installed with a revision; both have to be clean for this to say anything.

Each run is a process of its own. A run that is neither `held` nor a false alarm (it failed, or was inconclusive) is
counted as such, with what it said. What was done so far is in the file at any time.
"""

import argparse
import asyncio
import collections
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SCENARIOS = (*("terminals", "conversations") * 3, "mixed", "reconnects")


async def soak_run(number: int, seed: int, folder: Path) -> dict[str, Any]:
    """One quick run of soak."""
    scenario = SCENARIOS[number % len(SCENARIOS)]
    words = ["soak", scenario, "--quick", "--seed", str(seed), "--no-memray", "--json"]
    report, said = await reported(words, folder / f"{scenario}-{seed}")
    findings = [f"{one['kind']} {one['name']}: {one['detail']}" for one in report["findings"]]
    return {**told(report, said, findings), "scenario": scenario, "seed": seed, "cycles": report["cycles"]}


async def gate_run(base: str, seed: int, folder: Path) -> dict[str, Any]:
    """One run of the gate beside a base."""
    words = ["profile", "gate", "--base", base, "--seed", str(seed), "--no-culprits", "--json"]
    report, said = await reported(words, folder / f"gate-{seed}")
    findings = [f"{one['kind']} {one['name']}: {one['detail']}" for one in report["findings"]]
    findings += [f"{row['name']}: {row['base']} -> {row['now']}" for row in report["rows"] if row["verdict"] == "grown"]
    changes = {row["name"]: row["now"] - row["base"] for row in report["rows"] if row["verdict"] == "ok"}
    cycles = sum(one["cycles"] for one in report["checked"])
    return {**told(report, said, findings), "scenario": "gate", "seed": seed, "cycles": cycles, "changes": changes}


async def reported(words: Sequence[str], place: Path) -> tuple[dict[str, Any], list[str]]:
    """The report of a command, and what else it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mobifai", *words, "--report", str(place)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    began = time.monotonic()
    out, err = await process.communicate()
    said = err.decode(errors="replace").strip().splitlines()
    try:
        report = json.loads(out)
    except ValueError:
        report = {"verdict": "failed", "findings": [], "notes": said[-3:], "cycles": 0, "rows": [], "checked": []}
    return {**report, "seconds": round(time.monotonic() - began, 1)}, said


def told(report: dict[str, Any], said: Sequence[str], findings: list[str]) -> dict[str, Any]:
    """What both kinds of runs say: verdict, findings, seconds, and whether something was suspected and then cleared."""
    suspected = any("looking again" in line for line in said)
    known = {name: report[name] for name in ("verdict", "notes", "seconds")}
    return {**known, "findings": findings, "suspected": suspected}


async def main(runs: int, jobs: int, first_seed: int, out: Path, base: str | None) -> int:
    """Run them all; 1 when a clean run was not found clean."""
    gate, done = asyncio.Semaphore(jobs), []

    async def one(number: int, folder: Path) -> None:
        async with gate:
            seed = first_seed + number
            done.append(await (gate_run(base, seed, folder) if base else soak_run(number, seed, folder)))
        out.write_text(json.dumps(done, indent=1) + "\n")
        last = done[-1]
        print(f"{len(done)}/{runs}", *(last[key] for key in ("scenario", "seed", "verdict", "seconds")), flush=True)

    with TemporaryDirectory(prefix="mobifai-clean-") as folder:
        await asyncio.gather(*(one(number, Path(folder)) for number in range(runs)))
    verdicts = collections.Counter(run["verdict"] for run in done)
    print(f"{len(done)} clean runs: {dict(verdicts)}; suspected and cleared: {sum(run['suspected'] for run in done)}")
    return 0 if set(verdicts) == {"passed" if base else "held"} else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=int)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("clean-runs.json"))
    parser.add_argument("--gate", metavar="REV", help="runs of the gate beside this revision, instead of soak")
    asked = parser.parse_args()
    sys.exit(asyncio.run(main(asked.runs, asked.jobs, asked.first_seed, asked.out, asked.gate)))
