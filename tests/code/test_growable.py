"""Every container outside `bounds/` that can grow has a comment on its bound.

The scan finds containers that outlive a call: attributes and module names that are assigned an empty or growable
container, queues without a size, caches without a size. A container is accepted if its line has the word `bounded` and
the reason.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import mobifai

PACKAGE = Path(mobifai.__file__).parent
GROWABLE_CALLS = {
    "dict", "list", "set", "deque", "defaultdict", "Counter", "OrderedDict", "bytearray", "BytesIO", "StringIO",
    "Queue", "LifoQueue", "PriorityQueue", "SimpleQueue", "WeakSet", "WeakKeyDictionary", "WeakValueDictionary",
}  # fmt: skip
CACHES = {"cache", "lru_cache", "cached_property"}


def calls(node: ast.expr) -> str:
    """Return the last name of the called function, or an empty text."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def is_growable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.List | ast.Dict | ast.Set):
        return not ast.unparse(value).strip("[]{}")  # one with entries is a constant, or is replaced as a whole
    if isinstance(value, ast.Call) and calls(value) == "field":
        return any(
            keyword.arg == "default_factory" and calls(keyword.value) in GROWABLE_CALLS for keyword in value.keywords
        )
    if not isinstance(value, ast.Call) or calls(value) not in GROWABLE_CALLS:
        return False
    return not any(keyword.arg in ("maxsize", "maxlen") for keyword in value.keywords)


def outlives_a_call(target: ast.expr, at_module: bool) -> bool:
    return isinstance(target, ast.Attribute) or (at_module and isinstance(target, ast.Name))


def findings(source: str) -> Iterator[int]:
    """Return the lines of growable containers that outlive a call."""
    tree = ast.parse(source)
    top = {id(node) for node in tree.body}
    top |= {id(node) for one in ast.walk(tree) if isinstance(one, ast.ClassDef) for node in one.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation).startswith("Mapping"):
                continue  # nothing is added to it
            if is_growable(node.value) and any(outlives_a_call(target, id(node) in top) for target in targets):
                yield node.lineno
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if calls(decorator) in CACHES - {"cached_property"} and "maxsize" not in ast.unparse(decorator):
                    yield node.lineno


def test_every_growable_container_is_in_bounds_or_says_what_bounds_it() -> None:
    unbounded = []
    for file in sorted(PACKAGE.rglob("*.py")):
        if file.is_relative_to(PACKAGE / "bounds"):
            continue
        source = file.read_text()
        lines = source.splitlines()
        for number in findings(source):
            if "bounded" not in lines[number - 1] and "bounded" not in lines[number - 2]:
                unbounded.append(f"{file.relative_to(PACKAGE.parent)}:{number}: {lines[number - 1].strip()}")
    assert not unbounded, "\n".join(unbounded)


def test_the_scan_finds_what_it_is_for() -> None:
    planted = [
        "class A:\n    def __init__(self):\n        self.seen = {}",
        "class A:\n    seen: list[int] = []",
        "CACHE = dict()",
        "import asyncio\nclass A:\n    def __init__(self):\n        self.q = asyncio.Queue()",
        "from collections import deque\nclass A:\n    def __init__(self):\n        self.d = deque()",
        "import functools\n@functools.cache\ndef f(x): return x",
        "import functools\nclass A:\n    @functools.lru_cache(None)\n    def f(self, x): return x",
        "from dataclasses import field\nclass A:\n    notes: dict[str, int] = field(default_factory=dict)",
    ]
    assert [source for source in planted if not list(findings(source))] == []


def test_the_scan_lets_bounded_and_passing_things_be() -> None:
    fine = [
        "def f():\n    seen = {}\n    return seen",
        "import asyncio\nclass A:\n    def __init__(self):\n        self.q = asyncio.Queue(maxsize=4)",
        "from collections import deque\nclass A:\n    def __init__(self):\n        self.d = deque(maxlen=4)",
        "NAMES = {'a': 1}",
    ]
    assert [source for source in fine if list(findings(source))] == []
