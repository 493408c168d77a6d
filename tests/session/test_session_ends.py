"""A session that is closed is gone: nothing of the agent holds it, or what it owned."""

import asyncio
import gc
import weakref
from pathlib import Path

from mobifai.bounds import Ledger
from tests.support.agent_here import agent_here, pair
from tests.support.eventually import eventually

OF_SESSIONS = ("session", "sessions", "terminal.outbox", "terminal.window", "link.", "e2e.held")


def counted(ledger: Ledger) -> dict[str, int]:
    return {one.name: one.instances for one in ledger.entries() if one.name.startswith(OF_SESSIONS)}


async def test_sessions_that_were_replaced_are_collected_while_the_last_ones_go_on(tmp_path: Path) -> None:
    async with agent_here(tmp_path) as agent:
        sessions = []
        for device_id in ("phone", "phone", "phone", "other", "phone", "third"):
            sessions.append(weakref.ref(pair(agent, device_id)))
            await asyncio.sleep(0)

        def closed_ones_are_collected() -> bool:
            gc.collect()
            return sum(one() is not None for one in sessions) == 2

        await eventually(closed_ones_are_collected)
        for session in agent.sessions.open:
            session.close("the phone left")
        assert {name: count for name, count in counted(agent.ledger).items() if count} == {"sessions": 1}
