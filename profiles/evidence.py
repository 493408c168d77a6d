"""The evidence of one scenario as frozen values, for `profiles.attribution.cause_analysis`. No I/O."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from profiles.attribution.frames import Frame, Stack
from profiles.attribution.growth import RawRows, Rises
from soak.gauges.gauge import AGENT, bare, family_of, prefix_of, process_of


class AllocationSite(msgspec.Struct, frozen=True):
    """A line whose live memory grows, by `blocks` and `bytes` for each cycle. `stack` allocated some of that memory.

    `type` is the type of one of the allocated objects, and `path` is the retention path of this object
    (`profiles.inside.retainers`). Both are empty if unknown.
    """

    id: int
    stack: Stack
    blocks: float
    bytes: float
    path: str = ""
    type: str = ""


class GrowingContainer(msgspec.Struct, frozen=True):
    """A container that only gets longer, by `entries` elements for each cycle. `path` is what holds it.

    `grown_at` is the stack of its last resize, or () if unknown. `holds` counts its newest elements and the new objects
    below them by type, `bytes_each` is their size for each element, and `made_at` has the lines that allocated them.
    `explains` has the ids of the allocation sites whose memory the container holds. `cache` is the line that defines
    the function whose cache the container is, or None. `weak`: its elements are weak references.
    """

    id: int
    type: str
    entries: float
    grown_at: Stack
    holds: dict[str, int]
    bytes_each: float
    explains: list[int]
    made_at: list[Frame]
    weak: bool
    cache: Frame | None
    path: str
    of: str = ""
    """The type of its elements."""


class Leftover(msgspec.Struct, frozen=True):
    """Things that one line created and that were not released, such as descriptors; `what` is their common name."""

    what: str
    count: int
    stack: Stack


class NativeAllocation(msgspec.Struct, frozen=True):
    """Memory of the C heap that is not freed: `blocks` and `bytes` for each cycle.

    `stack` is a Python stack that requested it, and `functions` are the C functions which that stack called.
    """

    stack: Stack
    blocks: float
    bytes: float
    functions: list[str] = []


class Evidence(msgspec.Struct, frozen=True):
    """The evidence of one scenario, or of one attached agent.

    `rising` has soak's gauges that rose, with the rise for each cycle. `left` has the leftovers by kind, such as
    `descriptors` or `tasks`, as `AllocationTracer.examine` returns them.
    """

    scenario: str
    cycles: int
    seconds: float
    rising: dict[str, float]
    sites: list[AllocationSite] = []
    containers: list[GrowingContainer] = []
    left: dict[str, list[Leftover]] = {}
    native: list[NativeAllocation] = []
    warm_up_cycles: int = 0
    """Cycles before the first window."""
    windows: int = 0
    process: str = AGENT
    """The examined process. The names of its gauges in `rising` do not have its prefix."""
    unmeasured: list[str] = []
    """Required gauges that this system can't measure."""


SHARED: Final = frozenset({"zombies", "processes", "children.bytes", "files", "rows"})
"""Families of gauges that are counted over all processes together."""


def process_gauges(process: str, rising: Mapping[str, float]) -> dict[str, float]:
    """Return those of the gauges `rising` that are evidence about a process, by names without the process's prefix.

    For the agent these are all gauges, by their full names: a rise in another process is then reported, and that
    process can be examined next.
    """
    if process == AGENT:
        return dict(rising)
    own = {bare(name): rate for name, rate in rising.items() if process_of(name) == process}
    return {**{name: rate for name, rate in rising.items() if is_shared(name)}, **own}


def is_shared(name: str) -> bool:
    """Return whether a gauge is counted over all processes together."""
    return not prefix_of(name) and family_of(name) in SHARED


def qualified_gauge(process: str, name: str) -> str:
    """Return the full name of a gauge: `keeper/python.blocks`. Gauges of the agent and shared ones have no prefix."""
    return name if process == AGENT or is_shared(name) else f"{process}/{name}"


def leftovers_of(examined: dict[str, Any]) -> dict[str, list[Leftover]]:
    """Return the leftovers in an answer of `profile.examine`. Raises msgspec.ValidationError."""
    kinds = {name: rows for name, rows in examined.items() if name not in ("containers", "sites")}
    return msgspec.convert(kinds, dict[str, list[Leftover]])


def sites_of(rises: Rises, rows: RawRows, examined: RawRows) -> list[AllocationSite]:
    """Return the growing allocation sites.

    `rises` has their rises by id, `rows` the histories of sites, and `examined` the type and the path of an object of
    each site that was examined.
    """
    known = {int(row["id"]): row for row in examined}
    return [_site(row, rises, known.get(int(row["id"]), {})) for row in rows if int(row["id"]) in rises]


def containers_of(rises: Rises, examined: RawRows) -> list[GrowingContainer]:
    """Return the examined containers, all of which get longer. `rises` has their rises by id."""
    return [_container(row, rises) for row in examined]


def _site(row: Mapping[str, Any], rises: Rises, known: Mapping[str, Any]) -> AllocationSite:
    blocks, size = rises[int(row["id"])]
    return AllocationSite(
        id=int(row["id"]),
        stack=stack_of(row["stack"]),
        blocks=blocks.per_cycle if blocks else 0.0,
        bytes=size.per_cycle if size else 0.0,
        path=str(known.get("path", "")),
        type=str(known.get("type", "")),
    )


def _container(row: Mapping[str, Any], rises: Rises) -> GrowingContainer:
    longer, _ = rises[int(row["id"])]
    return GrowingContainer(
        id=int(row["id"]),
        type=str(row["type"]),
        entries=longer.per_cycle if longer else 0.0,
        grown_at=stack_of(row["grown_at"]),
        holds=dict(row["holds"]),
        bytes_each=float(row["bytes_each"]),
        explains=list(row["explains"]),
        made_at=list(stack_of(row["made_at"])),
        weak=bool(row["weak"]),
        cache=stack_of([row["cache"]])[0] if row["cache"] else None,
        path=str(row["path"]),
        of=str(row["of"]),
    )


def stack_of(frames: Sequence[Sequence[Any]]) -> Stack:
    """Return the stack whose frames were decoded from JSON as lists of file and line."""
    return tuple((str(file), int(line)) for file, line in frames)
