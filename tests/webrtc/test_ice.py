"""Checks keep their pace. A connection waits neither for the next check after one succeeded, nor for unknown names."""

import asyncio
import os
import re
import socket
from typing import Any

import aioice.mdns
import pytest
from aioice.stun import Class, Message, Method, TransactionTimeout

from mobifai.bounds import Ledger
from mobifai.protocol import messages
from mobifai.transport.peer_connection import PeerConnection
from mobifai.webrtc import ice as ice_module
from mobifai.webrtc.candidates import MOST_ADDRESSES, Addresses
from mobifai.webrtc.ice import MOST_LOOKUPS, PACE_SECONDS, shorten_waits
from mobifai.webrtc.loader import import_aiortc_async
from tests.support.eventually import eventually
from tests.transport.calls import Listener, answering, udp_sockets


class Pair:
    """A pair that works as long as the phone `answers`."""

    remote_addr = ("10.64.0.1", 50000)

    def __init__(self) -> None:
        self.protocol = self
        self.answers = True
        self.asked = 0

    async def request(self, *_: object, **__: object) -> None:
        self.asked += 1
        if not self.answers:
            raise TransactionTimeout


class Ice:
    """A double of aioice's connection, with a number of checks to start."""

    remote_password = "password"
    _query_consent_task = None

    def __init__(self, pairs: int) -> None:
        self._check_list = list(range(pairs))
        self._closing = False
        self._nominated = {1: Pair()}
        self.started: list[float] = []

    def _check_periodic(self) -> bool:
        self.started.append(asyncio.get_running_loop().time())
        return len(self.started) < len(self._check_list)

    async def query_consent(self) -> None: ...

    def build_request(self, *_: object, **__: object) -> None: ...

    async def connect(self) -> None: ...

    async def close(self) -> None:
        self._closing = True

    async def get_component_candidates(self, **_: object) -> list[Any]:
        return []

    async def add_remote_candidate(self, candidate: object) -> None: ...


async def test_checks_start_at_the_usual_pace_without_further_calls() -> None:
    ice = Ice(4)
    shorten_waits(ice, Addresses())
    assert not ice._check_periodic()
    await eventually(lambda: len(ice.started) == 4)
    await asyncio.sleep(2 * PACE_SECONDS)
    assert len(ice.started) == 4
    assert ice.started[3] - ice.started[0] >= 3 * PACE_SECONDS - 0.005  # the loop's clock has milliseconds


async def test_aioice_calls_again_while_there_is_nothing_to_check() -> None:
    ice = Ice(0)
    ice._check_periodic = lambda: True  # type: ignore[method-assign]
    shorten_waits(ice, Addresses())
    assert ice._check_periodic()


async def test_a_connection_that_is_closing_sends_no_consent_check() -> None:
    ice = Ice(1)
    shorten_waits(ice, Addresses())
    ice._closing = True
    await ice.query_consent()
    assert ice._nominated[1].asked == 0


async def test_the_connection_to_a_silent_phone_closes_after_the_consent_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ice_module, "CONSENT_INTERVAL", 0.01)
    monkeypatch.setattr(ice_module, "CONSENT_SECONDS", 0.1)
    ice, pair = Ice(1), Pair()
    ice._nominated = {1: pair}
    shorten_waits(ice, Addresses())
    asking = asyncio.create_task(ice.query_consent())
    await eventually(lambda: pair.asked >= 20)  # longer than an unanswered connection stays open
    assert not ice._closing
    asked, pair.answers = pair.asked, False
    await eventually(lambda: ice._closing)
    assert pair.asked > asked + 1  # one answer that is lost does not count
    await asking


async def test_a_connection_closed_as_its_checks_succeed_leaves_nothing_behind() -> None:
    aiortc, sockets = await import_aiortc_async(), udp_sockets()
    async with PeerConnection(aiortc, (), Ledger(), Listener()) as agent, answering(await agent.offer()) as phone:
        assert agent._connection.sctp is not None
        ice = agent._connection.sctp.transport.transport._connection
        await agent.answer(phone.answer)
        await eventually(lambda: ice._check_list_done)
    await eventually(lambda: udp_sockets() <= sockets)


