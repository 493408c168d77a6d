"""Stored figures: one entry for each environment, with the workload that they were measured with.

Owns the format of `profiles/baseline.json`. An entry fits only the Python, C library, architecture and workload that it
was measured with: otherwise figures differ for reasons other than growth.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from mobifai.errors import MobiFaiError
from soak.report.files import reason, write_whole

UPDATE: Final = "store new ones with --update"


class BaselineError(MobiFaiError):
    """A file of stored figures is missing, can't be read, or has other contents."""


class Baseline(msgspec.Struct, frozen=True):
    """The figures at rest of one environment, and the versions of the libraries that they were measured with.

    The candidate may run with other libraries. The gate then reports the difference.
    """

    python: str
    c_library: str
    architecture: str
    workload: str
    figures: dict[str, float]
    libraries: dict[str, str] = {}
    measured: str = ""
    """The date of the measurement, and the version and commit of mobifai that was measured."""
    commit: str = ""
    dirty: bool | None = None
    """True if the checkout had edits; null if not known."""

    @property
    def place(self) -> tuple[str, str, str]:
        """The environment: Python, C library, architecture."""
        return self.python, self.c_library, self.architecture


class Baselines(msgspec.Struct, frozen=True):
    """The contents of a file of stored figures: one entry for each environment."""

    baselines: list[Baseline]


def read_baselines(file: Path) -> list[Baseline]:
    """Return the entries of a file of stored figures. Raises BaselineError."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Baselines).baselines
    except FileNotFoundError:
        raise BaselineError(f"{file}: expected a file of stored figures, found no file; {UPDATE}") from None
    except OSError as error:
        raise BaselineError(f"{file}: can't be read ({reason(error)})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BaselineError(f"{file}: expected stored figures, found something else ({error}); {UPDATE}") from None


def write_baseline(file: Path, known: Sequence[Baseline], new: Baseline) -> None:
    """Store `new` in place of the entry for its environment, and drop entries for other workloads.

    Raises ReportError.
    """
    kept = [one for one in known if one.place != new.place and one.workload == new.workload]
    baselines = Baselines(sorted([*kept, new], key=lambda one: one.place))
    write_whole(file, msgspec.json.format(msgspec.json.encode(baselines), indent=1) + b"\n")


def fitting(known: Sequence[Baseline], wanted: Baseline) -> Baseline | None:
    """Return the entry of `known` that has the environment and workload of `wanted`, or None."""
    return next((one for one in known if one.place == wanted.place and one.workload == wanted.workload), None)


def misfit(known: Sequence[Baseline], wanted: Baseline) -> str:
    """Return a sentence that says why no entry of `known` has the environment and workload of `wanted`."""
    if any(one.place == wanted.place for one in known):
        return f"the gate's workload has changed since the figures were stored; {UPDATE}"
    there = "; ".join(sorted(", ".join(one.place) for one in known))
    others = f", only for {there}" if there else ""
    return f"no figures are stored for {', '.join(wanted.place)}{others}; {UPDATE}"


def here(environment: Mapping[str, Any], workload: str, figures: Mapping[str, float], measured: str) -> Baseline:
    """Return an entry with these figures, to be stored or to be searched for among the stored entries.

    `environment` is what `soak.harness.environment.environment` returned.
    """
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
