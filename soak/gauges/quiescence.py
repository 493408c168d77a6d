"""Waits until an agent is at rest: no phone is connected, and every count has returned to its earlier value. Judges
nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mobifai.errors import MobiFaiError
from soak.gauges.gauge import GaugeKind, family_of, gauge_of

PAUSE_SECONDS = 0.02
LONGEST_PAUSE = 1.0

Counted = tuple[dict[str, float], list[dict[str, Any]]]
"""The result of one count: the values by name, and the entries of the agent's ledger."""


class NotAtRest(MobiFaiError):
    """The agent still has a phone or a terminal, although the scenario disconnected all phones a long time ago."""


async def everybody_gone(status: Callable[[], Awaitable[Mapping[str, Any]]], seconds: float) -> None:
    """Wait until the agent has no phone and no terminal, according to its status, which `status` returns.

    Raises NotAtRest after `seconds`, and StateError if `status` does.
    """
    latest: Mapping[str, Any] = {}
    try:
        async with asyncio.timeout(seconds):
            while (latest := await status())["phone"] is not None or latest["terminals"]:  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        left = f"phone {latest.get('phone')}, {len(latest.get('terminals', ()))} terminals"
        raise NotAtRest(
            f"expected no phone and no terminal {seconds:g} s after all phones have left; found {left}"
        ) from None


async def at_rest(
    count: Callable[[], Awaitable[Counted]], expected: Mapping[str, float] | None, seconds: float
) -> Counted:
    """Count an agent with `count` until it is at rest. Return the last count.

    The agent is at rest when two counts in a row have the same number of objects and the same `steady_part`, and this
    part equals `expected`. If `expected` is None, the part may have any value.

    The pause between two counts gets longer. After `seconds`, the last count is returned even if the agent is not at
    rest.
    """
    clock = asyncio.get_running_loop().time
    end, pause = clock() + seconds, PAUSE_SECONDS
    before: dict[str, float] = {}
    while True:
        values, entries = await count()
        steady = steady_part(values)
        objects = {name: value for name, value in values.items() if family_of(name) == "python.blocks"}
        same = {**steady, **objects}
        if (same == before and expected in (None, steady)) or clock() >= end:
            return values, entries
        before = same
        await asyncio.sleep(min(pause, max(0.0, end - clock())))
        pause = min(1.5 * pause, LONGEST_PAUSE)


def steady_part(values: Mapping[str, float]) -> dict[str, float]:
    """Return the counts that must return to their earlier value (gauges of the kind REST), without those that are 0."""
    return {name: value for name, value in values.items() if value and gauge_of(name).kind is GaugeKind.REST}
