"""The documentation is correct: links have a target, and its commands, options and sessions exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mobifai.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
IDS = [str(page.relative_to(ROOT)) for page in PAGES]

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
SESSION = re.compile(r"nox -s ([a-z][\w.-]*)")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    texts = (heading.lower().replace("`", "") for heading in HEADING.findall(page.read_text()))
    return {re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-") for text in texts}


def commands(page: Path) -> Iterator[list[str]]:
    """Return every `mobifai ...` of a page as words, up to the first operator of the shell."""
    text = page.read_text()
    lines = [line.strip().removeprefix("$ ") for block in CODE.findall(text) for line in block.splitlines()]
    lines += INLINE.findall(CODE.sub("", text))
    for line in lines:
        parts = re.split(r"&&|;|\|", re.sub(r"\s#.*", "", line.replace("\\|", "|")))  # a table writes | as \|
        for part in parts:
            words = shlex.split(part.replace("...", "").replace("…", "").replace("'", ""))
            if words and not words[0].endswith("/") and Path(words[0]).name == "mobifai":
                yield words[1:]


def unknown(words: list[str]) -> str:
    """Return the first word that is neither a command nor an option; empty when all are. `COMMAND` stands for any."""
    command: click.Command = cli
    words = words[: words.index("--")] if "--" in words else words
    context = click.Context(command)
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        found = command.get_command(context, words[0].rstrip(",."))
        if found is None:
            return "" if words[0] == "COMMAND" else words[0]
        command, words = found, words[1:]
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help", "--version"}
    given = (word.partition("=")[0] for word in words if word.startswith("--"))
    return next((word for word in given if word not in options), "")


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(CODE.sub("", page.read_text())):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(there), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_command_and_option_is_there(page: Path) -> None:
    wrong = [(" ".join(words), word) for words in commands(page) if (word := unknown(words))]
    assert wrong == []


def test_the_sessions_that_are_named_are_those_that_there_are() -> None:
    source = (ROOT / "noxfile.py").read_text()
    there = {
        name or function.replace("_", "-")
        for name, function in re.findall(r'@nox\.session(?:\((?:name="([\w-]+)")?[^)]*\))?\ndef (\w+)', source)
    }
    named = {name for page in PAGES for name in SESSION.findall(page.read_text())}
    assert named <= there | {"NAME"}
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    assert {name for name in there if f"| `{name}` |" not in contributing} == set()


def test_a_command_or_an_option_that_is_not_there_would_be_seen() -> None:
    assert unknown(["serv"]) == "serv"
    assert unknown(["profile", "gate", "--bass", "main"]) == "--bass"
    assert unknown(["profile", "gate", "--base", "main", "--no-culprits"]) == ""
