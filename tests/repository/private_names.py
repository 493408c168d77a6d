"""The check of private names: finds code that reaches into what belongs to another class, module or library.

A name is private if it begins with one underscore. It may be used on `self`, `cls` and `super()`, and on an object of a
class of the same module if the code says so: by an annotation, by making the object there, or in a comparison
(`__eq__(self, other)`). Run `python -m tests.repository.private_names` to list the findings, with paths after it to
list those of some files or folders.

`mobifai/webrtc` is not checked: it is the one package that may use private parts of its libraries.
"""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SOURCES = ("mobifai", "soak", "profiles", "benchmarks")
EXEMPT = "mobifai/webrtc/"

PRIVATE = re.compile(r"_[a-zA-Z]\w*(?<!__)")
PUBLIC_ALL_THE_SAME = frozenset(
    (
        *("os._exit", "sys._getframe", "sys._current_frames", "sys._clear_type_cache", "sys._clear_internal_caches"),
        *("_replace", "_asdict", "_fields", "_make", "_fields_", "_field_defaults"),  # named tuples, ctypes
    )
)
"""Documented by Python in spite of their names."""
WITHOUT_ALTERNATIVE = {
    "_tracemalloc._get_traces": "`tracemalloc.take_snapshot` copies each trace, too much for a running agent",
    "_PyTraceMalloc_GetTraceback": "no public function returns the traceback of an address",
}
"""Private names of CPython that may be used because nothing public does the same, and why."""
ALLOWED = PUBLIC_ALL_THE_SAME | set(WITHOUT_ALTERNATIVE)
BY_NAME = {
    **dict.fromkeys(("getattr", "setattr", "hasattr", "delattr", "object", "getattr_static"), 1),
    **dict.fromkeys(("__getattribute__", "__setattr__", "__delattr__"), 1),
    **dict.fromkeys(("attrgetter", "methodcaller"), 0),
}
"""Calls that take an attribute by its name, and the position of the name. `object` is `mock.patch.object`."""
BY_PATH = ("patch", "setattr", "delattr")
"""Calls that take `"package.module.name"`: those of `mock` and of pytest's `monkeypatch`."""
OWN = ("self", "cls", "mcs")


class Finding(NamedTuple):
    """A place where code uses a private name that is not its own."""

    file: str
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.name} is private"


def findings(paths: Sequence[Path] = ()) -> Iterator[Finding]:
    """Yield the findings of all product files, or of those given, by file and line."""
    for path in paths or files():
        file = path.resolve().relative_to(ROOT).as_posix()
        for line, name in private_uses(path.read_text()):
            yield Finding(file, line, name)


def files() -> list[Path]:
    """Return the files that are checked."""
    found = sorted(path for source in SOURCES for path in (ROOT / source).rglob("*.py"))
    return [path for path in found if not path.relative_to(ROOT).as_posix().startswith(EXEMPT)]


def private_uses(source: str) -> list[tuple[int, str]]:
    """Return the line and the name of each use of a private name that is not the module's own."""
    tree = ast.parse(source)
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    first = _Visitor(classes, set())
    first.visit(tree)
    second = _Visitor(classes, first.attributes)  # methods may use what a later one sets
    second.visit(tree)
    return sorted(second.found)


def is_private(name: object) -> bool:
    """Return whether a name is private by convention; `__name__` is not, nor is `_`."""
    return isinstance(name, str) and PRIVATE.fullmatch(name) is not None and name not in ALLOWED


