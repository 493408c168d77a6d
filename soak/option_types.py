"""Types of the options of `mobifai soak` and `mobifai profile`, with error messages of one sentence."""

from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import click

from soak.run.plan import LARGEST_SEED

N = TypeVar("N", bound=float)

MOST_CYCLES = 100_000_000
FASTEST = 10_000.0
MOST_PHONES = 16


class NumberInRange(click.ParamType, Generic[N]):  # type: ignore[type-arg,unused-ignore]
    """A finite number in a closed range whose two ends are whole numbers."""

    name = "number"

    def __init__(self, kind: type[N], least: N, most: N) -> None:
        """Create a type that accepts numbers of the Python type `kind` from `least` to `most`."""
        self.kind = kind
        self.least = least
        self.most = most

    @property
    def range(self) -> str:
        """The accepted range in words, for help texts, such as `from 1 to 1,000`."""
        return f"from {int(self.least):,} to {int(self.most):,}"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> N:
        """Return the number. Raises click.BadParameter for text that is no number, or a number outside the range."""
        try:
            number: Any = self.kind(str(value))
        except ValueError:
            number = None
        if number is None or not self.least <= number <= self.most:  # nan is in no range
            what = "a whole number" if self.kind is int else "a number"
            self.fail(f"expected {what} {self.range}; found {str(value)[:40]!r}", param, ctx)
        return cast(N, number)


class PathName(click.Path):
    """A path that is not empty. An empty path, as from an unset variable, would mean the working directory."""

    def __init__(self, **more: Any) -> None:
        """Create the type. `more` are arguments of `click.Path`."""
        super().__init__(path_type=Path, **more)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Raises click.BadParameter, for example if the path is empty."""
        if value in ("", b""):
            self.fail("expected a path; found an empty one: name a file or directory", param, ctx)
        return super().convert(value, param, ctx)


SEED = NumberInRange(int, 0, LARGEST_SEED)
CYCLES = NumberInRange(int, 1, MOST_CYCLES)
TIME_SCALE = NumberInRange(float, 1.0, FASTEST)
PHONES = NumberInRange(int, 1, MOST_PHONES)
