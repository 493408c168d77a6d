"""Waiting until an agent is at rest: nobody is there, and what must come back has come back. It judges nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mobifai.errors import MobiFaiError
from soak.gauges.gauge import GaugeKind, family_of, gauge_of

PAUSE_SECONDS = 0.02
LONGEST_PAUSE = 1.0

Counted = tuple[dict[str, float], list[dict[str, Any]]]
"""Values by name, and the ledger's entries."""


class NotAtRest(MobiFaiError):
    """Phones or terminals are still there, long after everybody left."""


async def everybody_gone(status: Callable[[], Awaitable[Mapping[str, Any]]], seconds: float) -> None:
    """Wait until no phone and no terminal is there. Raises NotAtRest, StateError."""
    told: Mapping[str, Any] = {}
    try:
        async with asyncio.timeout(seconds):
            while (told := await status())["phone"] is not None or told["terminals"]:  # noqa: ASYNC110
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        left = f"phone {told.get('phone')}, {len(told.get('terminals', ()))} terminals"
        raise NotAtRest(f"expected nobody to be there {seconds:g} s after all have left; found {left}") from None


async def at_rest(
    count: Callable[[], Awaitable[Counted]], expected: Mapping[str, float] | None, seconds: float
) -> Counted:
    """Count until everything that must come back is as `expected` (None: as anything), twice the same with all objects.

    Waits ever longer between two counts, and after `seconds` gives what there is then.
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
    """The counts that must come back, without those that are 0."""
    return {name: value for name, value in values.items() if value and gauge_of(name).kind is GaugeKind.REST}
