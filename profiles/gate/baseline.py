"""Reads and writes the file of stored figures, `profiles/baseline.json`, with an entry for each environment.

An entry can be compared only with figures of the same Python, C library, architecture and workload. With others,
figures differ for reasons other than growth.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from mobifai.errors import MobiFaiError
from soak.report.files import reason, write_whole

UPDATE: Final = "store new ones with --update"


class BaselineError(MobiFaiError):
    """A file of stored figures is missing or can't be read, or its contents are not stored figures."""


class Baseline(msgspec.Struct, frozen=True):
    """The stored figures at rest of one environment.

    `workload` identifies the code that drove and counted the agents (see `profiles.gate.workload`). `libraries` has the
    versions of the libraries with which the figures were measured. The candidate may run with other libraries; the gate
    then reports the difference.
    """

    python: str
    c_library: str
    architecture: str
    workload: str
    figures: dict[str, float]
    libraries: dict[str, str] = {}
    measured: str = ""
    """The date of the measurement, and the version and commit of MobiFai that was measured, as text."""
    commit: str = ""
    dirty: bool | None = None
    """Whether the checkout that was measured had edits; null if unknown."""

    @property
    def place(self) -> tuple[str, str, str]:
        """The environment of the figures, as (Python, C library, architecture)."""
        return self.python, self.c_library, self.architecture


class Baselines(msgspec.Struct, frozen=True):
    """The contents of a file of stored figures: an entry for each environment."""

    baselines: list[Baseline]


def read_baselines(file: Path) -> list[Baseline]:
    """Return the entries of a file of stored figures. Raises BaselineError if it is missing, unreadable or invalid."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Baselines).baselines
    except FileNotFoundError:
        raise BaselineError(f"{file}: expected a file of stored figures, found no file; {UPDATE}") from None
    except OSError as error:
        raise BaselineError(f"{file}: can't be read ({reason(error)})") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BaselineError(f"{file}: expected stored figures, found something else ({error}); {UPDATE}") from None


def write_baseline(file: Path, known: Sequence[Baseline], new: Baseline) -> None:
    """Write the entries `known` to a file, with the entry `new` in place of the one for the same environment.

    Entries for other workloads are dropped. Raises ReportError if the file can't be written.
    """
    kept = [one for one in known if one.place != new.place and one.workload == new.workload]
    baselines = Baselines(sorted([*kept, new], key=lambda one: one.place))
    write_whole(file, msgspec.json.format(msgspec.json.encode(baselines), indent=1) + b"\n")


def fitting(known: Sequence[Baseline], wanted: Baseline) -> Baseline | None:
    """Return the entry in `known` with the same environment and workload as `wanted`, or None."""
    return next((one for one in known if one.place == wanted.place and one.workload == wanted.workload), None)


def misfit(known: Sequence[Baseline], wanted: Baseline) -> str:
    """Return the reason why no entry in `known` has the same environment and workload as `wanted`."""
    if any(one.place == wanted.place for one in known):
        return f"the gate's workload has changed since the figures were stored; {UPDATE}"
    there = "; ".join(sorted(", ".join(one.place) for one in known))
    others = f", only for {there}" if there else ""
    return f"no figures are stored for {', '.join(wanted.place)}{others}; {UPDATE}"


def here(environment: Mapping[str, Any], workload: str, figures: Mapping[str, float], measured: str) -> Baseline:
    """Return an entry of stored figures for the environment of this process.

    It is either stored, or compared with stored entries to find the one that fits. `environment` is the result of
    `soak.harness.environment.environment`. `measured` is a text with the date, version and commit.
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
