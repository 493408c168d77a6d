"""What keeps a process from keeping what it should: one sentence for each thing, in the log and in `mobifai status`."""

import logging
import time
from collections.abc import Callable, Iterator

_log = logging.getLogger(__name__)

QUIET_SECONDS = 600.0
"""A problem that comes and goes is logged so often."""


class Problems:
    """The problems that there are now, by what they are about (a file's name, say)."""

    def __init__(self, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet = quiet
        self._clock = clock
        self._known: dict[str, str] = {}  # bounded: one for each file and socket of the product
        self._logged: dict[str, float] = {}  # bounded as above

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._known.values()))

    def report(self, what: str, text: str) -> None:
        """There is a problem. It is logged unless it was known, also in other words."""
        is_news = what not in self._known and self._clock() - self._logged.get(what, float("-inf")) > QUIET_SECONDS
        self._known[what] = text
        if is_news and not self._quiet:
            self._logged[what] = self._clock()
            _log.warning("%s", text)

    def clear(self, what: str) -> None:
        """There is none any more."""
        if self._known.pop(what, None) is not None and not self._quiet:
            _log.info("%s can be written again, and has all that it should", what)
