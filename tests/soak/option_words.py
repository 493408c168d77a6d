"""Checks of an option table: builds command lines of a mode with one more option, and expects the table's answer."""

from collections.abc import Iterator, Mapping

import click
import pytest

from soak.option_table import OptionsError, OptionTable

SHOWN = {"scenario_names": "SCENARIO"}


def pairs(command: click.Command, table: OptionTable) -> list[tuple[str, str]]:
    """Return every mode with every other parameter of a command."""
    return [*_pairs(command, table)]


def _pairs(command: click.Command, table: OptionTable) -> Iterator[tuple[str, str]]:
    for mode in table.modes:
        yield from ((mode, param.name or "") for param in command.params if param.name != mode)


def checked(command: click.Command, table: OptionTable, *words: str) -> str:
    """Return the mode of a command line. Raises OptionsError."""
    with command.make_context("x", list(words)) as context:
        return table.check(context)


def check_pair(command: click.Command, table: OptionTable, values: Mapping[str, str], mode: str, name: str) -> None:
    """Check that a mode accepts a parameter, or refuses it with an error that has both names. Raises AssertionError."""
    known = [mode, *table.modes[mode].needs] if mode else []
    words = [word for one in dict.fromkeys([*known, name]) for word in _written(command, values, one)]
    if name in table.modes and [*table.modes].index(name) < [*table.modes].index(mode):
        mode, name = name, mode
        if missing := [one for one in table.modes[mode].needs if one not in (name, *known)]:
            words += [word for one in missing for word in _written(command, values, one)]
    if not mode or not name or name in table.modes[mode].takes | {*table.modes[mode].needs}:
        assert checked(command, table, *words) == mode
        return
    with pytest.raises(OptionsError, match="can't be used with .*, because .") as refused:
        checked(command, table, *words)
    for one in (mode, name):
        assert SHOWN.get(one) or _written(command, values, one)[0] in refused.value.message


def check_names(command: click.Command, table: OptionTable) -> None:
    """Check that the table has exactly the parameters of the command. Raises AssertionError."""
    known = {*table.modes, *(name for mode in table.modes.values() for name in mode.takes)} - {""}
    assert known == {param.name for param in command.params}


def _written(command: click.Command, values: Mapping[str, str], name: str) -> list[str]:
    param = next(one for one in command.params if one.name == name)
    if isinstance(param, click.Argument):
        return [values[name]]
    return [param.opts[0], *([values[name]] if name in values else [])]
