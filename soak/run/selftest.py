"""The self-test: runs each plant in a separate run, and tabulates what was found. Owns the processes of these runs.

Each run is the command that a user would give: `mobifai soak SCENARIO --plant NAME`.
"""

import asyncio
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import msgspec

from mobifai.errors import MobiFaiError
from soak.gauges.results import EXIT_STATUS, Report
from soak.harness.child_environment import child_environment, make_folders, module_command
from soak.harness.helper_process import HelperTimeout, run_helper
from soak.option_table import usable
from soak.output import show
from soak.plants import Plant, plants
from soak.report.files import write_whole
from soak.run.plan import SoakPlan
from soak.run.replay import drive_words, plan_words, shell_command, soak_command

RUN_SECONDS = 900.0
END_SECONDS = 60.0
"""How long an interrupted run may take to write its report and end its processes."""

FOUND = ("leak", "breach")
"""Verdicts of a run that has found the plant: a leak in a container with a limit also exceeds the limit (`breach`)."""
SHOWN_FINDINGS = 3


@dataclass(frozen=True, slots=True)
class PlantOutcome:
    """The outcome of the run of one plant."""

    plant: Plant
    verdict: str
    findings: tuple[str, ...]
    seconds: float

    @property
    def right(self) -> bool:
        """Whether the verdict is correct: a leak was found, or a decoy was not."""
        return self.verdict == "held" if self.plant.decoy else self.verdict in FOUND


async def self_test(
    plan: SoakPlan, chosen: Sequence[str], place: Path, folder: Path, environment: dict[str, Any], as_json: bool
) -> int:
    """Run each plant in a run of its own, in parallel on all CPUs. Return the exit status: 1 after a missed leak or a
    found decoy.

    If scenarios are `chosen`, only their plants are run. Raises OptionsError if the first results can't be written to
    `place`, and MobiFaiError if a later result can't be written or a run does not end.
    """
    place.mkdir(parents=True, exist_ok=True)
    wanted = [one for one in plants() if not chosen or one.scenario in chosen]
    gate = asyncio.Semaphore(min(len(wanted), os.cpu_count() or 1))
    outcomes: list[PlantOutcome] = []  # bounded by the plants

    async def one(number: int, plant: Plant) -> None:
        async with gate:
            outcome = await run_plant(plant, plan, folder / str(number))  # short, because socket paths are limited
        outcomes.append(outcome)
        outcomes.sort(key=lambda one: wanted.index(one.plant))
        with suppress(OSError):  # a closed output does not end the self-test
            click.echo(_progress_line(outcome, plan, len(outcomes), len(wanted)), err=as_json)
        write(finished=False, interrupted=False)

    command = shell_command("soak", "--self-test", *chosen, *drive_words(plan))
    about = {"environment": environment, "seed": plan.seed, "replay": command}

    def write(**state: bool) -> dict[str, Any]:
        return _write(place, plan, {**about, **state}, outcomes)

    usable(lambda: write(finished=False, interrupted=False))
    interrupted = False
    try:
        await asyncio.gather(*(one(number, plant) for number, plant in enumerate(wanted)))
    except asyncio.CancelledError:
        interrupted = True
    result = write(finished=True, interrupted=interrupted)
    shown = json.dumps(result) if as_json else _matrix_of(table(outcomes, command))
    wrong = any(not outcome.right for outcome in outcomes)
    return show(f"{shown}\n", 1 if wrong else EXIT_STATUS["inconclusive"] if interrupted else 0)


def _matrix_of(page: str) -> str:
    return page.partition("\n\n| plant")[0]


