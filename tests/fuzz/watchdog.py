"""Ends a run whose event loop is blocked, which no time limit within the loop can do."""

import faulthandler
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.fuzz.bounded import kill, processes_of


@contextmanager
def ending_after(seconds: float, folder: Path, last_words: Callable[[], None]) -> Iterator[None]:
    """End this process with status 1, and every process of `folder`, if the scope is not left in time.

    `last_words` is called before, on another thread.
    """
    timer = threading.Timer(seconds, _end, (folder, last_words))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(folder: Path, last_words: Callable[[], None]) -> None:
    try:
        faulthandler.dump_traceback()
        kill(processes_of(folder))
        last_words()
    finally:
        os._exit(1)
