"""The smallest possible cost of an agent's start: bare interpreters that only import the libraries an agent needs.

`python benchmarks/footprint.py [ROUNDS]` prints for each step the seconds until it is ready and its memory (PSS; Linux
only), the smallest values of all rounds. Then it prints the same for keeper and agent of `mobifai serve`: the time
until the ready file exists, and the memory two seconds later. The steps take turns, so that other load on the machine
affects all of them.
"""

import functools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

STEPS = {
    "interpreter, without site": ("-I", "-S"),
    "interpreter": (),
    "and asyncio on uvloop": ("import asyncio, uvloop; uvloop.new_event_loop()",),
    "and aiohttp.web": ("import asyncio, uvloop, aiohttp.web; uvloop.new_event_loop()",),
    "and aiortc, without media": (
        "import asyncio, uvloop, aiohttp.web; uvloop.new_event_loop(); "
        "from mobifai.webrtc import loader; loader.import_aiortc()",
    ),
}
"""For each step, the options of Python, or a line of code that it runs.

HTTP is needed at the first connection, WebRTC at the first pairing.
"""

SETTLED_SECONDS = 2.0
START_SECONDS = 30.0

StartCost = tuple[float, float]
"""The cost of a start: the seconds until it is ready, and its memory in MB."""


def main() -> None:
    """Measure all steps and `mobifai serve`, and print a table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    measures: dict[str, Callable[[], StartCost]] = {
        name: functools.partial(step, words) for name, words in STEPS.items()
    }
    measures["mobifai serve"] = serve
    found: dict[str, list[StartCost]] = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    for name, figures in found.items():
        seconds, memory = (min(column) for column in zip(*figures, strict=True))
        print(f"{name:40} {seconds:6.3f} s {memory:6.1f} MB")


def step(words: tuple[str, ...]) -> StartCost:
    """Start an interpreter with the options, or the line of code, in `words`, and measure the cost of its start."""
    options = [word for word in words if word.startswith("-")]
    code = [*(word for word in words if not word.startswith("-")), "print(flush=True)", "import sys; sys.stdin.read()"]
    began = time.monotonic()
    with running([sys.executable, *options, "-c", "\n".join(code)]) as process:
        assert process.stdout is not None  # noqa: S101
        process.stdout.readline()
        return time.monotonic() - began, memory_of(process.pid)


def serve() -> StartCost:
    """Start `mobifai serve` with a new state directory, and measure the cost of its start."""
    with tempfile.TemporaryDirectory(prefix="mobifai-footprint-") as folder:
        ready = Path(folder) / "ready.json"
        words = ["serve", "--port", "0", "--state-dir", f"{folder}/state", "--ready-file", str(ready)]
        began = time.monotonic()
        with running([sys.executable, "-m", "mobifai", *words]) as process:
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > began + START_SECONDS:
                    raise SystemExit(f"expected `mobifai {' '.join(words)}` to become ready; it did not")
                time.sleep(0.002)
            seconds = time.monotonic() - began
            json.loads(ready.read_text())
            time.sleep(SETTLED_SECONDS)
            return seconds, memory_of(process.pid)


@contextmanager
def running(words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process with these words as its command line. It is ended at the end of this scope."""
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603
        try:
            yield process
        finally:
            process.terminate()


def memory_of(pid: int) -> float:
    """Return the memory of a process and its children in MB (PSS: shared pages count in part)."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(process.memory_full_info().pss for process in family) / 1e6


if __name__ == "__main__":
    main()
