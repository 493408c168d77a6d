"""Deduplication of log messages: repeats are counted, and summarized once a minute.

It owns the counts of a bounded number of message kinds. It neither writes nor waits: before each message, the writer
calls `due` and then `admit`.
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

    `message` is the text of the last one, on one line.
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
    """Counts the repeats of each message kind, and yields a summary of them after a minute.

    `clock` is monotonic, in seconds.
    """

    def __init__(self, bound: Bound, clock: Callable[[], float]) -> None:
        self._bound = bound
        self._kinds: BoundedMap[MessageKind, _RepeatCount] = BoundedMap(bound)
        self._clock = clock

    def admit(self, kind: MessageKind, message: str) -> bool:
        """Return True for the first message of its kind, which is to be written. Count any other, and return False."""
        repeats = self._kinds.get(kind)
        if repeats is None:
            self._kinds[kind] = _RepeatCount(self._clock())
            return True
        self._kinds[kind] = replace(repeats, count=repeats.count + 1, message=_excerpt(message))
        return False

    def due(self, coming: MessageKind | None = None) -> Iterator[RepeatSummary]:
        """Yield the summaries that are due: those of kinds whose minute is over, and that of a kind that makes room for
        `coming`.
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
        """Begin a new minute for a message kind that was repeated. Drop a kind that was not."""
        del self._kinds[kind]
        if repeats.count:
            self._kinds[kind] = _RepeatCount(now)

    def drain(self) -> Iterator[RepeatSummary]:
        """Yield a summary for each kind with repeats that no summary has counted yet, and clear all counts."""
        now = self._clock()
        while self._kinds:
            kind, repeats = self._kinds.popitem()
            if repeats.count:
                yield RepeatSummary(kind, repeats.message, repeats.count, now - repeats.since)


def _excerpt(message: str) -> str:
    return message.partition("\n")[0][:_MOST_TEXT]