class _Visitor(ast.NodeVisitor):
    """Collects findings, and the `attributes` of `self` that hold objects of the module's own classes.

    `_objects` are the names of such objects in each scope, the innermost last.
    """

    def __init__(self, classes: set[str], attributes: set[str]) -> None:
        self.found: list[tuple[int, str]] = []
        self.attributes = set(attributes)
        self._classes = classes
        self._objects: list[set[str]] = [set()]

    # -- whose an object is

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        own = {one.arg for one in arguments if one.annotation is not None and self._is_own_type(one.annotation)}
        if re.fullmatch(r"__\w+__", node.name):
            own |= {one.arg for one in arguments if one.arg == "other"}
        self._objects.append(self._objects[-1] | own)
        self.generic_visit(node)
        self._objects.pop()

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - a name of ast

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._assigned(target, is_own=self._is_own(node.value))
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._assigned(node.target, is_own=self._is_own_type(node.annotation))
        self.generic_visit(node)

    def _assigned(self, target: ast.expr, *, is_own: bool) -> None:
        if isinstance(target, ast.Name):
            (self._objects[-1].add if is_own else self._objects[-1].discard)(target.id)
        elif is_own and isinstance(target, ast.Attribute) and getattr(target.value, "id", "") in OWN:
            self.attributes.add(target.attr)

    def visit_withitem(self, node: ast.withitem) -> None:
        if isinstance(node.optional_vars, ast.Name) and self._makes_own(node.context_expr):
            self._objects[-1].add(node.optional_vars.id)
        self.generic_visit(node)

    def _is_own_type(self, annotation: ast.expr) -> bool:
        text = annotation.value if isinstance(annotation, ast.Constant) else ast.unparse(annotation)
        return bool({"Self", *self._classes} & set(re.findall(r"\w+", str(text))))

    def _makes_own(self, value: ast.expr) -> bool:
        if isinstance(value, ast.Await):
            return self._makes_own(value.value)
        if not isinstance(value, ast.Call):
            return False
        called = value.func
        if value.args and (getattr(called, "attr", "") == "__new__" or getattr(called, "id", "") == "copy"):
            return self._is_own(value.args[0])
        while isinstance(called, ast.Attribute):
            called = called.value
        return isinstance(called, ast.Name) and (called.id in self._classes or called.id == "cls")

    def _is_own(self, owner: ast.expr) -> bool:
        if isinstance(owner, ast.Name):
            return owner.id in OWN or owner.id in self._objects[-1] or owner.id in self._classes
        if isinstance(owner, ast.Attribute):
            return getattr(owner.value, "id", "") in OWN and owner.attr in self.attributes
        if isinstance(owner, ast.Call):
            called = getattr(owner.func, "id", "")
            is_own_type = called == "type" and len(owner.args) == 1 and self._is_own(owner.args[0])
            return called == "super" or is_own_type or self._makes_own(owner)
        return False

    # -- what is used

    def visit_Attribute(self, node: ast.Attribute) -> None:
        full = ast.unparse(node)
        if is_private(node.attr) and full not in ALLOWED and not self._is_own(node.value):
            self.found.append((node.lineno, node.attr))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        texts = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
        at = BY_NAME.get(called)
        if at is not None and len(texts) > at and not (at == 1 and self._is_own(node.args[0])):
            self._named(node, texts[at])
        if called in BY_PATH and texts and "." in str(texts[0]):
            self._named(node, texts[0])
        self.generic_visit(node)

    def _named(self, node: ast.AST, name: object) -> None:
        """Take the name of an attribute, or a path that ends in one."""
        if is_private(str(name).rpartition(".")[2]):
            self.found.append((getattr(node, "lineno", 0), str(name)))

    def visit_MatchClass(self, node: ast.MatchClass) -> None:
        if not self._is_own(node.cls):
            self.found += [(node.lineno, name) for name in node.kwd_attrs if is_private(name)]
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        is_dict = isinstance(node.value, ast.Attribute) and node.value.attr == "__dict__"
        is_vars = isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "vars"
        owner = node.value.value if is_dict else node.value.args[0] if is_vars and node.value.args else None
        if owner is not None and isinstance(node.slice, ast.Constant) and not self._is_own(owner):
            self._named(node, node.slice.value)
        self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self.found += [(node.lineno, one.name) for one in node.names if is_private(one.name)]

    def visit_Tuple(self, node: ast.Tuple) -> None:
        """An object and the name of what is wrapped there: `return agent.links, "_begin"`."""
        for owner, name in zip(node.elts, node.elts[1:], strict=False):
            if (
                isinstance(owner, ast.Attribute | ast.Name)
                and isinstance(name, ast.Constant)
                and not self._is_own(owner)
            ):
                self._named(name, name.value)
        self.generic_visit(node)


if __name__ == "__main__":
    given = [Path(one) for one in sys.argv[1:]]
    for each in findings([path for one in given for path in (one.rglob("*.py") if one.is_dir() else [one])]):
        print(each)
