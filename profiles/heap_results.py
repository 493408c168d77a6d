"""The output of `mobifai profile heap --json`: the memory of a running agent. Frozen values, no I/O.

Sizes are in bytes, ages in seconds. Nothing here is judged: one snapshot says nothing about growth.
"""

from typing import Final

import msgspec

from soak.gauges.results import Product

SCHEMA_VERSION: Final = 1
"""The schema version. A version that readers of the previous one could misread gets a new number."""


class HeapType(msgspec.Struct, frozen=True):
    """All objects of one type."""

    type: str
    count: int
    bytes: int


class HeapContainer(msgspec.Struct, frozen=True):
    """A long container: its most frequent types of elements, and the path that holds it (empty if unknown)."""

    type: str
    length: int
    bytes: int
    holds: list[str]
    path: str


class Survivor(msgspec.Struct, frozen=True):
    """An object that should end with a phone, a terminal or a conversation. `age_s` is null if unknown."""

    type: str
    age_s: float | None
    path: str


class NativeHeap(msgspec.Struct, frozen=True):
    """Figures of the C heap, and their source. Unknown figures are null."""

    used_bytes: int | None = None
    free_bytes: int | None = None
    source: str = ""


class HeapThread(msgspec.Struct, frozen=True):
    """A thread, and the line that it executes."""

    name: str
    daemon: bool
    at: str


class HeapTasks(msgspec.Struct, frozen=True):
    """Tasks of the same coroutine function that wait at the same line.

    `made_at` is known only during `mobifai profile attach`.
    """

    coroutine: str
    count: int
    defined_at: str
    waits_at: str
    made_at: str


class HeapChild(msgspec.Struct, frozen=True):
    """A child process of the agent."""

    pid: int
    name: str
    status: str


class HeapReport(msgspec.Struct, frozen=True):
    """The snapshot. `product` is the MobiFai that requested it, `version` that of the agent."""

    types: list[HeapType]
    objects: int
    containers: list[HeapContainer]
    old: list[Survivor]
    heap: NativeHeap
    rss_bytes: int
    python_blocks: int
    threads: list[HeapThread]
    tasks: list[HeapTasks]
    descriptors: dict[str, int]
    children: list[HeapChild]
    version: str = ""
    product: Product = Product()
    schema_version: int = SCHEMA_VERSION
