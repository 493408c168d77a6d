"""Formats locations in code as `file:line`, which editors recognise, and the growth of culprits as text.

Paths are relative to the current directory if they are below it.
"""

from pathlib import Path

from profiles.results import CodeLocation, Culprit, step_of
from soak.report.figures import rate, significant

_LIBRARIES = ("/site-packages/", "/dist-packages/")


def short_path(file: str) -> str:
    """Return a path relative to `site-packages` or the current directory if it is below one; otherwise unchanged."""
    for part in _LIBRARIES:
        if part in file:
            return file.rpartition(part)[2]
    here = f"{Path.cwd()}/"
    return file.removeprefix(here)


def location_text(place: CodeLocation) -> str:
    """Return a location as `file:line function`."""
    return f"{short_path(place.file)}:{place.line}" + (f" {place.function}" if place.function else "")


def rate_text(culprit: Culprit) -> str:
    """Return the growth of a culprit as text: per cycle (or per window) and in 24 hours."""
    parts, step = [], step_of(culprit.scenario)
    if culprit.bytes_per_cycle:
        parts.append(f"{rate(culprit.bytes_per_cycle, 'bytes')} a {step}")
    if culprit.objects_per_cycle:
        parts.append(f"{rate(culprit.objects_per_cycle, 'things')} a {step}")
    parts.append(f"{rate(significant(culprit.per_24h), culprit.unit)} in 24 h")
    return ", ".join(parts)
