"""The declaration of one reported figure: its meaning, its unit, and where it is shown.

A dataclass of figures annotates each field with a `Figure`. Renderers, such as `mobifai status`, read these
declarations through `figures`, so a figure is described in one place.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from enum import Flag, auto
from functools import cache
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Shown(Flag):
    """The places that show a figure, in addition to `mobifai status --json`, which shows all figures."""

    NOWHERE = 0
    TEXT = auto()
    """A line of `mobifai status` that `cli/status.py` composes from several figures."""
    LINE = auto()
    """A separate line of `mobifai status`."""
    PAGE = auto()
    """The phone page, which gets the figure in `system:health`. A figure with a label has a separate row."""
    LOG = auto()
    """The log entry of the health check."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The declaration of a figure: its description, its unit, and where it is shown.

    `metric` is the figure's name in Prometheus; it is empty if the figure is not exported. `number` converts a value
    for Prometheus; a value that becomes None is not exported. `label` is the figure's name in a separate line or row.
    """

    description: str
    unit: str = ""
    shown: Shown = Shown.NOWHERE
    label: str = ""
    metric: str = ""
    number: Callable[[Any], float | None] = lambda value: value


def figures(values: "DataclassInstance") -> Iterator[tuple[str, Figure, Any]]:
    """Yield the field name, the declaration and the value of every figure in `values`, a dataclass of figures."""
    for name, figure in declared(type(values)).items():
        yield name, figure, getattr(values, name)


@cache  # bounded by the types that declare figures
def declared(kind: "type[DataclassInstance]") -> dict[str, Figure]:
    """Return the declarations of the figures of a dataclass, by field name.

    Raises TypeError for a field that does not have exactly one `Figure` in its annotation.
    """
    hints = get_type_hints(kind, include_extras=True)
    found = {}
    for field in fields(kind):
        marks = [mark for mark in getattr(hints[field.name], "__metadata__", ()) if isinstance(mark, Figure)]
        if len(marks) != 1:
            raise TypeError(f"{kind.__name__}.{field.name}: expected one Figure in its annotation, found {len(marks)}")
        found[field.name] = marks[0]
    return found


def labelled(values: "DataclassInstance", where: Shown) -> Iterator[tuple[Figure, int | float | str]]:
    """Yield the figures that have a label and are shown in the place `where`, each with its value.

    A value is a text, or a number in the unit of the figure. Figures without a value are skipped.
    """
    for _, figure, value in figures(values):
        if figure.label and where in figure.shown and value is not None:
            shown = value if isinstance(value, str) else figure.number(value)
            if shown is not None:
                yield figure, shown


def part(kind: "type[DataclassInstance]", values: "DataclassInstance") -> dict[str, Any]:
    """Return the fields of `values` that the dataclass `kind` declares, by name.

    They can be passed as keyword arguments to the constructor of a type that inherits from `kind`.
    """
    return {field.name: getattr(values, field.name) for field in fields(kind)}
