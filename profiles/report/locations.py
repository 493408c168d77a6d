"""How lines are named to people: short, and so that an editor finds them. It knows the current directory."""

from pathlib import Path

from profiles.results import CodeLocation, Culprit, step_of
from soak.report.figures import rate, significant

_LIBRARIES = ("/site-packages/", "/dist-packages/")


def short_path(file: str) -> str:
    """A path below the current directory or below where packages are, from there on."""
    for part in _LIBRARIES:
        if part in file:
            return file.rpartition(part)[2]
    here = f"{Path.cwd()}/"
    return file.removeprefix(here)


def location_text(place: CodeLocation) -> str:
    """`file:line function`."""
    return f"{short_path(place.file)}:{place.line}" + (f" {place.function}" if place.function else "")


def rate_text(culprit: Culprit) -> str:
    """Return the growth for each cycle (or window), and its projection for a day."""
    parts, step = [], step_of(culprit.scenario)
    if culprit.bytes_per_cycle:
        parts.append(f"{rate(culprit.bytes_per_cycle, 'bytes')} a {step}")
    if culprit.objects_per_cycle:
        parts.append(f"{rate(culprit.objects_per_cycle, 'things')} a {step}")
    parts.append(f"{rate(significant(culprit.per_24h), culprit.unit)} in 24 h")
    return ", ".join(parts)
