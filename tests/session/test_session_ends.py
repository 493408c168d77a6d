"""A closed session is gone: the agent holds neither it nor its parts, and it starts nothing."""

import asyncio
import gc
import weakref
from pathlib import Path

import pytest

from mobifai.agent import maintenance
from mobifai.agent.agent import Agent
from mobifai.bounds import Ledger
from mobifai.limits import SESSION_TASKS
from mobifai.session.session import SessionStage
from tests.support.agent_here import RESIDENT, admit, agent_here, pair, receive, serving_agent_here
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
        left = {name: count for name, count in counted(agent.ledger).items() if count}
        assert left == {"sessions": 1, "session.tasks": 1}


async def test_the_periodic_work_keeps_no_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worked = asyncio.Event()

    def check_inbound() -> None:
        worked.set()
        monkeypatch.setattr(maintenance, "SAVE_SECONDS", 3600)

    monkeypatch.setattr(maintenance, "SAVE_SECONDS", 0.01)
    async with serving_agent_here(tmp_path) as agent:
        session = pair(agent, "phone")
        vars(session.transports)["check_inbound"] = check_inbound
        await worked.wait()
        session.close("the phone left")
        seen = weakref.ref(session)
        del session

        def collected() -> bool:
            gc.collect()
            return seen() is None

        await eventually(collected)


class ClosingTransport:
    """A transport on which the first message ends the session of its phone."""

    open = True
    in_flight = 0

    def __init__(self, agent: Agent, device_id: str) -> None:
        self.sent: list[str] = []
        self._agent = agent
        self._device_id = device_id

    def room_for_bulk(self, _: int) -> bool:
        return True

    def room_for_control(self) -> bool:
        return True

    def send(self, event: str, _: object) -> None:
        self.sent.append(event)
        member = self._agent.sessions.get(self._device_id)
        assert member is not None
        self._agent.registry.end(member, "the phone left")


async def test_one_that_its_own_first_message_closes_starts_nothing(tmp_path: Path) -> None:
    async with agent_here(tmp_path) as agent:
        receive(agent, "process:create", {"uuid": "tab"})
        before = counted(agent.ledger)
        transport = ClosingTransport(agent, "phone")
        admit(agent, "phone", transport)
        assert transport.sent == ["processes:sync"]
        assert counted(agent.ledger) == before


async def test_one_that_is_closed_never_starts_again(tmp_path: Path) -> None:
    async with agent_here(tmp_path) as agent:
        receive(agent, "process:create", {"uuid": "tab"})
        before = counted(agent.ledger)
        session = pair(agent, "phone")
        session.close("the phone left")
        session.start()
        session.transports.connection_ended(True)
        assert session.stage is SessionStage.CLOSED
        assert counted(agent.ledger) == before


async def test_a_phone_is_sent_away_while_too_many_closed_sessions_have_not_ended(tmp_path: Path) -> None:
    async with agent_here(tmp_path) as agent:
        transport = agent.registrations[0].transport
        tasks = agent.ledger.capacity(SESSION_TASKS) - 1  # the resident phone has one
        for _ in range(tasks):
            admit(agent, "phone", transport)
        assert len(agent.sessions.open) == 2
        admit(agent, "phone", transport)
        assert [session.device_id for session in agent.sessions.open] == [RESIDENT]

        def ended() -> bool:
            return all(one.total == 1 for one in agent.ledger.entries() if one.name == SESSION_TASKS.name)

        await eventually(ended)
        admit(agent, "phone", transport)
        assert len(agent.sessions.open) == 2
