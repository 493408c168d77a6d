"""What aioice makes a call wait for, and need not: servers that do not answer, names that nobody knows, and a pause
behind what succeeds.

Owns a timer from the first check until the last, and the lookups of names until they end or are stopped. Checks are as
many, as far apart and in the order that aioice wants.
"""

import asyncio
import functools
import logging
from typing import Any

_log = logging.getLogger(__name__)

GATHER_SECONDS = 2
PACE_SECONDS = 0.02
"""Between two checks, as aioice has it (Ta, RFC 8445, section 14.2)."""

MOST_LOOKUPS = 8
"""Names looked up at once for one call; a browser has one for each of its addresses."""

_CHECKS = ("_check_periodic", "_check_list", "_closing", "query_consent")


def hasten(ice: Any) -> "Lookups":
    """Have this connection, which has not gathered yet, wait no longer than it has to. What is given back is stopped
    before the connection closes.
    """
    # It cancels what asks the servers, unless it is cancelled itself.
    ice.get_component_candidates = functools.partial(ice.get_component_candidates, timeout=GATHER_SECONDS)
    if all(hasattr(ice, name) for name in _CHECKS):
        ice._check_periodic = _Checks(ice).begin
        ice.query_consent = functools.partial(_ask_for_consent, ice, ice.query_consent)
    lookups = Lookups(ice.add_remote_candidate)
    if hasattr(ice, "_remote_candidates_resolving"):  # it may hear of the end of the candidates while it looks one up
        ice.add_remote_candidate = lookups.add
    return lookups


class Lookups:
    """The names by which pages in browsers hide their addresses (draft-ietf-mmusic-mdns-ice-candidates), looked up
    while checks go on: the page's own checks mostly show its address before, and on many networks no name is found.
    """

    def __init__(self, add: Any) -> None:
        self._add = add
        self._tasks: set[asyncio.Task[None]] = set()  # bounded by MOST_LOOKUPS

    async def add(self, candidate: Any) -> None:
        """As aioice's `add_remote_candidate`, which does not return before a name is found, or a second has passed."""
        if candidate is None or not candidate.host.endswith(".local"):
            await self._add(candidate)
        elif len(self._tasks) < MOST_LOOKUPS:
            task = asyncio.create_task(self._look_up(candidate), name="mdns-lookup")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(0)  # it has begun: the end of the candidates may be told

    async def _look_up(self, candidate: Any) -> None:
        try:
            await self._add(candidate)
        except (OSError, ValueError) as error:  # no port for mDNS, or nothing is wanted any more
            _log.info("the phone's address %s can't be looked up: %r", candidate.host[:64], error)

    async def stop(self) -> None:
        """End them."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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
