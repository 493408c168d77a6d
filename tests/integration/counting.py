"""A program that counts aloud until somebody presses Enter, and what of it a phone shows.

No shell's loop with Ctrl-C: a shell may miss it in the moment in which it starts another program.
"""

import re
import sys
from pathlib import Path

from soak.phone.interface import PhoneInterface

PROGRAM = """
import select, sys
for number in range(1, 10_000_000):
    print(f"n{number}", flush=True)
    if select.select([sys.stdin], [], [], 0.0005)[0]:
        break
print(f"counted to {number}.")
"""
"""Some thousand numbers a second."""


async def start_counting(phone: PhoneInterface, terminal: str, directory: Path) -> None:
    """Have a terminal count."""
    program = directory / "counting.py"
    program.write_text(PROGRAM)
    await phone.type(terminal, f"{sys.executable} {program}\r")


async def stop_counting(phone: PhoneInterface, terminal: str) -> list[int]:
    """Stop it, and return all numbers that the phone showed, once it has the last one."""
    await phone.type(terminal, "\r")
    text = await phone.wait_output(terminal, lambda text: re.search(r"counted to \d+\.", text) is not None)
    said = re.search(r"counted to (\d+)\.", text)
    assert said is not None
    shown = numbers(text)
    assert shown[-1] == int(said[1])
    return shown


def numbers(text: str) -> list[int]:
    """The whole numbers counted aloud."""
    return [int(found) for found in re.findall(r"n(\d+)\r?\n", text)]
