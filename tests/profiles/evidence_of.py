"""Evidence for tests: stacks, containers, sites, and names of lines without any file."""

from profiles.attribution.frames import Frame, Stack
from profiles.evidence import AllocationSite, Evidence, GrowingContainer, Leftover
from profiles.results import CodeLocation

OWN = "/srv/program/part.py"
OTHER = "/srv/program/other.py"
LIBRARY = "/usr/lib/site-packages/library/core.py"

FUNCTIONS = {OWN: ((1, 9, "open_it"), (10, 19, "keep_it"), (20, 29, "Thing.__del__")), OTHER: ((1, 99, "elsewhere"),)}


def name_line(frame: Frame) -> CodeLocation:
    """Return the function around a line, from `FUNCTIONS`."""
    spans = FUNCTIONS.get(frame[0], ())
    return CodeLocation(*frame, next((name for first, last, name in spans if first <= frame[1] <= last), ""))


def container(grown_at: Stack, *, explains: tuple[int, ...] = (), **more: object) -> GrowingContainer:
    """Return a list that grows by one entry of 100 bytes with each cycle."""
    reported: dict[str, object] = {
        "id": 1, "type": "builtins.list", "entries": 1.0, "holds": {"program.Thing": 16}, "bytes_each": 100.0,
        "made_at": [], "weak": False, "cache": None, "path": "module program.kept: list", "of": "program.Thing",
    }  # fmt: skip
    return GrowingContainer(grown_at=grown_at, explains=list(explains), **{**reported, **more})  # type: ignore[arg-type]


def site(number: int, stack: Stack, blocks: float = 1.0, size: float = 100.0, path: str = "") -> AllocationSite:
    """Return the rising memory of one line."""
    return AllocationSite(number, stack, blocks, size, path)


def evidence(
    *,
    rising: dict[str, float] | None = None,
    sites: tuple[AllocationSite, ...] = (),
    containers: tuple[GrowingContainer, ...] = (),
    left: dict[str, list[Leftover]] | None = None,
) -> Evidence:
    """Return the evidence of 100 cycles in 50 seconds."""
    return Evidence("terminals", 100, 50.0, rising or {}, list(sites), list(containers), left or {})
