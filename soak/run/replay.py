"""Turns a plan into its command line: the inverse of parsing the options.

A scenario depends on its name, the seed and the plan, but not on other scenarios: each has its own random generator,
processes and phones. So the command for a finding names only the finding's scenario.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from soak.duration import duration_text, number_text
from soak.run.plan import PHONES, TIME_SCALE, SoakPlan
from soak.shell_quoting import joined


def soak_command(plan: SoakPlan) -> str:
    """Return the command of a plan, quoted for a shell."""
    return shell_command("soak", *plan_words(plan))


def scenario_command(plan: SoakPlan, scenario: str, cycles: int) -> str:
    """Return the command that repeats one scenario of a plan.

    Scenarios share the time of `--duration`. So a single scenario is repeated with the number of `cycles` that it has
    run.
    """
    alone = replace(plan, scenarios=(scenario,))
    if plan.duration is not None and len(plan.scenarios) > 1:
        alone = replace(alone, duration=None, cycles=max(1, cycles))
    return soak_command(alone)


def plan_words(plan: SoakPlan) -> list[str]:
    """Return the arguments of `mobifai soak` for a plan. Options with their default value are left out."""
    return [*plan.scenarios, *drive_words(plan), *_length_words(plan), *_judge_words(plan)]


def drive_words(plan: SoakPlan) -> list[str]:
    """Return the options that affect the load on the agent. `mobifai profile run` has them too."""
    words = ["--seed", str(plan.seed)]
    words += ["--time-scale", number_text(plan.time_scale)] if plan.time_scale != TIME_SCALE else []
    words += ["--phones", str(plan.phones)] if plan.phones != PHONES else []
    return words + (["--plant", plan.plant] if plan.plant is not None else [])


def _length_words(plan: SoakPlan) -> Sequence[str]:
    if plan.duration is not None:
        return "--duration", duration_text(plan.duration)
    return ("--cycles", str(plan.cycles)) if plan.cycles is not None else ("--quick",)


def _judge_words(plan: SoakPlan) -> list[str]:
    return [*([] if plan.memray else ["--no-memray"]), *(["--fail-fast"] if plan.fail_fast else [])]


def watch_command(state_dir: Path, seconds: float) -> str:
    """Return the command that watches an agent for `seconds`."""
    return shell_command("soak", "--attach", str(state_dir.absolute()), "--duration", duration_text(seconds))


def shell_command(*words: str) -> str:
    """Return a `mobifai` command with its words quoted for a shell."""
    return joined(["mobifai", *words])
