"""Builds the command lines that repeat a run of `mobifai profile`: the inverse of parsing options. Pure."""

from pathlib import Path

from soak.duration import duration_text
from soak.run.plan import SoakPlan
from soak.run.replay import drive_words, shell_command


def run_command(plan: SoakPlan, *, dose: bool, memray: bool | None, process: str | None = None) -> str:
    """Return the `mobifai profile run` command that runs a plan, quoted for a shell.

    `dose`, `memray` and `process` are the values of `--dose`, `--memray` and `--process`. None means that the option
    was not given.
    """
    words = [*plan.scenarios, *drive_words(plan)]
    words += [] if process is None else ["--process", process]
    words += [] if dose else ["--no-dose"]
    words += [] if memray is None else ["--memray" if memray else "--no-memray"]
    return shell_command("profile", "run", *words)


def attach_command(state_dir: Path, seconds: float) -> str:
    """Return the `mobifai profile attach` command for the agent of a state directory, quoted for a shell.

    `seconds` is the duration of the examination.
    """
    words = ("--state-dir", str(state_dir.absolute()), "--for", duration_text(seconds))
    return shell_command("profile", "attach", *words)