def _write(place: Path, plan: SoakPlan, about: dict[str, Any], outcomes: Sequence[PlantOutcome]) -> dict[str, Any]:
    """Write self-test.json and self-test.md with the outcomes so far. Return the content of the first.

    Raises ReportError.
    """
    result = {**about, **matrix(outcomes), "plants": [_row(one, plan) for one in outcomes]}
    state = "" if about["finished"] and not about["interrupted"] else "The self-test is not complete.\n\n"
    write_whole(place / "self-test.json", msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    write_whole(place / "self-test.md", (state + table(outcomes, about["replay"])).encode())
    return result


async def run_plant(plant: Plant, plan: SoakPlan, folder: Path) -> PlantOutcome:
    """Run `mobifai soak` with one plant as a child process in `folder`, and return the outcome.

    Raises MobiFaiError if the run does not end within RUN_SECONDS.
    """
    words = [*plan_words(plan_for(plant, plan)), "--json", "--report", str(folder / "report")]
    make_folders(folder)
    command, environment = module_command("mobifai", "soak", *words), child_environment(folder)
    try:
        result = await run_helper(
            command, environment=environment, folder=folder, timeout=RUN_SECONDS, grace=END_SECONDS
        )
    except HelperTimeout:
        raise MobiFaiError(f"{plant.name}: expected its run to end within {RUN_SECONDS:g} s; it did not") from None
    try:
        report = msgspec.json.decode(result.output, type=Report)
    except msgspec.MsgspecError:
        return PlantOutcome(plant, "failed", (result.last_words,), 0.0)
    names = tuple(f"{finding.kind} {finding.name}" for finding in report.findings)
    return PlantOutcome(plant, report.verdict, names or tuple(report.notes), report.duration_s)


def plan_for(plant: Plant, plan: SoakPlan) -> SoakPlan:
    """Return the plan of the run for one plant: a quick run that ends at the first finding."""
    alone = SoakPlan((plant.scenario,), plan.seed, time_scale=plan.time_scale, phones=plan.phones, plant=plant.name)
    return replace(alone, memray=False, fail_fast=True)


def matrix(outcomes: Iterable[PlantOutcome]) -> dict[str, int]:
    """Return the confusion matrix: `leaks_found`, `leaks_missed`, `decoys_silent` (not reported) and `decoys_alarmed`.

    `failed` counts the runs with any verdict other than held, leak and breach.
    """
    outcomes = list(outcomes)
    counts = {"leaks_found": 0, "leaks_missed": 0, "decoys_silent": 0, "decoys_alarmed": 0, "failed": 0}
    for outcome in outcomes:
        if outcome.verdict not in (*FOUND, "held"):
            counts["failed"] += 1
        elif outcome.plant.decoy:
            counts["decoys_silent" if outcome.right else "decoys_alarmed"] += 1
        else:
            counts["leaks_found" if outcome.right else "leaks_missed"] += 1
    return counts


def table(outcomes: Iterable[PlantOutcome], command: str) -> str:
    """Return the command, the confusion matrix and a row for each plant, as Markdown."""
    outcomes = list(outcomes)
    counts = matrix(outcomes)
    head = [
        f"`{command}`",
        "",
        "| | verdict: leak or breach | verdict: held | another verdict |",
        "| --- | --- | --- | --- |",
        f"| **leak** | {counts['leaks_found']} | {counts['leaks_missed']} | {_neither(outcomes, decoy=False)} |",
        f"| **decoy** | {counts['decoys_alarmed']} | {counts['decoys_silent']} | {_neither(outcomes, decoy=True)} |",
        "",
        "| plant | family | scenario | verdict | findings | seconds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    return "\n".join([*head, *(_line(outcome) for outcome in outcomes)]) + "\n"


def _neither(outcomes: Iterable[PlantOutcome], *, decoy: bool) -> int:
    return sum(one.plant.decoy is decoy and one.verdict not in (*FOUND, "held") for one in outcomes)


def _line(outcome: PlantOutcome) -> str:
    plant, sign = outcome.plant, "" if outcome.right else " ✗"
    found = ", ".join(f"`{name}`" for name in outcome.findings[:SHOWN_FINDINGS])
    more = len(outcome.findings) - SHOWN_FINDINGS
    found += f" and {more} more" if more > 0 else ""
    family = f"{plant.family} (decoy)" if plant.decoy else plant.family
    return f"| {plant.name} | {family} | {plant.scenario} | {outcome.verdict}{sign} | {found} | {outcome.seconds:.0f} |"


def _progress_line(outcome: PlantOutcome, plan: SoakPlan, done: int, total: int) -> str:
    sign = "✓" if outcome.right else "✗"
    what = "decoy" if outcome.plant.decoy else "leak"
    first = f"first finding {outcome.findings[0]}" if outcome.findings else "no finding"
    result = f"verdict {outcome.verdict}, {first}, {outcome.seconds:.0f} s"
    line = f"{sign} {done}/{total} {outcome.plant.name} ({what}): {result}"
    return line if outcome.right else f"{line}\n    reproduce: {soak_command(plan_for(outcome.plant, plan))}"


def _row(outcome: PlantOutcome, plan: SoakPlan) -> dict[str, Any]:
    return {
        "plant": outcome.plant.name,
        "decoy": outcome.plant.decoy,
        "scenario": outcome.plant.scenario,
        "verdict": outcome.verdict,
        "right": outcome.right,
        "findings": list(outcome.findings),
        "seconds": outcome.seconds,
        "replay": soak_command(plan_for(outcome.plant, plan)),
    }
