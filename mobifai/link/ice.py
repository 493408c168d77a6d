"""What aioice makes a call wait for, and need not: servers that do not answer, and a pause behind what succeeds.

Owns a timer from the first check until the last. Checks are as many, as far apart and in the order that aioice wants.
"""

import asyncio
import functools
from typing import Any

GATHER_SECONDS = 2
PACE_SECONDS = 0.02
"""Between two checks, as aioice has it (Ta, RFC 8445, section 14.2)."""

_CHECKS = ("_check_periodic", "_check_list", "_closing", "query_consent")


def hasten(ice: Any) -> None:
    """Have this connection, which has not gathered yet, wait no longer than it has to."""
    # It cancels what asks the servers, unless it is cancelled itself.
    ice.get_component_candidates = functools.partial(ice.get_component_candidates, timeout=GATHER_SECONDS)
    if all(hasattr(ice, name) for name in _CHECKS):
        ice._check_periodic = _Checks(ice).begin
        ice.query_consent = functools.partial(_ask_for_consent, ice, ice.query_consent)


class _Checks:
    """Starts the checks of one connection, while that waits for their outcome and not for the time of the next one."""

    def __init__(self, ice: Any) -> None:
        self._ice = ice
        self._start_next = ice._check_periodic

    def begin(self) -> bool:
        """Start the first check; whether aioice is to come again, since there is nothing to check yet."""
        if not self._ice._check_list:
            return bool(self._start_next())
        self._tick()
        return False

    def _tick(self) -> None:
        if self._start_next():
            asyncio.get_running_loop().call_later(PACE_SECONDS, self._tick)


async def _ask_for_consent(ice: Any, ask: Any) -> None:
    """Ask again and again whether the phone still wants to hear, but not for a connection that was closed meanwhile."""
    if not ice._closing:
        await ask()
