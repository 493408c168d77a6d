"""The reference lists every command, every setting and every schema."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from mobifai.assistant.config import AssistantConfig
from mobifai.cli.main import cli
from mobifai.cli.serve import serve
from mobifai.cli.settings import read_settings
from mobifai.errors import ConfigError
from mobifai.health.figure import Shown, declared
from mobifai.health.status import AgentStatus, HealthCheck

DOCS = Path(__file__).parents[2] / "docs"


def leaves(command: click.Command, name: str = "mobifai") -> Iterator[str]:
    """Yield the full names of the commands that do something by themselves."""
    if not isinstance(command, click.Group):
        yield name
        return
    context = click.Context(command)
    if command.invoke_without_command:
        yield name
    for part in command.list_commands(context):
        found = command.get_command(context, part)
        assert found is not None
        yield from leaves(found, f"{name} {part}")


def test_every_command_is_in_the_reference() -> None:
    page = (DOCS / "reference" / "commands.md").read_text()
    assert [name for name in leaves(cli) if f"| `{name}" not in page] == []


def test_every_setting_of_the_file_is_in_the_reference(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("nothing = 1")
    with pytest.raises(ConfigError) as refused:
        read_settings(file)
    known = str(refused.value).partition("expected one of ")[2].partition(", [limits]")[0].split(", ")
    assert len(known) > 15
    page = (DOCS / "reference" / "settings.md").read_text()
    assert [name for name in known if f"`{name}`" not in page] == []


def test_the_example_of_a_settings_file_is_accepted(tmp_path: Path) -> None:
    page = (DOCS / "reference" / "settings.md").read_text()
    file = tmp_path / "config.toml"
    file.write_text(page.partition("```toml\n")[2].partition("```")[0])
    read = read_settings(file)
    assert read.options
    assert read.limits
    assert read.assistant


def test_every_setting_of_the_assistant_is_in_the_reference() -> None:
    page = (DOCS / "reference" / "settings.md").read_text().partition("## The assistant's settings")[2]
    assert [field.name for field in fields(AssistantConfig) if f"`{field.name}`" not in page] == []


def test_the_variables_of_options_are_named_as_the_reference_says() -> None:
    named = {option.opts[0]: option.envvar for option in serve.params if isinstance(option, click.Option)}
    expected = {name: f"MOBIFAI_{name.removeprefix('--').replace('-', '_').upper()}" for name in named}
    assert {name: variable for name, variable in named.items() if variable not in (None, expected[name])} == {}


def test_every_schema_is_in_the_reference() -> None:
    page = (DOCS / "reference" / "report-formats.md").read_text()
    assert [file.name for file in (DOCS / "schemas").glob("*.json") if f"schemas/{file.name})" not in page] == []


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text()
    pages = [file.relative_to(DOCS).as_posix() for file in DOCS.rglob("*.md") if file.name != "README.md"]
    assert [page for page in pages if f"({page})" not in index] == []


PLACES = {Shown.TEXT | Shown.LINE: "`mobifai status`", Shown.PAGE: "phone page", Shown.LOG: "log"}


def figure_rows() -> Iterator[str]:
    """Yield the row of each figure in the table of the reference."""
    figures, checked = declared(AgentStatus), declared(HealthCheck)
    for name, figure in (figures | {name: one for name, one in checked.items() if name not in figures}).items():
        shown = figure.shown | (checked[name].shown if name in checked else Shown.NOWHERE)
        where = ", ".join(place for flag, place in PLACES.items() if flag & shown) or "–"
        metric = f"`{figure.metric}`" if figure.metric else "–"
        yield f"| `{name}` | {figure.description} | {figure.unit or '–'} | {where} | {metric} |"


def test_every_figure_of_the_status_is_in_the_reference_as_it_is_declared() -> None:
    page = (DOCS / "reference" / "status.md").read_text()
    assert [row for row in page.splitlines() if row.startswith("| `")] == list(figure_rows())
