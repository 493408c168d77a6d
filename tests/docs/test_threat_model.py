"""Every test that the threat model names is there, and every claim names one."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "threat-model.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def defined(file: Path) -> set[str]:
    """The names that pytest finds in a file."""
    names = set[str]()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {name for name in names if name.lower().startswith("test")}


def test_every_test_that_is_named_is_there() -> None:
    named = NAMED.findall(PAGE.read_text())
    assert len(named) > 30
    gone = [f"{file}::{name}" for file, name in named if name not in defined(ROOT / file)]
    assert gone == []


def test_every_claim_in_a_table_names_a_test() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and " can't | test |" not in line]
    claims = [row for row in rows if "| --- |" not in row and not row.startswith(("| can't |", "| after "))]
    assert len(claims) > 20
    assert [row for row in claims if not NAMED.search(row)] == []


def test_a_test_that_is_not_there_would_be_seen() -> None:
    assert "test_nowhere" not in defined(Path(__file__))
    assert "test_every_test_that_is_named_is_there" in defined(Path(__file__))
