"""The lives of the agent, as its keeper counts them, and what follows from the end of one.

Standard library only, no I/O; times are monotonic seconds.
"""

import signal

from mobifai.terminals.keeper_protocol import RESTART_STATUS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SHORT_LIFE_SECONDS = 10.0
"""An agent that served for less than that counts as a failure, and the next one starts later."""

FIRST_DELAY = 0.1
LONGEST_DELAY = 60.0
_MOST_DOUBLINGS = 10

PROBLEM_CHARACTERS = 2000


class RestartState:
    """What is known of the agent: when it started, when it was last heard, and why it ended.

    `start_at` is when the next one starts: None while one runs, or once none is to start. `problem` is why there is no
    agent that serves, in a sentence; empty while one does.
    """

    def __init__(self) -> None:
        self.started = 0.0
        self.heard = 0.0
        self.count = 0
        self.failures = 0
        self.start_at: float | None = 0.0
        self.problem = ""
        self.notes: dict[str, Any] = {}  # bounded: the agent notes its port, nothing else
        self._last_words = ""
        self._serves = self._is_replaced = False
        self._has_served = False

    @property
    def is_serving(self) -> bool:
        """Whether the agent that runs has said that it serves."""
        return self._serves

    def begin(self, now: float) -> None:
        """An agent started."""
        self.start_at = None
        self.started = self.heard = now
        self.count += 1
        self._last_words = ""
        self._serves = self._is_replaced = False

    def serve(self) -> None:
        """The agent serves."""
        self._serves = self._has_served = True
        self.problem = ""

    def replace(self) -> None:
        """Note that the agent is ended because a person asks for another."""
        self._is_replaced = True

    def fail(self, reason: str) -> None:
        """Note what the agent says of its own end."""
        self._last_words = reason[:PROBLEM_CHARACTERS]

    def end(self, status: int, now: float, *, has_shells: bool) -> int | None:
        """Plan what follows when an agent ends with `status` (of a signal: negative).

        Return the keeper's own exit status if nothing follows: the very first agent refused to start, as with a bad
        option, and there is no shell that needs another. Otherwise `start_at` is set.
        """
        if self._serves and (status == RESTART_STATUS or self._is_replaced):
            self.failures = 0
            self.start_at = now
            return None
        self.problem = self._last_words or f"it ended by {status_name(status)}{_hint(status)}"
        if status >= 0 and not self._has_served and not has_shells:
            return status
        lasted = self._serves and now - self.started >= SHORT_LIFE_SECONDS
        self.failures = 1 if lasted else self.failures + 1
        self.start_at = now + min(FIRST_DELAY * 2 ** min(self.failures, _MOST_DOUBLINGS), LONGEST_DELAY)
        return None

    def not_started(self, error: Exception, now: float) -> None:
        """Try again later: the system did not give us a process."""
        self.failures += 1
        self.problem = f"it can't be started: {error}"
        self.start_at = now + min(FIRST_DELAY * 2 ** min(self.failures, _MOST_DOUBLINGS), LONGEST_DELAY)


def _hint(status: int) -> str:
    return ", which the system also sends when memory runs out" if status == -signal.SIGKILL else ""


def status_name(status: int) -> str:
    """The name of an exit status, or of the signal that it stands for."""
    if status >= 0:
        return f"status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:  # a real-time signal
        return f"signal {-status}"
