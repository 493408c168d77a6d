"""The look into the agent that runs now, over its control socket, and what comes of it. Owns no process.

Everything that is put on the agent is the agent's to take off (`profiles.inside.watching`): when the time is over, when
tracing takes too much memory, and when this side hangs up.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import msgspec

from mobifai.control.control_socket import send_request, stream_events
from mobifai.errors import StateError
from profiles.attribution.culprit import find_culprits
from profiles.attribution.growth import COUNT, rise, risen_containers, risen_sites
from profiles.attribution.source import insertion_lines, locate
from profiles.evidence import Evidence, containers_of, leftovers_of, sites_of
from profiles.progress import ProgressCallback
from profiles.replay import attach_command
from profiles.results import (
    ATTACHED,
    Culprit,
    Overhead,
    ProfileReport,
    ProfileVerdict,
    ScenarioCoverage,
    Unattributed,
    Unjudged,
)
from soak.harness.interruption import Interruption
from soak.report.figures import byte_count, count, duration

NAME = ATTACHED
WINDOWS = 8
SHORTEST_WINDOW: Final = 1.0
"""Seconds: in a shorter one nothing is done that could grow, so that a look without a finding says nothing."""
CONCLUDE_SECONDS: Final = 20.0
"""How long the agent may take to say what it has found, once it is told to end."""


class AttachRun:
    """One look."""

    def __init__(
        self, socket: Path, seconds: float, tell: ProgressCallback, save: "Callable[[AttachRun], None]" = lambda _: None
    ) -> None:
        """`save` is called with this after each window."""
        self._socket = socket
        self._seconds = seconds
        self._tell = tell
        self._save = save
        self._run = uuid4().hex
        self._began = time.monotonic()
        self.overhead = Overhead(seconds)
        self.culprits: list[Culprit] = []
        self.unattributed: list[Unattributed] = []
        self.windows = 0
        self.done = False
        self.interrupted = False

    async def reported(self, first: ProfileReport, stop: Interruption) -> ProfileReport:
        """Look, and tell what was found in a report that was begun as `first`. Raises StateError."""
        await self.look(stop)
        return self.report(first)

    def report(self, first: ProfileReport) -> ProfileReport:
        """What is known now."""
        found, why = bool(self.culprits or self.unattributed), self._why_not()
        verdict: ProfileVerdict = "found" if found else "inconclusive" if why else "clean"
        return msgspec.structs.replace(
            first,
            verdict="inconclusive" if self.interrupted or not self.done else verdict,
            scenarios=[ScenarioCoverage(NAME, "unjudged" if why else "judged", windows=self.windows, why=why)],
            unjudged=[Unjudged("the agent", why)] if why else [],
            culprits=self.culprits,
            unattributed=self.unattributed,
            cycles=self.windows,
            duration_s=round(time.monotonic() - self._began, 1),
            overhead=self.overhead,
            notes=["a cycle is one window of this look; what grows less often than in each of them is not seen"],
        )

    def _why_not(self) -> str:
        """Why what it did not find says nothing; empty when it does."""
        length = self._seconds / WINDOWS
        if self.interrupted or not self.done:
            return f"{'the look was interrupted' if self.interrupted else 'the look ended'} after {self._windows()}"
        if length < SHORTEST_WINDOW:
            least = duration(SHORTEST_WINDOW * WINDOWS)
            return f"windows of {duration(length)} are too short to show growth; look for {least} or longer"
        return ""

    def _windows(self) -> str:
        return f"{self.windows} of {count(WINDOWS, 'window')}"

    async def look(self, stop: Interruption) -> None:
        """Look, to the end; the first signal asks the agent for what it has found until then, the next gives up.

        Raises StateError when the agent can't be asked, ends, hangs, or takes it off early.
        """
        looking = asyncio.ensure_future(self._follow())
        try:
            await stop.end(asyncio.shield(looking))
        except asyncio.CancelledError:
            self.interrupted = True
            with suppress(asyncio.CancelledError, StateError, TimeoutError):
                await self._conclude(looking, stop)
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError, StateError):
                await looking

    async def _conclude(self, looking: "asyncio.Future[None]", stop: Interruption) -> None:
        async with asyncio.timeout(CONCLUDE_SECONDS):
            await stop.end(send_request(self._socket, "profile.conclude", {"run": self._run}), at=2)
            await stop.end(asyncio.shield(looking), at=2)

    async def _follow(self) -> None:
        wanted = {"seconds": self._seconds, "windows": WINDOWS, "run": self._run}
        async for event in stream_events(self._socket, "profile.watch", wanted):
            self._heard(event)

    def _heard(self, event: Mapping[str, Any]) -> None:
        if "window" in event:
            self.windows = int(event["window"])
            self._save(self)
            self._tell(_progress(self.windows, int(event["of"]), event["traced_bytes"]))
        elif "found" in event:
            self.culprits, self.unattributed = attribute_growth(event["found"], self._seconds, self._replay())
        elif "overhead" in event:
            seconds = round(time.monotonic() - self._began, 1)
            self.overhead = msgspec.convert({"seconds": seconds, **event["overhead"]}, Overhead)
            self.done = True

    def _replay(self) -> str:
        return attach_command(self._socket.parent, self._seconds)


def _progress(window: int, of: int, traced: float) -> str:
    """Return a line of progress. Window 0 is the count that the others are compared with."""
    if window == 0:
        return f"window 0 of {of}: tracing started"
    return f"window {window} of {of} done; traces take {byte_count(traced)}"


def attribute_growth(found: Mapping[str, Any], seconds: float, replay: str) -> tuple[list[Culprit], list[Unattributed]]:
    """The culprits of a look of so many `seconds`, also of one that ended early: a window stands for a cycle."""
    counts: Sequence[Mapping[str, float]] = found["counts"]
    windows = max(1, len(counts) - 1)
    cycles = [*range(len(counts))]
    sites, containers = risen_sites(cycles, found["sites"]), risen_containers(cycles, found["containers"])
    examined = found["examined"]
    evidence = Evidence(
        scenario=NAME,
        cycles=windows,
        seconds=seconds * windows / WINDOWS,
        rising=_rising(cycles, counts),
        sites=sites_of(sites, found["sites"], examined["sites"]),
        containers=containers_of(containers, examined["containers"]),
        left=leftovers_of(examined),
    )
    return find_culprits(evidence, locate, insertion_lines, replay)


def _rising(cycles: Sequence[int], counts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = sorted({name for values in counts for name in values})
    risen = {name: rise(cycles, [values.get(name, 0.0) for values in counts], COUNT) for name in names}
    return {name: one.per_cycle for name, one in risen.items() if one is not None}
