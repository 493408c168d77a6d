"""The installation of MobiFai that an agent under test runs: the harness's own, or another revision."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from soak.harness.child_environment import child_environment


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation of MobiFai. `python` is its interpreter. `path`, if given, comes first on the import path.

    `seed`, if given, is the hash seed of Python. With it, strings have the same hashes in every process, so that sets
    and dictionaries have the same layout.
    """

    python: str = sys.executable
    path: Path | None = None
    seed: int | None = None

    @property
    def command(self) -> list[str]:
        """The command `mobifai` as a list of arguments."""
        return [self.python, "-P", "-m", "mobifai"]

    def environment(self, folder: Path, usual: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the environment variables of a process whose home and temporary directory are in `folder`.

        `usual` are the variables of the harness, some of which are copied.
        """
        found = child_environment(folder, usual)
        if self.path is not None:
            found["PYTHONPATH"] = str(self.path)
        if self.seed is not None:
            found["PYTHONHASHSEED"] = str(self.seed)
        return found

    def helper_environment(self, temporary: Path) -> dict[str, str]:
        """Return the variables of a helper process, whose home and temporary directory is `temporary`."""
        return {**self.environment(temporary), "HOME": str(temporary), "TMPDIR": str(temporary)}


HERE = Installation()
"""The installation that runs the harness."""
