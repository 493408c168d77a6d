"""Small programs that the tests run in a terminal of the page: they print their input, and the size of their terminal.

Each is written to a file and runs under the Python of the tests.
"""

import sys
from pathlib import Path

HEARS = """
import os, sys, termios, tty
before = termios.tcgetattr(0)
tty.setraw(0)
os.write(1, sys.argv[1].encode().decode("unicode_escape").encode("latin-1") + b"listening\\r\\n")
try:
    while (read := os.read(0, 4096)) != b"q":
        os.write(1, b"read " + read.hex("-").encode() + b".\\r\\n")
finally:
    termios.tcsetattr(0, termios.TCSADRAIN, before)
    os.write(1, sys.argv[2].encode().decode("unicode_escape").encode("latin-1") + b"read enough\\r\\n")
"""
"""Prints each read in hexadecimal, until that is `q`. Arguments: sequences that set and reset the terminal's modes."""

WATCHES = """
import os, signal
changes = 0
def changed(*_):
    global changes
    changes += 1
    say()
def say():
    size = os.get_terminal_size()
    print(f"{size.columns}x{size.lines} after {changes} changes.", flush=True)
signal.signal(signal.SIGWINCH, changed)
say()
while True:
    signal.pause()
"""
"""Prints its terminal's size, and the number of signals that announced a change."""

COUNTS = """
import select, sys, time
for number in range(1, 10_000_000):
    print(f"n{number}.", flush=True)
    if select.select([sys.stdin], [], [], float(sys.argv[1]))[0]:
        break
print(f"counted to {number}!")
"""
"""Prints increasing numbers until Enter is pressed. Argument: the seconds between two numbers."""

FLOODS = """
import os, sys
line = b"".join(b"a line of very many, number %d\\r\\n" % number for number in range(1000))
for _ in range(int(sys.argv[1]) // len(line)):
    os.write(1, line)
print("the flood is over.")
"""
"""Prints this many bytes."""

TAKES = """
import hashlib, os, sys, termios, tty
before = termios.tcgetattr(0)
tty.setraw(0)
os.write(1, b"takes it\\r\\n")
taken, left = hashlib.sha256(), int(sys.argv[1])
try:
    while left and (read := os.read(0, min(left, 4096))):
        taken.update(read)
        left -= len(read)
finally:
    termios.tcsetattr(0, termios.TCSADRAIN, before)
print(f"took {taken.hexdigest()[:16]}.")
"""
"""Reads this many bytes, and prints the beginning of their SHA-256."""


def command(folder: Path, source: str, *arguments: str) -> str:
    """Return the command line that runs a program, without the Enter."""
    names = {HEARS: "hears", WATCHES: "watches", COUNTS: "counts", FLOODS: "floods", TAKES: "takes"}
    program = folder / f"{names[source]}.py"
    program.write_text(source)
    quoted = " ".join(f"'{argument}'" for argument in arguments)
    return f"{sys.executable} {program} {quoted}".strip()
