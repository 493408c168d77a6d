"""A MobiFai process other than the agent, counted from inside through its control socket, and from outside.

To count another process, add a `CountedProcess` for it. Its control socket must answer `soak.sample` (see
`soak.inside`).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mobifai.control.client import send_request
from mobifai.errors import StateError
from soak.gauges import process_stats as outside
from soak.gauges.gauge import of_process


@dataclass(frozen=True)
class CountedProcess:
    """A process to count. The names of its gauges begin with `name` and a slash.

    `pid` and `socket` return the process id and the control socket of the current process, both of which a restart
    changes. `inside` says whether the process is also counted from inside. A process that is restarted often is not,
    because every new process grows while it warms up.
    """

    name: str
    pid: Callable[[], int]
    socket: Callable[[], Path]
    inside: bool = True

    async def ask(self, question: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Send a request to the process's control socket and return the answer. Raises StateError."""
        return await send_request(self.socket(), question, arguments)

    async def prepared(self, *, older: bool = False) -> "CountedProcess":
        """Fill the free lists of the process (see `soak.inside.free_lists`) and return this object. Raises StateError.

        For an `older` revision of MobiFai that refuses the request, return a copy that counts only from outside.
        """
        if self.inside:
            try:
                await self.ask("soak.fill")
            except StateError:
                if not older:
                    raise
                return replace(self, inside=False)
        return self

    async def values(self) -> dict[str, float]:
        """Count the process once, and return the values by gauge name. Raises StateError."""
        found = await asyncio.to_thread(self._outside)
        if self.inside:
            sample = await self.ask("soak.sample")
            if sample["pid"] != self.pid():
                raise StateError(
                    f"expected process {self.pid()} ({self.name}) to answer; process {sample['pid']} answered"
                )
            found.update(sample["values"])
        return of_process(self.name, found)

    def _outside(self) -> dict[str, float]:
        pid = self.pid()
        return {
            **outside.process_values(pid),
            **outside.budgets(pid),
            **(outside.map_values(pid) if self.inside else {}),
        }
