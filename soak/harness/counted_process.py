"""A process of the product beside the agent, as a test run counts it: from inside by a question, and from outside.

A process joins by one of these: it needs a control socket that answers `soak.sample` (`mobifai.questions`).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mobifai.control.control_socket import send_request
from mobifai.errors import StateError
from soak.gauges import process_stats as outside
from soak.gauges.gauge import of_process


@dataclass(frozen=True)
class CountedProcess:
    """`name` is what its gauges begin with; `pid` and `socket` may change with a restart.

    `inside` says whether it is counted from inside, too. One that is restarted all the time is not: every new process
    grows while it warms up.
    """

    name: str
    pid: Callable[[], int]
    socket: Callable[[], Path]
    inside: bool = True

    async def ask(self, question: str, arguments: Mapping[str, object] | None = None) -> Any:
        """Ask it over its control socket. Raises StateError."""
        return await send_request(self.socket(), question, arguments)

    async def prepared(self, *, older: bool = False) -> "CountedProcess":
        """The same, ready to be counted. One of an older revision may refuse: then it is counted from outside only.

        Raises StateError.
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
        """Count it once. Raises StateError."""
        found = await asyncio.to_thread(self._outside)
        if self.inside:
            told = await self.ask("soak.sample")
            if told["pid"] != self.pid():
                raise StateError(f"expected the {self.name} to be process {self.pid()}; {told['pid']} answered")
            found.update(told["values"])
        return of_process(self.name, found)

    def _outside(self) -> dict[str, float]:
        pid = self.pid()
        return {
            **outside.process_values(pid),
            **outside.budgets(pid),
            **(outside.map_values(pid) if self.inside else {}),
        }
