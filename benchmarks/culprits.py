"""Whether `mobifai profile run` names the right line: every plant in a run of its own, and the table of what it named.

    python -m benchmarks.culprits --jobs 2 --out culprits.jsonl --page docs/culprits.md

Each run is the command that a person would give. What was done so far is in the file, and is not done again.
*Right*: the first culprit is the plant's line, or says that it goes through the plant's line, where that stands for a
library. *Near*: it is in the plant's function, or the plant's line is among those that are told with it. *Wrong*: lines
are named, and none of them is. *Unattributed*: growth was seen, and no line named.
"""

import argparse
import asyncio
import collections
import datetime as dt
import json
import os
import platform
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from profiles.results import Culprit, ProfileReport
from soak.plants import Plant, plants

RUN_SECONDS = 900.0


async def one_run(plant: Plant, seed: int, folder: Path) -> dict[str, Any]:
    """What the command said of one plant."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mobifai", "profile", "run", "--plant", plant.name, "--seed", str(seed), "--no-dose"),
        *("--json", "--report", str(folder / plant.name)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(RUN_SECONDS):
        out, err = await process.communicate()
    try:
        report = msgspec.json.decode(out, type=ProfileReport)
    except msgspec.MsgspecError:
        return {"plant": plant.name, "said": "failed", "first": "", "others": 0, "detail": err.decode()[-500:]}
    first = report.culprits[0] if report.culprits else None
    return {
        "plant": plant.name,
        "said": said(plant, report),
        "first": f"{Path(first.file).name}:{first.line} {first.function}" if first else "",
        "kind": first.kind if first else "",
        "confidence": first.confidence if first else "",
        "retained_by": first.retained_by if first else "",
        "others": max(0, len(report.culprits) - 1),
        "unattributed": len(report.unattributed),
        "notes": report.notes,
        "seconds": round(time.monotonic() - began),
    }


def said(plant: Plant, report: ProfileReport) -> str:
    """How near the first culprit is."""
    if report.verdict == "failed":
        return "failed"
    if plant.decoy:
        return "alarmed" if report.culprits or report.unattributed else "silent"
    if not report.culprits:
        return "unattributed" if report.unattributed else "missed"
    file, line = str(plant.line[0]), plant.line[1]
    first = report.culprits[0]
    if (file, line) in [(one.file, one.line) for one in (first.place, first.library) if one is not None]:
        return "right"
    return "near" if any(_is_near(one, plant, file, line) for one in report.culprits) else "wrong"


def _is_near(culprit: Culprit, plant: Plant, file: str, line: int) -> bool:
    told = [culprit.place, *culprit.made_at, *culprit.stack]
    function = plant.culprit.removeprefix(f"{plant.source.__module__}.")
    return any(one.file == file and (one.line == line or one.function == function) for one in told)


async def main(jobs: int, seed: int, out: Path, chosen: Iterable[str]) -> list[dict[str, Any]]:
    """Run all that are not in the file yet."""
    known = {row["plant"]: row for row in map(json.loads, out.read_text().splitlines())} if out.exists() else {}
    wanted = [one for one in plants() if one.name not in known and (not chosen or one.name in chosen)]
    gate = asyncio.Semaphore(jobs)

    async def one(plant: Plant, folder: Path) -> None:
        async with gate:
            row = known[plant.name] = await one_run(plant, seed, folder)
        with out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{len(known)}/{len(plants())}", row["plant"], row["said"], row["first"], flush=True)

    with TemporaryDirectory(prefix="mobifai-culprits-") as folder:
        await asyncio.gather(*(one(plant, Path(folder)) for plant in wanted))
    return [known[one.name] for one in plants() if one.name in known]


def page(rows: list[dict[str, Any]], seed: int, jobs: int) -> str:
    """The table, as Markdown."""
    counts = collections.Counter(row["said"] for row in rows)
    leaks = [word for word in ("right", "near", "wrong", "unattributed", "missed") if counts[word] or word != "missed"]
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    head = [
        "# Which line is named: every plant",
        "",
        "Every leak that `mobifai soak` can plant, and every decoy, given to `mobifai profile run --plant NAME`.",
        "Written by",
        "",
        f"    python -m benchmarks.culprits --jobs {jobs} --seed {seed} --page docs/culprits.md",
        "",
        f"on {dt.datetime.now(dt.UTC).date()}: {machine}. What each word means is in `benchmarks/culprits.py`.",
        "",
        f"| {' | '.join(leaks)} | decoys silent | decoys alarmed | failed |",
        f"| {' | '.join('---' for _ in leaks)} | --- | --- | --- |",
        f"| {' | '.join(str(counts[word]) for word in (*leaks, 'silent', 'alarmed', 'failed'))} |",
        "",
        "| plant | said | first culprit | kind | how sure | held by | other culprits | seconds |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*head, *map(_line, rows)]) + "\n"


def _line(row: dict[str, Any]) -> str:
    held = row.get("retained_by", "").replace("|", "\\|")
    cells = [row["plant"], row["said"], f"`{row['first']}`" if row["first"] else "", row.get("kind", "")]
    cells += [
        row.get("confidence", ""),
        f"`{held}`" if held else "",
        str(row["others"] or ""),
        str(row.get("seconds", "")),
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plants", nargs="*")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("culprits.jsonl"))
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    done = asyncio.run(main(options.jobs, options.seed, options.out, options.plants))
    if options.page is not None:
        options.page.write_text(page(done, options.seed, options.jobs))
    sys.exit(any(row["said"] in ("wrong", "missed", "alarmed", "failed") for row in done))
