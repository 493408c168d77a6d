"""Reads the output of a terminal that no phone shows, with MobiFai's own code: `reader.py DESCRIPTOR BYTES`.

DESCRIPTOR is the master of the terminal's PTY. Prints the seconds and CPU seconds for BYTES bytes as JSON. `reader.c`
does the same in a plain loop, for comparison. This program is a separate process with the event loop that the agent
uses.
"""

import asyncio
import json
import mmap
import sys
import time

from mobifai.bounds import Ledger
from mobifai.cli.control_client import run
from mobifai.limits import TERMINAL_RING
from mobifai.terminals.shells import Spawned
from mobifai.terminals.spawning import ring_bytes
from mobifai.terminals.terminal import Tab, Terminal

LOOKS = 0.002
"""Seconds between two checks of how many bytes were read."""


async def read(master: int, wanted: int) -> dict[str, float]:
    """Read `wanted` bytes from the PTY `master` into a terminal's ring.

    Return the number of `bytes` read, the elapsed `seconds`, and the CPU seconds (`cpu`).
    """
    ring = mmap.mmap(-1, ring_bytes(TERMINAL_RING.value))
    ended = asyncio.Event()
    start, cpu = time.monotonic(), time.process_time()
    spawned = Spawned(2**30, master, ring)
    terminal = Terminal(Tab("tab", "Tab 1", 1), spawned, Ledger(), lambda _: ended.set())
    while terminal.position < wanted and not ended.is_set():  # noqa: ASYNC110 - a hidden terminal notifies nobody
        await asyncio.sleep(LOOKS)
    took = {"bytes": terminal.position, "seconds": time.monotonic() - start, "cpu": time.process_time() - cpu}
    terminal.close()
    return took


if __name__ == "__main__":
    print(json.dumps(run(read(int(sys.argv[1]), int(sys.argv[2])))))
