"""The state of restarts: when the keeper starts the next agent, and why no agent serves now.

Standard library only, no I/O; times are monotonic seconds.
"""

import signal

from mobifai.terminals.keeper_protocol import RESTART_STATUS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SHORT_LIFE_SECONDS = 10.0
"""An agent that served for less time counts as failed, and delays the next start."""

FIRST_DELAY = 0.1
LONGEST_DELAY = 60.0
_MOST_DOUBLINGS = 10

PROBLEM_CHARACTERS = 2000


class RestartState:
    """The current agent, the agents before it, and the next start.

    `start_at` is the time of the next start: None while an agent runs, or once none is to start. `problem` is a
    sentence that says why no agent serves; empty while one does. `agents` counts the agents so far.
    """

    def __init__(self) -> None:
        self.started_at = 0.0
        self.last_message_at = 0.0
        self.agents = 0
        self.failures = 0
        self.start_at: float | None = 0.0
        self.problem = ""
        self.notes: dict[str, Any] = {}  # bounded: the agent notes its port, nothing else
        self._explanation = ""
        self._serves = self._is_replaced = False
        self._has_served = False

    @property
    def is_serving(self) -> bool:
        """Return whether the current agent has reported that it serves."""
        return self._serves

    def started(self, now: float) -> None:
        """Record that an agent was started."""
        self.start_at = None
        self.started_at = self.last_message_at = now
        self.agents += 1
        self._explanation = ""
        self._serves = self._is_replaced = False

    def serves(self) -> None:
        """Record that the agent serves."""
        self._serves = self._has_served = True
        self.problem = ""

    def replaced(self) -> None:
        """Record that the agent is about to be ended because the user asked for a restart."""
        self._is_replaced = True

    def explain(self, reason: str) -> None:
        """Record why the agent is about to end."""
        self._explanation = reason[:PROBLEM_CHARACTERS]

    def ended(self, status: int, now: float, *, has_shells: bool) -> int | None:
        """Record that the agent ended with `status` (negative for a signal), and plan the next start.

        Returns the keeper's own exit status if no start follows: the very first agent refused to start, for example
        because of an invalid option, and no shell needs another agent.
        """
        if self._serves and (status == RESTART_STATUS or self._is_replaced):
            self.failures = 0
            self.start_at = now
            return None
        self.problem = self._explanation or f"it ended by {status_name(status)}{_hint(status)}"
        if status >= 0 and not self._has_served and not has_shells:
            return status
        lasted = self._serves and now - self.started_at >= SHORT_LIFE_SECONDS
        self.failures = 1 if lasted else self.failures + 1
        self.start_at = now + self._delay()
        return None

    def start_failed(self, error: Exception, now: float) -> None:
        """Record that the system refused to start a process, and plan another attempt."""
        self.failures += 1
        self.problem = f"it can't be started: {error}"
        self.start_at = now + self._delay()

    def _delay(self) -> float:
        doublings = min(self.failures, _MOST_DOUBLINGS)
        return min(FIRST_DELAY * (1 << doublings), LONGEST_DELAY)


def _hint(status: int) -> str:
    return ", which the system also sends when memory runs out" if status == -signal.SIGKILL else ""


def status_name(status: int) -> str:
    """Return the name of an exit status or, if it is negative, of the signal that ended the process."""
    if status >= 0:
        return f"status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:  # a real-time signal
        return f"signal {-status}"
