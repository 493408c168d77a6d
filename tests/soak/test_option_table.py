"""Which options go together: every mode of a command with every option, and the sentence for those that do not fit."""

from collections.abc import Iterator, Mapping

import click
import pytest

from soak.command import soak
from soak.option_table import Mode, OptionTable, Usage
from soak.options import MODES, TABLE

VALUES = {"duration": "10m", "cycles": "5", "seed": "7", "time_scale": "20", "phones": "2", "report_dir": "r",
          "resume": "r", "plant_name": "zombie", "attach": "s", "scenario_names": "terminals"}  # fmt: skip
"""A value of each parameter that has one; it may be the one that it has by default."""


def written(command: click.Command, name: str) -> list[str]:
    """A parameter as it stands on the command line."""
    param = next(one for one in command.params if one.name == name)
    if isinstance(param, click.Argument):
        return [VALUES[name]]
    return [param.opts[0], *([VALUES[name]] if name in VALUES else [])]


def checked(*words: str) -> str:
    """The mode of a command line. Raises Usage."""
    with soak.make_context("soak", list(words)) as context:
        return TABLE.check(context)


def pairs() -> Iterator[tuple[str, str]]:
    for mode in MODES:
        yield from ((mode, param.name or "") for param in soak.params if param.name not in (mode, "help"))


@pytest.mark.parametrize(("mode", "name"), [*pairs()])
def test_an_option_is_taken_by_a_mode_or_refused_with_both_names(mode: str, name: str) -> None:
    words = [*(written(soak, mode) if mode else []), *written(soak, name)]
    if mode == "" and name in MODES:
        assert checked(*words) == name
    elif name in MODES[mode].takes:
        assert checked(*words) == mode
    else:
        with pytest.raises(Usage, match="expected one of ") as refused:
            checked(*words)
        shown = {"scenario_names": "SCENARIO"}.get(name, written(soak, name)[0])
        assert shown in refused.value.message
        assert written(soak, mode)[0] in refused.value.message
        assert "do not go together, because" in refused.value.message


def test_the_table_knows_every_parameter_and_no_other() -> None:
    known = {*MODES, *(name for mode in MODES.values() for name in mode.takes)} - {""}
    assert known == {param.name for param in soak.params}


@pytest.mark.parametrize("words", [("--memray",), ("--no-memray",), ("--time-scale", "20"), ("--phones", "2")])
def test_a_value_that_is_the_default_counts_as_given_as_well(words: tuple[str, ...]) -> None:
    with pytest.raises(Usage, match=words[0]):
        checked("--attach", "s", *words)


@pytest.mark.parametrize(
    ("words", "both"),
    [
        (("--quick", "--cycles", "5"), "--cycles, --quick"),
        (("--duration", "1m", "--quick"), "--duration, --quick"),
        (("--resume", "r", "--cycles", "5", "--duration", "1m"), "--duration, --cycles"),
    ],
)
def test_only_one_option_says_how_long_a_run_is(words: tuple[str, ...], both: str) -> None:
    with pytest.raises(Usage, match=both):
        checked(*words)


def test_an_option_that_needs_another_says_so() -> None:
    modes: Mapping[str, Mode] = {"update": Mode(frozenset({"file"}), needs=("file",)), "base": Mode(frozenset())}
    command = click.Command("x", params=[click.Option(["--update"], is_flag=True), click.Option(["--file"]),
                                         click.Option(["--base"])])  # fmt: skip
    table = OptionTable(modes)
    with (
        command.make_context("x", ["--update"]) as context,
        pytest.raises(Usage, match="--update with --file; found"),
    ):
        table.check(context)
    with command.make_context("x", []) as context, pytest.raises(Usage, match="expected one of --base; found neither"):
        table.check(context)
    with command.make_context("x", ["--update", "--file", "f"]) as context:
        assert table.check(context) == "update"
