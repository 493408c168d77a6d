"""Phones that come and go through a relay apart that runs on, so that it can be counted from inside."""

from typing import ClassVar, Literal

from soak.scenarios.context import ScenarioContext
from soak.scenarios.reconnects import Reconnects


class SteadyRelay(Reconnects):
    """The reconnects that a relay sees, without its restarts."""

    name = "relay"
    summary = "phones come, vanish, fall silent, are refused and come back through a relay apart that runs on"
    relay: ClassVar[Literal["own", "apart", "restarted"]] = "apart"
    block: ClassVar[tuple[str, ...]] = (
        *("polite relay",) * 3,
        *("vanish relay",) * 3,
        "half-open relay",
        "relay drops",
        "second phone",
        *("refused",) * 2,
    )
    once: ClassVar[frozenset[str]] = frozenset()

    async def fill(self, context: ScenarioContext) -> None:
        """Nothing: `reconnects` fills the same limits."""
