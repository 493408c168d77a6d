"""Finds functions, and lines that add to a container, in source files. Keeps a bounded cache of parsed files."""

import ast
import functools
from pathlib import Path
from typing import Final

from profiles.attribution.frames import Frame
from profiles.results import CodeLocation

MOST_BYTES = 4 << 20
"""Largest file that is parsed, in bytes. Larger files are generated code."""


def locate(frame: Frame) -> CodeLocation:
    """Return the location of a line, with the qualified name of the innermost function around it.

    The name is empty if the file can't be parsed, or if the line is in no function.
    """
    file, line = frame
    inside = [span for span in _functions(file) if span[0] <= line <= span[1]]
    return CodeLocation(file, line, max(inside, default=(0, 0, ""))[2])


def function(frame: Frame) -> tuple[str, str]:
    """Return the file of a line, and the qualified name of the function around it.

    Unlike a line number, this pair stays the same if lines are added above.
    """
    return frame[0], locate(frame).function


INSERTING_METHODS: Final = frozenset(
    {"add", "append", "appendleft", "extend", "insert", "put_nowait", "setdefault", "update"}
)
"""Names of methods that add to a container."""


def insertion_lines(file: str, attribute: str) -> list[int]:
    """Return the numbers of the lines of a file that add to the container in a variable or attribute `attribute`."""
    nodes = (node for node in ast.walk(_tree(file)) if isinstance(node, ast.expr | ast.stmt))
    return sorted({node.lineno for node in nodes if _adds(node, attribute)})


def _adds(node: ast.AST, attribute: str) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr=method, value=owner)) if method in INSERTING_METHODS:
            return _is_named(owner, attribute)
        case ast.Assign(targets=targets):
            return any(isinstance(one, ast.Subscript) and _is_named(one.value, attribute) for one in targets)
        case ast.AugAssign(target=target):
            return _is_named(target, attribute)
    return False


def _is_named(node: ast.AST, name: str) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == name) or (isinstance(node, ast.Name) and node.id == name)


@functools.lru_cache(maxsize=512)
def _functions(file: str) -> tuple[tuple[int, int, str], ...]:
    """Return (first line, last line, qualified name) for each function of a file.

    A nested function comes after the function that contains it.
    """
    return tuple(_spans(_tree(file), ""))


@functools.lru_cache(maxsize=64)
def _tree(file: str) -> ast.Module:
    """Return the syntax tree of a file, or an empty one if the file can't be read or parsed, or is too large."""
    try:
        source = Path(file)
        return ast.parse(source.read_bytes()) if source.stat().st_size <= MOST_BYTES else ast.Module([], [])
    except (OSError, SyntaxError, ValueError):
        return ast.Module([], [])


def _spans(node: ast.AST, prefix: str) -> list[tuple[int, int, str]]:
    found = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{child.name}"
            if not isinstance(child, ast.ClassDef):
                first = min([child.lineno, *(one.lineno for one in child.decorator_list)])
                found.append((first, child.end_lineno or child.lineno, name))
            found += _spans(child, f"{name}.")
        else:
            found += _spans(child, prefix)
    return found
