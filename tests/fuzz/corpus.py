"""The stored inputs: those of the repository, and those that this checkout's runs have found interesting.

An input is interesting if its kind of answer is new, because then it has reached code that others have not. This module
owns the folder of stored inputs.
"""

import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

STORED = Path(__file__).with_name("corpus")
MOST_KEPT = 30
"""The most inputs that one run stores for each target."""
LONGEST = 1024
"""The most bytes of a stored input, to keep the corpus small."""
ANSWER = 160

_VARIES = re.compile(rb"[0-9a-f]{8,}|[0-9]+|'[^']*'|`[^`]*`|\\u[0-9a-f]{4}")


def load(target: str, folder: Path) -> list[bytes]:
    """Return the inputs of a target. Runs store theirs in `folder`."""
    files = [file for place in (STORED, folder) for file in sorted((place / target).glob("*"))]
    return [file.read_bytes() for file in files]


def kind_of(answer: bytes) -> str:
    """Return the part that is equal in answers that differ only in names and numbers."""
    return _VARIES.sub(b"#", answer[:ANSWER]).decode(errors="replace")


class Kept:
    """The inputs of one target that one run stores."""

    def __init__(self, target: str, folder: Path) -> None:
        self._folder = folder / target
        self._known: set[str] = set()
        self._count = 0

    def news(self, answers: Iterable[str]) -> set[str]:
        """Return the kinds of answers that are new."""
        new = set(answers) - self._known
        self._known |= new
        return new if self._count < MOST_KEPT else set()

    def keep(self, data: bytes) -> None:
        """Store an input."""
        if len(data) <= LONGEST and self._count < MOST_KEPT:
            self._count += 1
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / sha256(data).hexdigest()[:16]).write_bytes(data)
