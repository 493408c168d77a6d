"""Tables of the options that each mode of a command accepts, and the check of a command line against a table.

A mode is selected by its option (`--resume`, `--attach`). Without such an option, the mode is the default mode "". An
option counts as given if it is on the command line, even with its default value.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

import click
from click.core import ParameterSource

from mobifai.errors import MobiFaiError
from mobifai.protocol.plain_text import one_line

T = TypeVar("T")

MOST_MESSAGE: Final = 2000
"""Most characters of a message that are shown."""


class OptionsError(click.UsageError):
    """Options are invalid, alone or in combination. The exit status is 2.

    Characters of the message that are not safe to print, such as some in file names, are replaced.
    """

    def __init__(self, message: str, ctx: click.Context | None = None) -> None:
        """Create the error.

        Characters of `message` that are not safe to print are replaced, and a message of more than MOST_MESSAGE
        characters is cut.
        """
        super().__init__(one_line(message.encode(errors="backslashreplace").decode(), MOST_MESSAGE), ctx)


def usable(make: Callable[[], T]) -> T:
    """Return the result of `make`. If it raises MobiFaiError, raise OptionsError with the same message."""
    try:
        return make()
    except MobiFaiError as error:
        raise OptionsError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Mode:
    """A mode of a command. It accepts the parameters in `takes` and requires those in `needs`.

    `why` is the reason, for error messages, why the mode accepts no other parameters.
    """

    takes: frozenset[str]
    why: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OptionTable:
    """The modes of a command, by the name of the parameter that selects each. The default mode has the key `""`.

    If the parameters of several modes are given, the first of these modes is selected. Each key of `alternatives` is a
    group of parameters of which at most one may be given. Its value is the reason, for error messages.
    """

    modes: Mapping[str, Mode]
    alternatives: Mapping[tuple[str, ...], str] = field(default_factory=dict)

    def check(self, context: click.Context) -> str:
        """Return the name of the mode that the command line selects.

        Raises OptionsError if required parameters are missing, or if parameters exclude each other or the mode.
        """
        given = dict(_given(context))
        name = next((name for name in self.modes if name in given), "")
        if name not in self.modes:
            simple = [name for name, mode in self.modes.items() if not mode.needs]
            raise OptionsError(f"expected one of {_choices(context, simple)}; found none of them: give one")
        mode = self.modes[name]
        if missing := [other for other in mode.needs if other not in given]:
            raise OptionsError(f"expected {given[name]} with {_choices(context, missing)}; found none: give both")
        if others := [given[other] for other in given if other != name and other not in mode.takes]:
            raise OptionsError(_conflict(others, given[name], mode.why, f"leave out {' and '.join(others)}"))
        for group, why in self.alternatives.items():
            if len(both := [given[other] for other in group if other in given]) > 1:
                raise OptionsError(_conflict(both[1:], both[0], why, "give only one of them"))
        return name


def _conflict(names: list[str], other: str, why: str, advice: str) -> str:
    return f"{' and '.join(names)} can't be used with {other}, because {why}: {advice}"


def _choices(context: click.Context, names: Iterable[str]) -> str:
    wanted = set(names)
    shown = (param for param in context.command.params if param.name in wanted)
    return " and ".join(f"{param.opts[0]} {param.metavar or ''}".rstrip() for param in shown)


def _given(context: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the name of each given parameter, and the text for it in error messages: `--no-memray` or `SCENARIO`."""
    for param in context.command.params:
        name = param.name or ""
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        if isinstance(param, click.Argument):
            yield name, (param.metavar or name.upper()).strip("[].")
        else:
            off = bool(param.secondary_opts) and context.params.get(name) is False
            yield name, (param.secondary_opts if off else param.opts)[0]
