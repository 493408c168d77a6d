"""Checks keep their pace, and nobody waits for the next when one has succeeded."""

import asyncio
from typing import Any

from mobifai.bounds import Ledger
from mobifai.link.ice import PACE_SECONDS, hasten
from mobifai.link.peer import PeerConnection, load_aiortc
from tests.link.calls import Listener, answering, udp_sockets
from tests.support.eventually import eventually


class Ice:
    """As aioice's connection, of which so many checks are to be started."""

    def __init__(self, pairs: int) -> None:
        self._check_list = list(range(pairs))
        self._closing = False
        self.started: list[float] = []
        self.asked = 0

    def _check_periodic(self) -> bool:
        self.started.append(asyncio.get_running_loop().time())
        return len(self.started) < len(self._check_list)

    async def query_consent(self) -> None:
        self.asked += 1

    async def get_component_candidates(self, **_: object) -> list[Any]:
        return []


async def test_checks_go_on_by_themselves_at_the_usual_pace() -> None:
    ice = Ice(4)
    hasten(ice)
    assert not ice._check_periodic()
    await eventually(lambda: len(ice.started) == 4)
    await asyncio.sleep(2 * PACE_SECONDS)
    assert len(ice.started) == 4
    assert ice.started[3] - ice.started[0] >= 3 * PACE_SECONDS - 0.005  # the loop's clock has milliseconds


async def test_with_nothing_to_check_aioice_comes_again() -> None:
    ice = Ice(0)
    ice._check_periodic = lambda: True  # type: ignore[method-assign]
    hasten(ice)
    assert ice._check_periodic()


async def test_a_connection_closed_meanwhile_asks_for_no_consent() -> None:
    ice = Ice(1)
    hasten(ice)
    await ice.query_consent()
    ice._closing = True
    await ice.query_consent()
    assert ice.asked == 1


async def test_a_call_closed_as_its_checks_succeed_leaves_nothing() -> None:
    aiortc, sockets = await load_aiortc(), udp_sockets()
    async with PeerConnection(aiortc, (), Ledger(), Listener()) as agent, answering(await agent.offer()) as phone:
        assert agent._connection.sctp is not None
        ice = agent._connection.sctp.transport.transport._connection
        await agent.answer(phone.answer)
        await eventually(lambda: ice._check_list_done)
    await eventually(lambda: udp_sockets() <= sockets)
