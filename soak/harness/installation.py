"""Which MobiFai an agent under test is: the one that runs the harness, or another one laid out beside it."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from soak.harness.child_environment import child_environment


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
        return [self.python, "-P", "-m", "mobifai"]

    def environment(self, folder: Path, usual: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The variables that its processes get, whose home and temporary directory are in `folder`."""
        found = child_environment(folder, usual)
        if self.path is not None:
            found["PYTHONPATH"] = str(self.path)
        if self.seed is not None:
            found["PYTHONHASHSEED"] = str(self.seed)
        return found

    def helper_environment(self, temporary: Path) -> dict[str, str]:
        """The variables of a helper process of it, whose home and temporary directory is `temporary`."""
        return {**self.environment(temporary), "HOME": str(temporary), "TMPDIR": str(temporary)}


HERE = Installation()
"""The one that runs the harness."""
