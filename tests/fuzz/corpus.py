"""The stored inputs: those of the repository, and those that this checkout's runs have found interesting.

An input is interesting when it is answered as none was before: then it has reached code that others have not. Owns the
folder of kept inputs.
"""

import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

STORED = Path(__file__).with_name("corpus")
MOST_KEPT = 30
"""Inputs that one run keeps for each target."""
LONGEST = 1024
"""Bytes of an input that is kept: the corpus is to stay small."""
ANSWER = 160

_VARIES = re.compile(rb"[0-9a-f]{8,}|[0-9]+|'[^']*'|`[^`]*`|\\u[0-9a-f]{4}")


def load(target: str, folder: Path) -> list[bytes]:
    """The inputs of a target. `folder`: where runs keep theirs."""
    files = [file for place in (STORED, folder) for file in sorted((place / target).glob("*"))]
    return [file.read_bytes() for file in files]


def kind_of(answer: bytes) -> str:
    """Return the part that is equal in answers that differ only in names and numbers."""
    return _VARIES.sub(b"#", answer[:ANSWER]).decode(errors="replace")


class Kept:
    """The inputs of one target that one run keeps."""

    def __init__(self, target: str, folder: Path) -> None:
        self._folder = folder / target
        self._known: set[str] = set()
        self._count = 0

    def news(self, answers: Iterable[str]) -> set[str]:
        """Those kinds of answers that came for the first time."""
        new = set(answers) - self._known
        self._known |= new
        return new if self._count < MOST_KEPT else set()

    def keep(self, data: bytes) -> None:
        """Write an input down."""
        if len(data) <= LONGEST and self._count < MOST_KEPT:
            self._count += 1
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / sha256(data).hexdigest()[:16]).write_bytes(data)
