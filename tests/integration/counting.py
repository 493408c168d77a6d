"""A program that prints numbers until Enter is pressed, and the numbers that a phone shows.

A loop of the shell would not do: the shell may miss Ctrl-C while it starts another program.
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
    """Start counting in a terminal."""
    program = directory / "counting.py"
    program.write_text(PROGRAM)
    await phone.type(terminal, f"{sys.executable} {program}\r")


async def stop_counting(phone: PhoneInterface, terminal: str) -> list[int]:
    """Stop counting, and return all numbers that the phone showed, once it has the last one."""
    await phone.type(terminal, "\r")
    text = await phone.wait_output(terminal, lambda text: re.search(r"counted to \d+\.", text) is not None)
    said = re.search(r"counted to (\d+)\.", text)
    assert said is not None
    shown = numbers(text)
    assert shown[-1] == int(said[1])
    return shown


def numbers(text: str) -> list[int]:
    """Return the numbers in a text of whole lines."""
    return [int(found) for found in re.findall(r"n(\d+)\r?\n", text)]
