"""Combinations of options: every mode of a command with every option, and the error for those that are refused."""

from collections.abc import Mapping

import click
import pytest

from soak.command import soak
from soak.option_table import Mode, OptionsError, OptionTable
from soak.options import TABLE
from tests.soak import option_words

VALUES = {"duration": "10m", "cycles": "5", "seed": "7", "time_scale": "20", "phones": "2", "report_dir": "r",
          "resume": "r", "plant_name": "zombie", "attach": "s", "scenario_names": "terminals"}  # fmt: skip
"""A value for each parameter that takes one. It may be the default."""


def checked(*words: str) -> str:
    """Return the mode of a command line of `mobifai soak`. Raises OptionsError."""
    return option_words.checked(soak, TABLE, *words)


@pytest.mark.parametrize(("mode", "name"), option_words.pairs(soak, TABLE))
def test_an_option_is_taken_by_a_mode_or_refused_with_both_names(mode: str, name: str) -> None:
    option_words.check_pair(soak, TABLE, VALUES, mode, name)


def test_the_table_knows_every_parameter_and_no_other() -> None:
    option_words.check_names(soak, TABLE)


@pytest.mark.parametrize("words", [("--memray",), ("--no-memray",), ("--time-scale", "20"), ("--phones", "2")])
def test_a_value_that_is_the_default_counts_as_given_as_well(words: tuple[str, ...]) -> None:
    with pytest.raises(OptionsError, match=words[0]):
        checked("--attach", "s", *words)


@pytest.mark.parametrize(
    ("words", "both"),
    [
        (("--quick", "--cycles", "5"), "--quick can.t be used with --cycles"),
        (("--duration", "1m", "--quick"), "--quick can.t be used with --duration"),
        (("--resume", "r", "--cycles", "5", "--duration", "1m"), "--cycles can.t be used with --duration"),
    ],
)
def test_only_one_option_says_how_long_a_run_is(words: tuple[str, ...], both: str) -> None:
    with pytest.raises(OptionsError, match=both):
        checked(*words)


def test_an_option_that_needs_another_says_so() -> None:
    modes: Mapping[str, Mode] = {"update": Mode(frozenset({"file"}), needs=("file",)), "base": Mode(frozenset())}
    command = click.Command("x", params=[click.Option(["--update"], is_flag=True), click.Option(["--file"]),
                                         click.Option(["--base"])])  # fmt: skip
    table = OptionTable(modes)
    with (
        command.make_context("x", ["--update"]) as context,
        pytest.raises(OptionsError, match="--update with --file; found none"),
    ):
        table.check(context)
    with (
        command.make_context("x", []) as context,
        pytest.raises(OptionsError, match="expected one of --base; found none of them"),
    ):
        table.check(context)
    with command.make_context("x", ["--update", "--file", "f"]) as context:
        assert table.check(context) == "update"
