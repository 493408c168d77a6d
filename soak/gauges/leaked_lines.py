"""Reads a window of memray's: the lines whose allocations were still there at its end.

A process of its own (`python -m soak.gauges.leaked_lines FILE`), since reading takes memory that the harness must not
grow by.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from soak.harness.child_environment import helper_surroundings, module_command

MOST_LINES = 10
SECONDS = 60.0


async def kept_lines(file: Path, temporary: Path) -> list[dict[str, Any]]:
    """The lines that kept most, as `line`, `bytes`, `allocations`; [] when the window can't be read.

    `temporary` is the directory in a run's folder by which a cleanup finds the process.
    """
    process = await asyncio.create_subprocess_exec(
        *module_command("soak.gauges.leaked_lines", str(file.absolute())),
        env=helper_surroundings(temporary),
        cwd=temporary,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, _ = await process.communicate()
    except TimeoutError:
        return []
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return list(json.loads(out)) if process.returncode == 0 else []


def read(file: Path) -> list[dict[str, Any]]:
    """The same, here. Raises what memray raises."""
    from memray import FileReader  # noqa: PLC0415 - heavy

    totals: dict[str, list[int]] = {}  # bounded by the lines of the program
    with FileReader(str(file)) as reader:
        for record in reader.get_leaked_allocation_records(merge_threads=True):
            function, source, line = next(iter(record.stack_trace(max_stacks=1)), ("?", "?", 0))
            total = totals.setdefault(f"{source}:{line} {function}", [0, 0])
            total[0] += record.size
            total[1] += record.n_allocations
    most = sorted(totals.items(), key=lambda item: -item[1][0])[:MOST_LINES]
    return [{"line": line, "bytes": size, "allocations": number} for line, (size, number) in most]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(read(Path(sys.argv[1]))))
