"""The measurements of one scenario from which `profiles.attribution.cause_analysis` finds the causes of growth.

They are frozen values. No I/O.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from profiles.attribution.frames import Frame, Stack
from profiles.attribution.growth import RawRows, Rises
from soak.gauges.gauge import AGENT, bare, family_of, prefix_of, process_of


class AllocationSite(msgspec.Struct, frozen=True):
    """An allocation site whose live memory grows, by `blocks` and `bytes` in each cycle.

    `stack` is one of the stacks that allocated this memory. `type` is the name of the type of one object that the site
    allocated. `path` is the retention path of this object: the references that keep it alive
    (`profiles.inside.retainers`). Both are empty if unknown.
    """

    id: int
    stack: Stack
    blocks: float
    bytes: float
    path: str = ""
    type: str = ""


class GrowingContainer(msgspec.Struct, frozen=True):
    """A container that only gets longer, by `entries` elements in each cycle.

    `path` is the retention path: the references that keep the container alive. `grown_at` is the stack that last
    resized the container, or () if unknown.

    Three fields are about the container's newest elements together with the new objects that these elements refer to:
    `holds` has their number by type, `bytes_each` their average size in bytes for each element, and `made_at` the lines
    that allocated them, the most frequent first.

    `explains` has the ids of the allocation sites whose memory the container holds. If the container is the cache of a
    function (`functools.cache`), `cache` is the line that defines the function; otherwise it is None. `weak` is true if
    the elements are weak references, which keep nothing alive.
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
    """The most frequent type of the newest elements (of a dictionary: of its values)."""


class Leftover(msgspec.Struct, frozen=True):
    """Things that one line created and that were not released, such as descriptors.

    `count` is their number, `what` their common name, such as `socket`, and `stack` one of the stacks that created
    them.
    """

    what: str
    count: int
    stack: Stack


class NativeAllocation(msgspec.Struct, frozen=True):
    """Memory of the C heap that is not freed: `blocks` and `bytes` in each cycle.

    `stack` is the Python stack that requested most of this memory. `functions` are the C functions that the stack
    called, the innermost first.
    """

    stack: Stack
    blocks: float
    bytes: float
    functions: list[str] = []


class Evidence(msgspec.Struct, frozen=True):
    """The measurements of one process in one scenario, or of one agent that `mobifai profile attach` examines.

    `cycles` and `seconds` are the number of cycles from the first to the last window, and their duration. `rising` has
    those of soak's gauges that rose, with the rise per cycle. `sites`, `containers` and `native` are the allocation
    sites, the containers and the memory of the C heap that grow. `left` has the leftovers by kind, such as
    `descriptors` or `tasks`; `AllocationTracer.examine` lists the kinds.
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
    """The examined process: `agent`, `keeper` or `relay`. Its own gauges are in `rising` without their prefix."""
    unmeasured: list[str] = []
    """Names of the gauges that a verdict needs and that this system can't measure."""


SHARED: Final = frozenset({"zombies", "processes", "children.bytes", "files", "rows"})
"""Families of gauges that soak counts over all processes of a run together, not for one process."""


def process_gauges(process: str, rising: Mapping[str, float]) -> dict[str, float]:
    """Return those of the gauges in `rising` that say something about one process, with their rise per cycle.

    For the keeper and the relay, these are the gauges of that process, by their names without the prefix
    (`python.blocks` for `keeper/python.blocks`), and the gauges that are counted over all processes. For the agent,
    these are all gauges by their full names: a rise in another process is then reported, and that process can be
    examined next.
    """
    if process == AGENT:
        return dict(rising)
    own = {bare(name): rate for name, rate in rising.items() if process_of(name) == process}
    return {**{name: rate for name, rate in rising.items() if is_shared(name)}, **own}


def is_shared(name: str) -> bool:
    """Return whether the gauge `name` is counted over all processes together, not for one process."""
    return not prefix_of(name) and family_of(name) in SHARED


def qualified_gauge(process: str, name: str) -> str:
    """Return the full name of the gauge `name` of a process, such as `keeper/python.blocks`.

    Gauges of the agent, and gauges that are counted over all processes together, have no prefix.
    """
    return name if process == AGENT or is_shared(name) else f"{process}/{name}"


def leftovers_of(examined: dict[str, Any]) -> dict[str, list[Leftover]]:
    """Return the leftovers by kind from `examined`, the answer to the control request `profile.examine`.

    Raises msgspec.ValidationError if the answer is malformed.
    """
    kinds = {name: rows for name, rows in examined.items() if name not in ("containers", "sites")}
    return msgspec.convert(kinds, dict[str, list[Leftover]])


def sites_of(rises: Rises, rows: RawRows, examined: RawRows) -> list[AllocationSite]:
    """Return the allocation sites in `rows` that grow: those whose id is in `rises`.

    `rows` are the sites in the answer to `profile.histories`. `examined` are the sites in the answer to
    `profile.examine`: for each site, the type of one object, and the path of references that keeps this object alive.
    """
    known = {int(row["id"]): row for row in examined}
    return [_site(row, rises, known.get(int(row["id"]), {})) for row in rows if int(row["id"]) in rises]


def containers_of(rises: Rises, examined: RawRows) -> list[GrowingContainer]:
    """Return the containers in `examined`, the answer to `profile.examine`. All of them get longer.

    `rises` has the rise of each container by id.
    """
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
    """Return a stack from `frames`, its JSON form, in which each frame is a list of file and line."""
    return tuple((str(file), int(line)) for file, line in frames)
