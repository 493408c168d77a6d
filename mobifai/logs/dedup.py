"""Deduplication of log messages. Repeats are counted, and summarized once a minute.

Owns the counts of a limited number of message kinds. This module does no I/O: before each message, its caller writes
the summaries that `due` yields, and then the message if `admit` returns True.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from mobifai.bounds import Bound, BoundedMap
from mobifai.logs.formatting import MessageKind

WINDOW_SECONDS = 60.0
_MOST_TEXT = 200


@dataclass(frozen=True, slots=True)
class RepeatSummary:
    """A kind of message that was repeated `count` times in `seconds`.

    `message` is the text of the last repeat, shortened to one line.
    """

    kind: MessageKind
    message: str
    count: int
    seconds: float

    def __str__(self) -> str:
        minutes = max(1, round(self.seconds / 60))
        when = "the last minute" if minutes == 1 else f"the last {minutes} minutes"
        return f"{self.message} ... repeated {self.count} time{'s' * (self.count != 1)} in {when}"


@dataclass(frozen=True, slots=True)
class _RepeatCount:
    since: float
    count: int = 0
    message: str = ""


class RepeatFilter:
    """Counts the repeats of each kind of message, and yields a summary of them after a minute.

    `clock` is monotonic, in seconds.
    """

    def __init__(self, bound: Bound, clock: Callable[[], float]) -> None:
        self._bound = bound
        self._kinds: BoundedMap[MessageKind, _RepeatCount] = BoundedMap(bound)
        self._clock = clock

    def admit(self, kind: MessageKind, message: str) -> bool:
        """Return True for the first message of its kind, which is to be written.

        Count any other message of the kind, and return False.
        """
        repeats = self._kinds.get(kind)
        if repeats is None:
            self._kinds[kind] = _RepeatCount(self._clock())
            return True
        self._kinds[kind] = replace(repeats, count=repeats.count + 1, message=_excerpt(message))
        return False

    def due(self, coming: MessageKind | None = None) -> Iterator[RepeatSummary]:
        """Yield the summaries that are due.

        These are the summaries of kinds whose minute is over and, if there is no room for the kind `coming`, that of
        the kind that is evicted for it.
        """
        now = self._clock()
        while self._kinds:
            kind, repeats = next(iter(self._kinds.items()))
            if now - repeats.since >= WINDOW_SECONDS:
                self._restart_count(kind, repeats, now)
            elif coming is not None and coming not in self._kinds and not self._bound.room:
                del self._kinds[kind]
                self._bound.evicted(1)
            else:
                return
            if repeats.count:
                yield RepeatSummary(kind, repeats.message, repeats.count, now - repeats.since)

    def _restart_count(self, kind: MessageKind, repeats: _RepeatCount, now: float) -> None:
        """Begin a new minute for a kind of message that was repeated. Forget a kind that was not repeated."""
        del self._kinds[kind]
        if repeats.count:
            self._kinds[kind] = _RepeatCount(now)

    def drain(self) -> Iterator[RepeatSummary]:
        """Yield a summary of the repeats of each kind since its last summary, and clear all counts."""
        now = self._clock()
        while self._kinds:
            kind, repeats = self._kinds.popitem()
            if repeats.count:
                yield RepeatSummary(kind, repeats.message, repeats.count, now - repeats.since)


def _excerpt(message: str) -> str:
    return message.partition("\n")[0][:_MOST_TEXT]
