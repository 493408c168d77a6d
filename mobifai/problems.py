"""The current problems of a process, mostly data that it can't store. The log and `mobifai status` show them."""

import logging
import time
from collections.abc import Callable, Iterator

_log = logging.getLogger(__name__)

QUIET_SECONDS = 600.0
"""The minimum interval in seconds between two log entries about the same subject."""


class Problems:
    """The current problems of a process: at most one sentence for each subject. With `quiet`, nothing is logged.

    A subject is a name that `report` gets, such as a file's name. Iterating yields the sentences.
    """

    def __init__(self, *, quiet: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._quiet = quiet
        self._clock = clock
        self._known: dict[str, str] = {}  # bounded: one for each file and socket of the product
        self._logged: dict[str, float] = {}  # bounded as above

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._known.values()))

    def report(self, what: str, text: str) -> None:
        """Record the problem `text` of the subject `what`, in place of the subject's earlier problem.

        Log the problem, unless the subject already has one, or was logged in the last QUIET_SECONDS.
        """
        is_news = what not in self._known and self._clock() - self._logged.get(what, float("-inf")) > QUIET_SECONDS
        self._known[what] = text
        if is_news and not self._quiet:
            self._logged[what] = self._clock()
            _log.warning("%s", text)

    def clear(self, what: str) -> None:
        """Remove the problem of a subject, if it has one, and log that it is solved."""
        if self._known.pop(what, None) is not None and not self._quiet:
            _log.info("%s can be written again; nothing is missing in it", what)
