"""The scenario `relay`: reconnects through a separate relay that is never restarted, so that it can be counted from
inside.
"""

from typing import ClassVar, Literal

from soak.scenarios.context import ScenarioContext
from soak.scenarios.reconnects import Reconnects


class SteadyRelay(Reconnects):
    """The cycles of `reconnects` that go through the relay, with a separate relay that is never restarted."""

    name = "relay"
    summary = "phones leave, vanish, fall silent, are refused and return through a separate relay"
    relay: ClassVar[Literal["own", "separate", "restarted"]] = "separate"
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
        """Do nothing: `reconnects` fills the same limits."""
