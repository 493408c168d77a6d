"""The data types of `mobifai profile heap --json`: a snapshot of a running agent's memory. Frozen values, no I/O.

Sizes are in bytes, ages in seconds. There is no verdict, because one snapshot does not show growth.
"""

from typing import Final

import msgspec

from soak.gauges.results import Product

SCHEMA_VERSION: Final = 1
"""The version of the JSON schema. It increases when programs that read the earlier format could misread a snapshot."""


class HeapType(msgspec.Struct, frozen=True):
    """All objects of one type: the type's name, the number of objects, and their size in bytes."""

    type: str
    count: int
    bytes: int


class HeapContainer(msgspec.Struct, frozen=True):
    """A long container, such as a list or dictionary.

    `length` is the number of its entries, and `bytes` its size, including an estimate for the entries. `holds` has the
    most frequent types of its elements. `path` is the path of references that keeps it alive, or empty if unknown.
    """

    type: str
    length: int
    bytes: int
    holds: list[str]
    path: str


class Survivor(msgspec.Struct, frozen=True):
    """An old object of a type that should end with a phone, a terminal or a conversation.

    `age_s` is its age in seconds, or null if unknown. `path` is the path of references that keeps it alive, or empty if
    unknown.
    """

    type: str
    age_s: float | None
    path: str


class NativeHeap(msgspec.Struct, frozen=True):
    """The use of the C heap. `source` names the function that reported the numbers. Unknown numbers are null."""

    used_bytes: int | None = None
    free_bytes: int | None = None
    source: str = ""


class HeapThread(msgspec.Struct, frozen=True):
    """A thread, and the line that it executes (`at`)."""

    name: str
    daemon: bool
    at: str


class HeapTasks(msgspec.Struct, frozen=True):
    """All tasks of one coroutine function that wait at the same line; `count` is their number.

    `defined_at` is the line that defines the function, and `waits_at` the line at which the tasks wait. `made_at` is
    the line that created them, which is known only for tasks created during `mobifai profile attach`.
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
    """The snapshot of a running agent's memory.

    `objects` is the number of all objects that the garbage collector tracks, and of the texts that they hold. `old` has
    the oldest objects of types that should end with a phone, a terminal or a conversation. `heap` is the use of the C
    heap. `descriptors` has the number of open descriptors by kind. `version` is that of the agent, and `product` is the
    MobiFai that requested the snapshot.
    """

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
