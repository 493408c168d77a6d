"""Control handlers of the harness in the process under test, installed by an entry point of `mobifai.control_handlers`.

Planting requires an environment variable that the harness sets when it starts an agent. So no leak can be planted in an
agent in real use.
"""

import gc
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mobifai.control.debug_plugins import PluginContext
from mobifai.control.server import ControlHandler
from mobifai.errors import StateError
from mobifai.terminals.keeper_protocol import TEST_VARIABLE
from soak.inside.count import count, count_process
from soak.inside.free_lists import fill_free_lists
from soak.inside.windows import MemoryWindows

RUN_VARIABLE = TEST_VARIABLE
"""The environment variable with the name of the run. Agents under test and their child processes have it."""


def control_handlers(subject: PluginContext) -> Mapping[str, ControlHandler]:
    """Return the handlers of the harness's requests, such as `soak.sample`, by name. `subject` gives access to the
    process.
    """
    windows = MemoryWindows()

    async def sample(arguments: dict[str, Any]) -> object:
        if arguments.get("collect"):
            gc.collect()
        disturb = bool(arguments.get("disturb", True))
        inside = count(subject.ledger, disturb=disturb) if subject.keeper is None else count_process(disturb=disturb)
        return {
            "pid": os.getpid(),
            "values": inside,
            "bounds": [asdict(entry) for entry in subject.ledger.entries()],
        }

    async def fill(_: dict[str, Any]) -> object:
        if subject.keeper is None:  # a keeper has no event loop
            await fill_free_lists()
        return {}

    async def plant(arguments: dict[str, Any]) -> object:
        if RUN_VARIABLE not in os.environ:
            raise StateError("expected an agent that `mobifai soak` has started; found an agent in normal use")
        from soak.plants import install  # noqa: PLC0415 - a clean run never loads it

        install(str(arguments.get("name")), subject)
        return {}

    async def begin(arguments: dict[str, Any]) -> object:
        windows.begin(Path(str(arguments.get("file"))), native=bool(arguments.get("native")))
        return {}

    async def end(_: dict[str, Any]) -> object:
        windows.end()
        return {}

    return {"soak.sample": sample, "soak.fill": fill, "soak.plant": plant, "soak.trace": begin, "soak.untrace": end}
