"""Reads the file of a memray window, and finds the lines of code whose allocations still existed at the window's end.

Reading takes a lot of memory, which must not count as growth of the harness. So `leaked_lines` runs this module as a
separate process: `python -m soak.gauges.leaked_lines FILE`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from soak.harness.child_environment import helper_environment, module_command
from soak.harness.helper_process import HelperTimeout, run_helper

MOST_LINES = 10
SECONDS = 60.0


async def leaked_lines(file: Path, temporary: Path) -> list[dict[str, Any]]:
    """Return the lines of code that kept the most memory in a memray window; [] if the window can't be read.

    Each line is a dictionary: `line` is the text `FILE:LINE FUNCTION`, `bytes` is the memory that was still allocated
    at the end of the window, and `allocations` is the number of these allocations. There are at most MOST_LINES lines.

    `temporary` is the temporary directory of the process that reads the window. If the harness is killed,
    `soak.harness.cleanup` recognizes that process by this directory, and kills it.
    """
    command = module_command("soak.gauges.leaked_lines", str(file.absolute()))
    environment = helper_environment(temporary)
    try:
        result = await run_helper(command, environment=environment, folder=temporary, timeout=SECONDS)
    except HelperTimeout:
        return []
    return list(json.loads(result.output)) if result.status == 0 else []


def read(file: Path) -> list[dict[str, Any]]:
    """Return what `leaked_lines` returns, but read the window in this process. Raises the errors of memray."""
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
