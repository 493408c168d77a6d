"""docs/reference/soak.md names for each mode exactly the options that it takes."""

import re
from pathlib import Path

import click
import pytest

from soak.command import soak
from soak.options import MODES

DOCS = Path(__file__).resolve().parents[2] / "docs" / "reference" / "soak.md"


def shown(name: str) -> str:
    """A parameter as the docs name it."""
    param = next(one for one in soak.params if one.name == name)
    return "SCENARIO" if isinstance(param, click.Argument) else param.opts[0]


@pytest.mark.parametrize("mode", [*MODES])
def test_the_docs_name_the_options_of_each_mode(mode: str) -> None:
    named = shown(mode) if mode else "mobifai soak"
    section = DOCS.read_text().partition("## Options")[2]
    row = next(line for line in section.splitlines() if re.match(rf"\| .*`{named}[ `]", line))
    taken = row.split("|")[2]
    found = {*re.findall(r"--[a-z-]+", taken), *re.findall("SCENARIO", taken)}
    assert found == {shown(name) for name in MODES[mode].takes}
