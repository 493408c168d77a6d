"""The evidence's command with trivial units, as a program: `python evidence_host.py ROOT SCRIPT [OPTION]...`.

SCRIPT says what each unit does: `a=right b=wrong c=failed d=waits e=failed,right`, one word for each attempt. A unit
that waits does so until it is stopped, after it has made the file ROOT/waits. A slow one lets the others run first.
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]

if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

import click  # noqa: E402

from benchmarks.evidence.command import make_command  # noqa: E402
from benchmarks.evidence.units import EvidenceKind, ResultsByUnit, RunResult, UnitOutcome  # noqa: E402

SECONDS = 100.0


def fake(root: Path, script: str, name: str = "self-test") -> EvidenceKind:
    """Return a kind whose units do what the script says."""
    course = {unit: words.split(",") for unit, _, words in (part.partition("=") for part in script.split())}

    async def run(unit: str, folder: Path, known: ResultsByUnit) -> RunResult:
        assert list(folder.iterdir()) == []
        attempt = known[unit].attempt if unit in known else 0
        word = course[unit][attempt]
        if word == "waits":
            (root / "waits").touch()
            await asyncio.Event().wait()
        for _ in range(1000 if word == "slow" else 0):
            await asyncio.sleep(0)
        with (root / "ran").open("a") as ran:
            ran.write(f"{unit}\n")
        (folder / "report").write_text(f"{unit} {word}\n")
        return RunResult(
            UnitOutcome("right" if word == "slow" else word),
            f"said {word}",
            detail(word),
            f"mobifai soak --plant {unit}",
        )

    return EvidenceKind(name, lambda: [*course], run, lambda _: SECONDS)


def detail(word: str) -> dict[str, object]:
    """Return what the page of the self-test shows of a run."""
    verdict = {"right": "leak", "wrong": "held"}.get(word, "inconclusive")
    known = {"family": "native", "decoy": False, "scenario": "terminals", "process": "agent", "verdict": verdict}
    return {**known, "findings": ["growth heap.bytes"] if word == "right" else [], "more": 0}


def command(root: Path, script: str) -> click.Command:
    """Return the command for one kind with this script."""
    return make_command((fake(root, script),), root)


def main(words: Sequence[str]) -> None:
    """Run it as a program does."""
    root, script, *options = words
    command(Path(root), script).main([*options, "--docs", str(Path(root) / "docs")])


if __name__ == "__main__":
    main(sys.argv[1:])
