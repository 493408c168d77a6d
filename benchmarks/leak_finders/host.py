"""An agent in this process, with or without a plant, in which the same events are caused for every finder.

`python -m benchmarks.leak_finders.host MOMENT PLANT FOLDER EVENTS` prints RSS at rest as a JSON list of bytes. Its
first value is RSS after the warm-up, before the first judged event. PLANT is `-` for none. The program does not judge
the values.
"""

import asyncio
import gc
import json
import resource
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from mobifai.agent.agent import Agent
from mobifai.control.debug_plugins import PluginContext
from soak.plants import LifecycleEvent, install
from tests.soak.plant_host import CAUSES
from tests.support import loops
from tests.support.agent_here import agent_here

NO_PLANT = "-"
EVENTS_A_SAMPLE = 4
SHORT_REST_SECONDS = 0.05
DESCRIPTORS = 4096
"""The limit on open descriptors to set. It is enough for plants that leave two open at each event."""


class HostedAgent:
    """An agent in this process. Its event loop runs only during calls of the methods.

    Enter and leave it in the same thread.
    """

    def __init__(self, moment: str, plant: str, folder: Path) -> None:
        self._cause, self._plant, self._folder = CAUSES[LifecycleEvent(moment)], plant, folder
        self._runner = asyncio.Runner(loop_factory=loops.loop_factory())
        self._number = 0

    def __enter__(self) -> Self:
        _allow_descriptors()
        self._runner.run(self._begin())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._runner.run(self._end())
        self._runner.close()

    def drive(self, events: int) -> None:
        """Cause `events` events, such as opening a terminal, and end each of them."""
        self._runner.run(self._drive(events))

    def rest(self, seconds: float) -> None:
        """Let the agent run for `seconds`, so that the last events end, and collect garbage."""
        self._runner.run(asyncio.sleep(seconds))
        gc.collect()

    async def _begin(self) -> None:
        self._ready: asyncio.Future[Agent] = asyncio.get_running_loop().create_future()
        self._done = asyncio.Event()
        self._life = asyncio.create_task(self._live())
        await asyncio.wait({self._ready, self._life}, return_when=asyncio.FIRST_COMPLETED)
        self._agent = self._ready.result() if self._ready.done() else await self._life

    async def _live(self) -> Agent:
        async with agent_here(self._folder) as agent:
            if self._plant != NO_PLANT:
                install(self._plant, PluginContext(agent.ledger, agent))
            self._ready.set_result(agent)
            await self._done.wait()
            return agent

    async def _drive(self, events: int) -> None:
        for _ in range(events):
            await self._cause(self._agent, self._number)
            self._number += 1

    async def _end(self) -> None:
        self._done.set()
        await self._life


def _allow_descriptors() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if most == resource.RLIM_INFINITY else min(DESCRIPTORS, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def rss_course(moment: str, plant: str, folder: Path, events: int) -> list[int]:
    """Return RSS in bytes after a warm-up of `events` events, and then after every four of another `events` events."""
    process = psutil.Process()
    with HostedAgent(moment, plant, folder) as hosted:
        hosted.drive(events)
        hosted.rest(SHORT_REST_SECONDS)
        course = [process.memory_info().rss]
        for _ in range(events // EVENTS_A_SAMPLE):
            hosted.drive(EVENTS_A_SAMPLE)
            hosted.rest(SHORT_REST_SECONDS)
            course.append(process.memory_info().rss)
    return course


if __name__ == "__main__":
    print(json.dumps(rss_course(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))), flush=True)
