"""Examines the running agent over its control socket, for `mobifai profile attach`. Starts no process.

The agent traces itself. It removes the tracing when the time is over, when tracing takes too much memory, and when this
command disconnects (`profiles.inside.watching`).
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import msgspec

from mobifai.control.client import send_request, stream_events
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
"""Shortest window, in seconds, that allows a verdict. In a shorter window the agent does too little to show growth."""
CONCLUDE_SECONDS: Final = 20.0
"""Seconds to wait for the agent's findings after this command has asked the agent to end the examination early."""


class AttachRun:
    """One examination of the running agent. Its attributes have the results so far."""

    def __init__(
        self,
        socket: Path,
        seconds: float,
        report_progress: ProgressCallback,
        save: "Callable[[AttachRun], None]" = lambda _: None,
    ) -> None:
        """Prepare an examination of the agent whose control socket is `socket`, for `seconds` seconds.

        `save` is called with this object after each window.
        """
        self._socket = socket
        self._seconds = seconds
        self._report_progress = report_progress
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
        """Examine the agent, and return a copy of the report `first` that has the findings.

        Raises StateError as `examine` does.
        """
        await self.examine(stop)
        return self.report(first)

    def report(self, first: ProfileReport) -> ProfileReport:
        """Return a copy of the report `first` with the results so far, such as the verdict and the culprits."""
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
            notes=["a cycle is one window of this examination; growth that does not occur in each window is not found"],
        )

    def _why_not(self) -> str:
        """Return the reason why the report can't have the verdict `clean`, or an empty text if there is none."""
        length = self._seconds / WINDOWS
        if self.interrupted or not self.done:
            how = "was interrupted" if self.interrupted else "ended"
            return f"the examination {how} after {self._windows()}"
        if length < SHORTEST_WINDOW:
            least = duration(SHORTEST_WINDOW * WINDOWS)
            return f"windows of {duration(length)} are too short to show growth; use --for {least} or longer"
        return ""

    def _windows(self) -> str:
        return f"{self.windows} of {count(WINDOWS, 'window')}"

    async def examine(self, stop: Interruption) -> None:
        """Run the examination to its end, and keep the results in this object.

        After a first signal to this command, such as Ctrl-C, this method asks the agent to end the examination and to
        send its findings. After a second signal it stops without them.

        Raises StateError if the agent can't be reached, ends or hangs, or if the agent itself ends the examination
        early, for example because tracing takes too much memory.
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
        arguments = {"seconds": self._seconds, "windows": WINDOWS, "run": self._run}
        async for event in stream_events(self._socket, "profile.watch", arguments):
            self._handle(event)

    def _handle(self, event: Mapping[str, Any]) -> None:
        if "window" in event:
            self.windows = int(event["window"])
            self._save(self)
            self._report_progress(_progress(self.windows, int(event["of"]), event["traced_bytes"]))
        elif "found" in event:
            self.culprits, self.unattributed = attribute_growth(event["found"], self._seconds, self._replay())
        elif "overhead" in event:
            seconds = round(time.monotonic() - self._began, 1)
            self.overhead = msgspec.convert({"seconds": seconds, **event["overhead"]}, Overhead)
            self.done = True

    def _replay(self) -> str:
        return attach_command(self._socket.parent, self._seconds)


def _progress(window: int, of: int, traced: float) -> str:
    """Return the line of progress after window number `window` of `of`, with the memory of the traces.

    `traced` is that memory in bytes. Window 0 is the base that the later windows are compared with.
    """
    if window == 0:
        return f"window 0 of {of}: tracing started"
    return f"window {window} of {of} done; traces take {byte_count(traced)}"


def attribute_growth(found: Mapping[str, Any], seconds: float, replay: str) -> tuple[list[Culprit], list[Unattributed]]:
    """Return the culprits of an examination, and the gauges that rose without a culprit.

    `found` are the findings that the agent sent in answer to `profile.watch`. `seconds` is the planned duration of the
    examination, which is longer than the real one if the examination ended early. `replay` is the command that repeats
    the examination. Rates are per window.
    """
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