def with_hidden_addresses(answer: messages.Answer, names: int = 1) -> messages.Answer:
    """The answer of a page whose browser replaces its addresses by mDNS names."""
    line = r"(?m)^(a=candidate:\S+ \d+ udp \d+ )\S+( .*\n)"
    hidden = "".join(rf"\g<1>here-{number}.local\g<2>" for number in range(names))
    return messages.Answer(answer=messages.Description(type="answer", sdp=re.sub(line, hidden, answer.answer.sdp)))


class NobodyAnswers:
    """A double of the machine's mDNS that answers no query."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.given_up = 0
        monkeypatch.setattr(aioice.mdns.MDnsProtocol, "resolve", self.resolve)

    async def resolve(self, name: str) -> None:
        self.asked.append(name)
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up += 1


async def test_a_page_that_hides_its_addresses_connects_before_a_name_is_resolved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    aiortc, sockets, mdns = await import_aiortc_async(), udp_sockets(), NobodyAnswers(monkeypatch)
    async with PeerConnection(aiortc, (), Ledger(), Listener()) as agent, answering(await agent.offer()) as phone:
        await agent.answer(with_hidden_addresses(phone.answer))
        await eventually(lambda: agent.was_open)
        assert mdns.asked
        assert set(mdns.asked) == {"here-0.local"}
        assert not mdns.given_up
    assert mdns.given_up == len(mdns.asked)
    await eventually(lambda: udp_sockets() <= sockets)


async def test_the_concurrent_name_lookups_of_a_connection_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    aiortc, mdns = await import_aiortc_async(), NobodyAnswers(monkeypatch)
    async with PeerConnection(aiortc, (), Ledger(), Listener()) as agent, answering(await agent.offer()) as phone:
        await agent.answer(with_hidden_addresses(phone.answer, names=MOST_LOOKUPS * 2))
        await eventually(lambda: agent.was_open)
        assert len(mdns.asked) == MOST_LOOKUPS


async def test_a_connection_opens_without_an_address_that_can_not_be_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse() -> None:
        raise OSError("the port is taken")

    monkeypatch.setattr(aioice.mdns, "create_mdns_protocol", refuse)
    aiortc = await import_aiortc_async()
    async with PeerConnection(aiortc, (), Ledger(), Listener()) as agent, answering(await agent.offer()) as phone:
        await agent.answer(with_hidden_addresses(phone.answer))
        await eventually(lambda: agent.was_open)


async def test_a_name_that_leads_to_an_address_that_no_phone_has_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(_: object, _name: str) -> str:
        return "127.0.0.1"

    monkeypatch.setattr(aioice.mdns.MDnsProtocol, "resolve", resolve)
    aiortc = await import_aiortc_async()
    async with PeerConnection(aiortc, (), Ledger(), Listener()) as agent, answering(await agent.offer()) as phone:
        await agent.answer(with_hidden_addresses(phone.answer))
        await eventually(lambda: agent.was_open)
        assert agent._connection.sctp is not None
        ice = agent._connection.sctp.transport.transport._connection
        assert "127.0.0.1" not in {pair.remote_addr[0] for pair in ice._check_list}


async def test_only_so_many_addresses_from_which_checks_come_are_kept() -> None:
    aiortc, listener = await import_aiortc_async(), Listener()
    async with PeerConnection(aiortc, (), Ledger(), listener) as agent, answering(await agent.offer()) as phone:
        await agent.answer(phone.answer)
        await eventually(lambda: agent.was_open)
        assert agent._connection.sctp is not None
        ice = agent._connection.sctp.transport.transport._connection
        to, known = ice.local_candidates[0], len(ice.remote_candidates)
        for _ in range(3 * MOST_ADDRESSES):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.sendto(check_of(ice), (to.host, to.port))
        await eventually(lambda: phone.peer.is_open)
        await phone.peer.send("after the checks")
        await eventually(lambda: listener.received)
        assert known < len(ice.remote_candidates) <= known + MOST_ADDRESSES


def check_of(ice: Any) -> bytes:
    """A check as the phone sends it."""
    message = Message(Method.BINDING, Class.REQUEST, os.urandom(12))
    message.attributes["USERNAME"] = f"{ice.local_username}:{ice.remote_username}"
    message.attributes["PRIORITY"], message.attributes["ICE-CONTROLLED"] = 1, 5
    message.add_message_integrity(ice.local_password.encode())
    message.add_fingerprint()
    return bytes(message)
