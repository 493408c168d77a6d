"""Which MobiFai an agent under test is: the one that runs the harness, or another one laid out beside it."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Installation:
    """`python` starts it; `path`, when there is one, is where `import mobifai` finds it before any other.

    With `seed` strings have the same hashes in every process, and dictionaries the same layout.
    """

    python: str = sys.executable
    path: Path | None = None
    seed: int | None = None

    @property
    def command(self) -> list[str]:
        """`mobifai`, as words."""
        return [self.python, "-m", "mobifai"]

    def environment(self, usual: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The variables that its processes get. The working directory stands in for nothing when there is a path."""
        found = dict(usual)
        if self.path is not None:
            found.update(PYTHONPATH=str(self.path), PYTHONSAFEPATH="1")
        if self.seed is not None:
            found["PYTHONHASHSEED"] = str(self.seed)
        return found


HERE = Installation()
"""The one that runs the harness."""
