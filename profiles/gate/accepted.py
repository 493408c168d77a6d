"""Reads accepted growth: the entries of `profiles/accepted.toml`, each with a reason and an end date.

An entry lets figures at rest grow. It can't accept an exceeded limit, nor growth with each cycle, because such growth
has no end.
"""

import datetime as dt
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import msgspec

from mobifai.errors import MobiFaiError
from profiles.gate.figures import FIGURES
from soak.report.files import reason as why

SHORTEST_REASON: Final = 10
"""Fewest characters that the reason of an entry must have."""


class AcceptedError(MobiFaiError):
    """The file of accepted growth can't be read or is invalid."""


class AcceptedGrowth(msgspec.Struct, frozen=True):
    """An entry of accepted growth: figures at rest whose names match `figure` may exceed the base by `grows_by`.

    `figure` is a name such as `idle.heap`, or a pattern such as `used.heap:*`. `grows_by` is in the unit of the figure.
    The entry is valid until the end of the day `expires` (UTC).
    """

    figure: str
    grows_by: float
    reason: str
    expires: dt.date

    def is_over(self, today: dt.date) -> bool:
        """Return whether the entry has expired."""
        return today > self.expires

    def covers(self, name: str) -> bool:
        """Return whether the entry applies to the figure `name`."""
        return fnmatchcase(name, self.figure)


def read_accepted(file: Path) -> list[AcceptedGrowth]:
    """Return the entries of a file of accepted growth.

    Raises AcceptedError if the file can't be read, or if an entry is invalid; the message has the number of the entry.
    """
    try:
        document = tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise AcceptedError(f"{file}: can't be read ({why(error)})") from None
    except ValueError as error:
        raise AcceptedError(f"{file}: expected valid TOML: {error}") from None
    entries = document.pop("accepted", [])
    if document or not isinstance(entries, list):
        found = ", ".join(document) or "another value"
        raise AcceptedError(f"{file}: expected only [[accepted]] tables; found {found}")
    return [_entry(one, f"{file}: entry {number}") for number, one in enumerate(entries, 1)]


def _entry(table: Any, where: str) -> AcceptedGrowth:
    try:
        entry = msgspec.convert(table, AcceptedGrowth)
    except msgspec.ValidationError as error:
        advice = 'figure = "idle.heap", grows_by = 300_000, reason = "...", expires = 2027-01-31'
        raise AcceptedError(f"{where}: {error}; expected {advice}") from None
    unknown = {*table} - {*AcceptedGrowth.__struct_fields__}
    if unknown:
        raise AcceptedError(
            f"{where}: expected only figure, grows_by, reason and expires; also found {', '.join(unknown)}"
        )
    if not any(fnmatchcase(family, entry.figure.partition(":")[0]) for family in FIGURES):
        raise AcceptedError(
            f"{where}: expected figure to be one of {', '.join(FIGURES)}, or a pattern that matches one; "
            f"found {entry.figure!r}"
        )
    if entry.grows_by <= 0:
        raise AcceptedError(f"{where}: expected grows_by above 0; found {entry.grows_by:g}")
    if len(entry.reason.strip()) < SHORTEST_REASON:
        raise AcceptedError(
            f"{where}: expected a reason of {SHORTEST_REASON} characters or more; found {entry.reason!r}"
        )
    return entry


def most_accepted(entries: Sequence[AcceptedGrowth], name: str, today: dt.date) -> AcceptedGrowth | None:
    """Return the entry that accepts the most growth of the figure `name`, or None. Expired entries do not count."""
    about = [one for one in entries if one.covers(name) and not one.is_over(today)]
    return max(about, key=lambda one: one.grows_by, default=None)
