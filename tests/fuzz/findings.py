"""The findings of a run, with the inputs that led to them, in files that `--replay` reads."""

import binascii
import json
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(".fuzz")

_PLACE = re.compile(r'File "(.*)", line \d+, in')


@dataclass(frozen=True)
class Finding:
    """One fault, and the inputs that were sent before it, oldest first."""

    target: str
    seed: int
    kind: str
    detail: str
    inputs: tuple[bytes, ...]

    @property
    def signature(self) -> str:
        """Return a key that is equal for equal faults."""
        places = _PLACE.findall(self.detail)
        what = places[-1] if self.kind == "traceback" and places else self.detail[:60]
        return f"{self.target} {self.kind} {what}"


def save(finding: Finding, folder: Path = FOLDER) -> Path:
    """Store a finding."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{finding.target}-{finding.kind}-{finding.seed}"
    number = sum(file.name.startswith(name) for file in folder.iterdir())
    file = folder / f"{name}-{number}.json"
    inputs = [binascii.b2a_base64(data, newline=False).decode() for data in finding.inputs]
    content = {"target": finding.target, "seed": finding.seed, "kind": finding.kind, "detail": finding.detail}
    file.write_text(json.dumps({**content, "inputs": inputs}, indent=1))
    return file


def load(file: Path) -> Finding:
    """Read a finding. Raises ValueError, OSError or KeyError for an invalid file."""
    content = json.loads(file.read_text())
    inputs = tuple(binascii.a2b_base64(text) for text in content.pop("inputs"))
    return Finding(**content, inputs=inputs)


def report(finding: Finding, file: Path) -> str:
    """Return the text to print."""
    shown = "\n".join(f"  {data[:300]!r}" for data in finding.inputs[-3:])
    return (
        f"FOUND {finding.kind} ({finding.target}, seed {finding.seed}, {len(finding.inputs)} inputs)\n"
        f"{finding.detail}\nlast inputs:\n{shown}\nreplay: nox -s fuzz -- --replay {file}"
    )
