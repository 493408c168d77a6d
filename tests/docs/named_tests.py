"""The tests that a page of the documentation names, and the rows of its tables."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def defined(file: Path) -> set[str]:
    """Return the names that pytest finds in a file, or none without a file."""
    if not file.exists():
        return set()
    names = set[str]()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ClassDef):
            names.add(node.name)
    return {name for name in names if name.lower().startswith("test")}


def missing(page: Path) -> list[str]:
    """Return the tests that a page names and that do not exist."""
    named = NAMED.findall(page.read_text())
    return [f"{file}::{name}" for file, name in named if name not in defined(ROOT / file)]


def rows(page: Path, *heads: str) -> list[str]:
    """Return the rows of a page's tables, without the heads, which begin with this text."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    return [line for line in lines if "| --- |" not in line and not line.startswith(heads)]
