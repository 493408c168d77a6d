"""Prints the snapshot of an agent's memory for `mobifai profile heap`, as text and tables. Does not request it."""

from collections.abc import Iterable, Mapping
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from mobifai.cli.tables import print_table
from mobifai.protocol.plain_text import plain
from profiles.report.locations import short_path
from soak.report.figures import byte_count, count, duration

LARGE = 50
"""Fewest entries that a container must have to get a row in the table of containers."""
NOBODY = "an unknown object"


def print_heap(snapshot: Mapping[str, Any]) -> None:
    """Print a snapshot of a running agent's memory: the answer to the control request `profile.heap`."""
    click.echo(_head(snapshot))
    _table("Largest types", ("Type", "Objects", "Bytes"),
           ((one["type"], f"{one['count']:,}", byte_count(one["bytes"])) for one in snapshot["types"]))  # fmt: skip
    _table(f"Longest containers of {LARGE} entries or more, and what holds them",
           ("Container", "Entries", "Bytes", "Held by"),
           ((_holding(one), f"{one['length']:,}", byte_count(one["bytes"]), one["path"] or NOBODY)
            for one in snapshot["containers"] if one["length"] >= LARGE))  # fmt: skip
    _table("Oldest objects that should not outlive their phone, terminal or conversation", ("Type", "Age", "Held by"),
           ((one["type"], "unknown" if one["age_s"] is None else duration(one["age_s"]), one["path"] or NOBODY)
            for one in snapshot["old"]))  # fmt: skip
    _table("Threads", ("Thread", "Is at"), ((one["name"], _place(one["at"])) for one in snapshot["threads"]))
    _table("Tasks", ("Coroutine", "Tasks", "Code", "Waits at", "Made at"),
           ((one["coroutine"], str(one["count"]), _place(one["defined_at"]), _place(one["waits_at"]),
             _place(one["made_at"]) or "?") for one in snapshot["tasks"]))  # fmt: skip
    _table("Descriptors", ("Kind", "Open"), ((kind, str(number)) for kind, number in snapshot["descriptors"].items()))
    _table("Children", ("Process", "Name", "Status"),
           ((str(one["pid"]), one["name"], one["status"]) for one in snapshot["children"]))  # fmt: skip
    click.echo()
    click.echo("This snapshot has no verdict. To see whether memory grows, run `mobifai profile attach`.")
    if any(not one["made_at"] for one in snapshot["tasks"]):
        click.echo("The line that created a task is known only for tasks created during `mobifai profile attach`.")


def _head(snapshot: Mapping[str, Any]) -> str:
    blocks, objects = count(snapshot["python_blocks"], "block"), count(snapshot["objects"], "object")
    return (
        f"Resident memory {byte_count(snapshot['rss_bytes'])}; {_native(snapshot['heap'])}; "
        f"{blocks} of Python's allocator; "
        f"{objects} that the garbage collector tracks, and their texts; "
        f"mobifai {snapshot.get('version') or 'of unknown version'}"
    )


def _native(heap: Mapping[str, Any]) -> str:
    if not heap:
        return "the use of the C heap is not known on this system"
    free = heap["free_bytes"]
    free_text = "free bytes not known" if free is None else f"{byte_count(free)} free"
    return f"C heap {byte_count(heap['used_bytes'])} in use, {free_text} ({heap['source']})"


def _table(title: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(*heads, title=title, title_justify="left", box=None)
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))  # not as markup, which a name in brackets would be
    if table.row_count:
        click.echo()
        print_table(table)


def _holding(one: Mapping[str, Any]) -> str:
    kinds = ", ".join(kind.removeprefix("builtins.") for kind in one["holds"])
    name = str(one["type"]).removeprefix("builtins.")
    return f"{name} of {kinds}" if kinds else name


def _place(place: str) -> str:
    return short_path(place) if place else ""
