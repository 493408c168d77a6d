"""The agent's periodic work: saves the directories of shells, adopts shells that have no tab, and collects garbage.

Owns the inhibitor that keeps this machine awake.
"""

import asyncio
import gc
import logging
from contextlib import AsyncExitStack

from mobifai.bounds import Ledger
from mobifai.health.keep_awake import KeepAwake
from mobifai.limits import TASKS
from mobifai.session.sessions import Sessions
from mobifai.terminals.tabs import Tabs

_log = logging.getLogger(__name__)

SAVE_SECONDS = 10.0
"""The interval of the periodic work in seconds. The directories of the shells are saved this often, in case the agent
crashes."""


class Maintenance:
    """Does an agent's periodic work.

    `keep_awake`: keep the machine awake while a terminal prints or a phone is connected.
    """

    def __init__(self, tabs: Tabs, sessions: Sessions, ledger: Ledger, *, keep_awake: bool) -> None:
        self._tabs = tabs
        self._sessions = sessions
        self._ledger = ledger
        self._keep_awake = keep_awake
        self._garbage_due = False
        self._printed = 0

    async def run(self) -> None:
        """Do the periodic work every SAVE_SECONDS, until cancelled."""
        async with AsyncExitStack() as scope:
            tasks = scope.enter_context(self._ledger.bound(TASKS))
            awake = await scope.enter_async_context(KeepAwake()) if self._keep_awake else None
            while True:
                await asyncio.sleep(SAVE_SECONDS)
                self._work()
                tasks.set(len(asyncio.all_tasks()))
                if awake is not None:
                    awake.need(self._is_in_use())

    def _work(self) -> None:
        """Do the periodic work once.

        This is a method of its own because a local variable of `run` would keep a closed session alive during the next
        sleep.
        """
        self._save_directories()
        self._tabs.adopt_unclaimed()
        self._collect_garbage()
        for session in self._sessions.open:
            session.transports.check_inbound()

    def session_closed(self) -> None:
        """Schedule a garbage collection for the next periodic work, since a closed session leaves reference cycles."""
        self._garbage_due = True

    def _save_directories(self) -> None:
        try:
            self._tabs.save_directories()
        except OSError as error:
            _log.warning("the working directories of the shells could not be read; trying again soon: %s", error)

    def _collect_garbage(self) -> None:
        if self._garbage_due:
            self._garbage_due = False
            gc.collect()

    def _is_in_use(self) -> bool:
        """Return whether a terminal has printed since the last call of this method, or a phone is connected now."""
        before, self._printed = self._printed, self._tabs.printed_bytes
        return self._printed != before or any(session.path is not None for session in self._sessions.open)
