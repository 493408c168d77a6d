"""The file that the benchmarks print: the same bytes on every machine, with characters of one to four bytes."""

import hashlib
from pathlib import Path

import msgspec

LINE = "{number:012d} 0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJ é 漢字 🙂 {check}\n"
LINES_AT_ONCE = 10_000


class Payload(msgspec.Struct, frozen=True):
    """A file, its size in bytes, and the SHA-256 of its contents in hex."""

    path: Path
    size: int
    sha256: str


def write(path: Path, size: int) -> Payload:
    """Write a file of at least `size` bytes that ends with a newline, and return it as a Payload."""
    digest, written, number = hashlib.sha256(), 0, 0
    with path.open("wb") as file:
        while written < size:
            line = _line(number)
            many = min(LINES_AT_ONCE, -(-(size - written) // len(line)))
            block = b"".join(_line(number + at) for at in range(many))
            digest.update(block)
            written, number = written + file.write(block), number + many
    return Payload(path, written, digest.hexdigest())


def _line(number: int) -> bytes:
    check = f"{number * 2654435761 % (1 << 32):08x}"  # lines that are near each other differ
    return LINE.format(number=number, check=check).encode()
