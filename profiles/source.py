"""The names of functions by file and line, from the source. Owns a cache of parsed files, bounded by their number."""

import ast
import functools
from pathlib import Path

from profiles.frames import Frame
from profiles.results import Place

MOST_BYTES = 4 << 20
"""A larger file has been made by a program; its functions have no names here."""


def place(frame: Frame) -> Place:
    """A line with the qualified name of the innermost function around it; without one where there is no source."""
    file, line = frame
    inside = [span for span in _functions(file) if span[0] <= line <= span[1]]
    return Place(file, line, max(inside, default=(0, 0, ""))[2])


def function(frame: Frame) -> tuple[str, str]:
    """The file and the function of a line: what stays the same when lines move."""
    return frame[0], place(frame).function


@functools.lru_cache(maxsize=512)
def _functions(file: str) -> tuple[tuple[int, int, str], ...]:
    """(first line, last line, qualified name) of each function; of two nested ones the inner begins later."""
    try:
        source = Path(file)
        tree = ast.parse(source.read_bytes()) if source.stat().st_size <= MOST_BYTES else ast.Module([], [])
    except (OSError, SyntaxError, ValueError):
        return ()
    return tuple(_spans(tree, ""))


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
