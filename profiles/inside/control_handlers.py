"""The profiler's handlers for control requests to a running process (an entry point of `mobifai.control_handlers`).

Requests for the single steps of an examination, such as `profile.begin`, are allowed only in processes that soak or
profile has started. An agent in use is examined by `profile.watch`, which ends when its time is over, when it takes too
much memory, and when the requesting command disconnects.
"""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from mobifai.control.debug_plugins import PluginContext
from mobifai.control.server import ControlHandler, StreamingHandler
from mobifai.errors import StateError
from profiles.inside.baseline_memory import baseline_memory
from profiles.inside.early_stop import EarlyStop
from profiles.inside.heap import snapshot
from profiles.inside.memray_window import trace_handler
from profiles.inside.offload import offload
from profiles.inside.tracing import AllocationTracer
from profiles.inside.watching import watch_handler
from soak.inside.control_handlers import RUN_VARIABLE


def control_handlers(subject: PluginContext) -> Mapping[str, ControlHandler | StreamingHandler]:
    """Return the handlers of this process for the control requests `profile.*`, by the name of the request.

    `subject` has the objects of the process, such as its ledger.
    """
    tracing, early = AllocationTracer(), EarlyStop()

    async def begin(_: dict[str, Any]) -> object:
        _check_under_test()
        tracing.begin()
        return {}

    async def window(_: dict[str, Any]) -> object:
        _check_under_test()
        await tracing.window()
        return {"peak_bytes": tracing.peak_bytes}

    async def histories(_: dict[str, Any]) -> object:
        _check_under_test()
        return tracing.histories()

    async def examine(arguments: dict[str, Any]) -> object:
        _check_under_test()
        return await tracing.examine(arguments["sites"], arguments["containers"], arguments["folders"])

    async def end(_: dict[str, Any]) -> object:
        _check_under_test()
        tracing.end()
        return {}

    async def standing_(_: dict[str, Any]) -> object:
        _check_under_test()
        return baseline_memory()

    async def heap(_: dict[str, Any]) -> object:
        loop = asyncio.get_running_loop()
        return await offload(lambda: snapshot(loop))

    return {
        "profile.begin": begin,
        "profile.window": window,
        "profile.histories": histories,
        "profile.examine": examine,
        "profile.end": end,
        "profile.watch": watch_handler(tracing, subject, early),
        "profile.heap": heap,
        "profile.standing": standing_,
        "profile.trace": trace_handler(early),
        "profile.conclude": early.conclude,
    }


def _check_under_test() -> None:
    if RUN_VARIABLE not in os.environ:
        raise StateError(
            "this request is allowed only in an agent under test; for an agent in use, run `mobifai profile attach`"
        )
