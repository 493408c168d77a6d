"""Identifies the gate's workload by a digest of the plan, and of the code that drives and counts the agents.

Figures that were measured with different workloads can't be compared. Comments and docstrings do not change the digest.
"""

import ast
import hashlib
import io
import tokenize
from pathlib import Path
from typing import Final

import soak
from profiles.gate.figures import FIGURES
from profiles.gate.trial import WARM_UP
from soak.run.plan import QUICK_BLOCKS, SoakPlan

SOURCES: Final = (
    *("scenarios", "shell", "inside"),
    *("phone/expected_output.py", "run/scenario_run.py", "gauges/quiescence.py"),
)
"""The parts of the package `soak` that drive an agent and count it, as paths in the package."""


def workload_of(plan: SoakPlan) -> str:
    """Return the digest of a soak plan and of the code that runs it, as 16 hexadecimal digits."""
    digest = hashlib.sha256(repr((plan.scenarios, plan.seed, plan.time_scale, plan.phones)).encode())
    digest.update(repr((QUICK_BLOCKS, WARM_UP, sorted(FIGURES))).encode())
    home = Path(str(soak.__file__)).parent
    for part in SOURCES:
        for file in sorted((home / part).rglob("*")) if (home / part).is_dir() else [home / part]:
            if file.suffix == ".py":
                digest.update(code_of(file.read_text(encoding="utf-8")).encode())
            elif file.suffix == ".sh":
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def code_of(source: str) -> str:
    """Return the source text of a Python module without its comments, docstrings and blank lines."""
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or node.lineno) - node.lineno + 1)
    return "\n".join(line.rstrip() for line in lines if line.strip())
