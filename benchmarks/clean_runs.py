"""How often `mobifai soak --quick` cries wolf: clean runs over scenarios and seeds, counted.

    python benchmarks/clean_runs.py 60 --jobs 2 --out clean-runs.json

Each run is a process of its own. A run that is neither `held` nor a false alarm (it failed, or was inconclusive) is
counted as such, with what it said. What was done so far is in the file at any time.
"""

import argparse
import asyncio
import collections
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

SCENARIOS = (*("terminals", "conversations") * 3, "mixed", "reconnects")


async def one_run(scenario: str, seed: int, folder: Path) -> dict[str, Any]:
    """One quick run: its verdict, findings, seconds, and whether something was suspected and then cleared."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mobifai", "soak", scenario, "--quick", "--seed", str(seed), "--no-memray", "--json"),
        *("--report", str(folder / f"{scenario}-{seed}")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    said = err.decode(errors="replace").strip().splitlines()
    try:
        report = json.loads(out)
    except ValueError:
        report = {"verdict": "failed", "findings": [], "notes": said[-3:], "cycles": 0}
    return {
        "scenario": scenario,
        "seed": seed,
        "verdict": report["verdict"],
        "findings": [f"{one['kind']} {one['name']}: {one['detail']}" for one in report["findings"]],
        "notes": report["notes"],
        "suspected": any("looking again" in line for line in said),
        "cycles": report["cycles"],
        "seconds": round(time.monotonic() - began, 1),
    }


async def main(runs: int, jobs: int, first_seed: int, out: Path) -> int:
    """Run them all; 1 when a clean run was not found clean."""
    gate, done = asyncio.Semaphore(jobs), []

    async def one(number: int, folder: Path) -> None:
        async with gate:
            done.append(await one_run(SCENARIOS[number % len(SCENARIOS)], first_seed + number, folder))
        out.write_text(json.dumps(done, indent=1) + "\n")
        last = done[-1]
        print(f"{len(done)}/{runs}", *(last[key] for key in ("scenario", "seed", "verdict", "seconds")), flush=True)

    with TemporaryDirectory(prefix="mobifai-clean-") as folder:
        await asyncio.gather(*(one(number, Path(folder)) for number in range(runs)))
    verdicts = collections.Counter(run["verdict"] for run in done)
    print(f"{len(done)} clean runs: {dict(verdicts)}; suspected and cleared: {sum(run['suspected'] for run in done)}")
    return 0 if set(verdicts) == {"held"} else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=int)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("clean-runs.json"))
    asked = parser.parse_args()
    sys.exit(asyncio.run(main(asked.runs, asked.jobs, asked.first_seed, asked.out)))
