"""Stored figures to compare with: one entry for each environment, and the workload that they belong to.

Owns the form of `profiles/baseline.json`. An entry fits only the Python, C library and architecture that it was
measured with, and only the workload that drove it: with another one figures differ for reasons that are no growth.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from mobifai.errors import MobiFaiError
from soak.report.files import reason, write_whole

UPDATE: Final = "write one for it with --update"


class BaselineError(MobiFaiError):
    """A file of stored figures can't be read."""


class Baseline(msgspec.Struct, frozen=True):
    """The figures of one environment. `libraries` are reported if they differ; they need not be the same."""

    python: str
    c_library: str
    architecture: str
    workload: str
    figures: dict[str, float]
    libraries: dict[str, str] = {}
    measured: str = ""
    """The day, and the version of mobifai."""
    commit: str = ""
    dirty: bool | None = None
    """Whether there were edits beside the commit; null where that is not known."""

    @property
    def place(self) -> tuple[str, str, str]:
        """The properties that must be the same."""
        return self.python, self.c_library, self.architecture


class Baselines(msgspec.Struct, frozen=True):
    """The file: one entry for each environment."""

    baselines: list[Baseline]


def read_baselines(file: Path) -> list[Baseline]:
    """The entries. Raises BaselineError."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Baselines).baselines
    except FileNotFoundError:
        raise BaselineError(f"{file}: expected stored figures, found nothing; {UPDATE}") from None
    except OSError as error:
        raise BaselineError(f"{file}: can't be read ({reason(error)})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BaselineError(f"{file}: expected stored figures, found something else ({error}); {UPDATE}") from None


def write_baseline(file: Path, known: Sequence[Baseline], new: Baseline) -> None:
    """Put an entry in the place of that of the same environment; those of other workloads go. Raises ReportError."""
    kept = [one for one in known if one.place != new.place and one.workload == new.workload]
    told = Baselines(sorted([*kept, new], key=lambda one: one.place))
    write_whole(file, msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")


def fitting(known: Sequence[Baseline], wanted: Baseline) -> Baseline | None:
    """The entry of the same environment and workload."""
    return next((one for one in known if one.place == wanted.place and one.workload == wanted.workload), None)


def misfit(known: Sequence[Baseline], wanted: Baseline) -> str:
    """Why none fits, in a sentence."""
    if any(one.place == wanted.place for one in known):
        return f"what drives the agent has changed since the figures were stored; {UPDATE}"
    there = "; ".join(sorted(", ".join(one.place) for one in known)) or "none"
    return f"expected stored figures of {', '.join(wanted.place)}; found those of {there}; {UPDATE}"


def here(environment: Mapping[str, Any], workload: str, figures: Mapping[str, float], measured: str) -> Baseline:
    """The entry of this environment (`soak.harness.environment.environment`). Python counts by its minor version."""
    implementation, _, version = str(environment["python"]).partition(" ")
    return Baseline(
        python=f"{implementation} {'.'.join(version.split('.')[:2])}",
        c_library=str(environment["c_library"]),
        architecture=str(environment["architecture"]),
        workload=workload,
        figures=dict(figures),
        libraries=dict(environment["libraries"]),
        measured=measured,
    )
