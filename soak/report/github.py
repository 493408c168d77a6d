"""Output for GitHub's runner: annotations and the summary page of a job."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import click

from soak.report.text import one_line

Level = Literal["error", "warning", "notice"]

MOST_ANNOTATIONS: Final = 10
"""Most annotations of each level that GitHub shows for a step."""


def annotation(level: Level, title: str, message: str, file: str = "", line: int = 0) -> str:
    """Return an annotation in the form that GitHub's runner reads: `::error file=...,line=...,title=...::message`.

    Delimiters in the values are escaped.
    """
    where = f"file={_property(file)},line={line}," if file else ""
    return f"::{level} {where}title={_property(title)}::{_data(message)}"


def publish(annotations: Iterable[str], page: str, *, as_json: bool, environ: Mapping[str, str] = os.environ) -> None:
    """Print annotations and add a page to the job's summary, if this process runs on GitHub's runner.

    With `as_json`, annotations are printed to standard error, because standard output has the JSON. A summary that
    can't be written is reported on standard error and does not change the result.
    """
    if environ.get("GITHUB_ACTIONS") == "true":
        for line in annotations:
            click.echo(line, err=as_json)
    if file := environ.get("GITHUB_STEP_SUMMARY"):
        _add_to(Path(file), page)


def _add_to(file: Path, page: str) -> None:
    try:
        with file.open("a", encoding="utf-8") as summary:
            summary.write(page + "\n")
    except OSError as error:
        click.echo(f"{file}: the job's summary can't be written ({error.strerror})", err=True)


def _data(text: str) -> str:
    return one_line(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
