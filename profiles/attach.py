"""The look into the agent that runs now, over its control socket, and what comes of it. Owns no process.

Everything that is put on the agent is the agent's to take off (`profiles.inside.watching`): when the time is over, when
tracing takes too much memory, and when this side hangs up.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from mobifai.health.control import follow
from profiles.attribution.culprit import culprits
from profiles.attribution.growth import COUNT, rise, risen_containers, risen_sites
from profiles.attribution.source import adding, place
from profiles.evidence import Evidence, containers_of, left_of, sites_of
from profiles.results import Culprit, Overhead, Unattributed

NAME = "attached"
WINDOWS = 8

Tell = Callable[[str], None]


class Attached:
    """One look."""

    def __init__(self, socket: Path, seconds: float, tell: Tell) -> None:
        self._socket = socket
        self._seconds = seconds
        self._tell = tell
        self.overhead = Overhead(seconds)
        self.culprits: list[Culprit] = []
        self.unattributed: list[Unattributed] = []
        self.windows = 0
        self.done = False

    async def look(self) -> None:
        """Look, to the end. Raises StateError when the agent can't be asked, or takes it off early."""
        async for event in follow(self._socket, "profile.watch", {"seconds": self._seconds, "windows": WINDOWS}):
            self._heard(event)

    def _heard(self, event: Mapping[str, Any]) -> None:
        if "window" in event:
            self.windows = int(event["window"])
            self._tell(f"window {self.windows} of {event['of']}; tracing has {event['traced_bytes'] / 1e6:.1f} MB")
        elif "found" in event:
            self.culprits, self.unattributed = concluded(event["found"], self._seconds, self._replay())
        elif "overhead" in event:
            self.overhead = msgspec.convert({"seconds": self._seconds, **event["overhead"]}, Overhead)
            self.done = True

    def _replay(self) -> str:
        return f"mobifai profile attach --state-dir {self._socket.parent} --for {self._seconds:g}s"


def concluded(found: Mapping[str, Any], seconds: float, replay: str) -> tuple[list[Culprit], list[Unattributed]]:
    """The culprits of a look: a window stands for a cycle."""
    counts: Sequence[Mapping[str, float]] = found["counts"]
    cycles = [*range(len(counts))]
    sites, containers = risen_sites(cycles, found["sites"]), risen_containers(cycles, found["containers"])
    examined = found["examined"]
    evidence = Evidence(
        scenario=NAME,
        cycles=max(1, len(counts) - 1),
        seconds=seconds,
        rising=_rising(cycles, counts),
        sites=sites_of(sites, found["sites"], examined["sites"]),
        containers=containers_of(containers, examined["containers"]),
        left=left_of(examined),
    )
    return culprits(evidence, place, adding, replay)


def _rising(cycles: Sequence[int], counts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = sorted({name for values in counts for name in values})
    risen = {name: rise(cycles, [values.get(name, 0.0) for values in counts], COUNT) for name in names}
    return {name: one.per_cycle for name, one in risen.items() if one is not None}
