"""One peer connection: its offer, the answers that fit it, and that nothing of it stays, however it ends."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from mobifai.bounds import Ledger
from mobifai.errors import BadMessage
from mobifai.limits import CHANNEL_INBOUND
from mobifai.protocol import messages
from mobifai.transport import acknowledgement_check
from mobifai.transport.peer_connection import PeerConnection
from mobifai.transport.transport import TransportClosed
from mobifai.webrtc.candidates import MOST_ADDRESSES
from mobifai.webrtc.ice import GATHER_SECONDS
from mobifai.webrtc.loader import import_aiortc_async
from tests.support.eventually import eventually
from tests.transport.calls import Listener, answering, udp_sockets, without_addresses

SILENT_STUN = "stun:127.0.0.1:9"


@asynccontextmanager
async def calling(
    listener: Listener, mid: str = "1", ice_servers: tuple[str, ...] = ()
) -> AsyncIterator[PeerConnection]:
    """The agent's end of a connection. Afterwards all of its limits and sockets have to be closed."""
    ledger, aiortc, sockets = Ledger(), await import_aiortc_async(), udp_sockets()
    try:
        async with PeerConnection(aiortc, ice_servers, ledger, listener, mid) as peer:
            yield peer
    finally:
        assert [entry.name for entry in ledger.entries() if entry.instances] == []
        await eventually(lambda: udp_sockets() <= sockets)


async def test_messages_arrive_in_both_directions() -> None:
    listener = Listener()
    async with calling(listener) as agent, answering(await agent.offer()) as phone:
        await agent.answer(phone.answer)
        await agent.opened.wait()
        await eventually(lambda: phone.peer.is_open)
        await phone.peer.send("from the phone")
        agent.send("event", {"to": "the phone"})
        await eventually(lambda: listener.received and phone.received)
        assert listener.events == ["opened"]
        assert listener.received == ["from the phone"]
        assert phone.received == ['{"type":"event","payload":{"to":"the phone"}}']


async def test_addresses_that_arrive_before_the_answer_are_used() -> None:
    async with calling(Listener()) as agent, answering(await agent.offer()) as phone:
        for candidate in phone.candidates:
            await agent.candidate(candidate)
        await agent.answer(without_addresses(phone.answer))
        await agent.opened.wait()
        assert agent.open


async def test_the_answer_to_another_offer_changes_nothing() -> None:
    async with calling(Listener(), "1") as before, answering(await before.offer()) as gone:
        late = gone.answer
    async with calling(Listener(), "2") as agent, answering(await agent.offer()) as phone:
        await agent.answer(late)
        await agent.answer(phone.answer)
        await agent.answer(late)
        await agent.opened.wait()
        assert agent.open


@pytest.mark.parametrize(
    "sdp", ["", "nonsense", "v=0\r\n", "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"]
)
async def test_an_unreadable_answer_is_refused_and_the_next_one_is_used(sdp: str) -> None:
    async with calling(Listener()) as agent, answering(await agent.offer()) as phone:
        with pytest.raises(BadMessage):
            await agent.answer(messages.Answer(answer=messages.Description(type="answer", sdp=sdp)))
        await agent.answer(phone.answer)
        await agent.opened.wait()
        assert agent.open


async def test_an_unreadable_address_is_refused() -> None:
    async with calling(Listener()) as agent, answering(await agent.offer()) as phone:
        await agent.answer(phone.answer)
        text = "candidate:1 1 udp x 10.64.0.1 50000 typ host"
        with pytest.raises(BadMessage):
            await agent.candidate(messages.IceCandidate(candidate=messages.Candidate(candidate=text, sdp_mid="1")))
        await agent.candidate(messages.IceCandidate(candidate=None))
        await agent.opened.wait()
        assert agent.open


async def test_a_server_that_does_not_answer_delays_the_offer_only_for_a_limited_time() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with calling(Listener(), ice_servers=(SILENT_STUN,)) as agent, answering(await agent.offer()) as phone:
        assert loop.time() - began < GATHER_SECONDS + 1
        await agent.answer(phone.answer)
        await agent.opened.wait()
        assert agent.open


async def test_a_connection_that_is_cancelled_while_it_asks_a_server_leaves_no_request_behind() -> None:
    async def call() -> None:
        async with calling(Listener(), ice_servers=(SILENT_STUN,)) as agent:
            await agent.offer()

    task, sockets = asyncio.create_task(call()), udp_sockets()
    await eventually(lambda: udp_sockets() > sockets)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_connection_that_is_cancelled_while_it_closes_still_closes() -> None:
    closing = asyncio.Event()

    async def call() -> None:
        async with calling(Listener()) as agent, answering(await agent.offer()) as phone:
            await agent.answer(phone.answer)
            await agent.opened.wait()
            closing.set()

    task = asyncio.create_task(call())
    await closing.wait()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


async def test_sending_before_the_channel_opens_or_after_it_ends_is_an_error_of_the_transport() -> None:
    async with calling(Listener()) as agent, answering(await agent.offer()) as phone:
        with pytest.raises(TransportClosed):
            agent.send("event", {})
        await agent.answer(phone.answer)
        await agent.opened.wait()
        await phone.peer.close()
        await agent.ended.wait()
        assert not agent.room_for_control()
        with pytest.raises(TransportClosed):
            agent.send("event", {})


async def test_a_phone_that_acknowledges_nothing_while_it_uses_another_transport_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(acknowledgement_check, "SEND_SECONDS", 0.05)
    monkeypatch.setattr(acknowledgement_check, "CONFIRM_SECONDS", 0.5)
    async with calling(Listener()) as agent, answering(await agent.offer()) as phone:
        await agent.answer(phone.answer)
        await agent.opened.wait()
        for number in range(100):  # for longer than a check lasts
            agent.check_acknowledgements()
            agent.send("event", number)
            await eventually(lambda number=number: len(phone.received) > number)
            await asyncio.sleep(0.01)
        assert agent.open
        await phone.peer.vanish()
        agent.send("event", "lost")

        def is_dropped() -> bool:
            agent.check_acknowledgements()
            return agent.ended.is_set()

        await eventually(is_dropped)


async def test_a_phone_that_receives_data_but_acknowledges_none_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acknowledgement_check, "SEND_SECONDS", 0.05)
    monkeypatch.setattr(acknowledgement_check, "CONFIRM_SECONDS", 0.5)
    async with calling(Listener()) as agent, answering(await agent.offer()) as phone:
        await agent.answer(phone.answer)
        await agent.opened.wait()
        agent.send("event", 1)
        await eventually(lambda: phone.received)
        phone.peer.stop_acknowledging()
        agent.send("event", 2)
        await eventually(lambda: len(phone.received) == 2)
        agent.check_acknowledgements()
        await agent.ended.wait()


async def test_a_message_that_grows_beyond_its_limit_without_an_end_closes_the_connection() -> None:
    async with calling(Listener()) as agent, answering(await agent.offer()) as phone:
        await agent.answer(phone.answer)
        await agent.opened.wait()
        await eventually(lambda: phone.peer.is_open)
        await phone.peer.begin_message(CHANNEL_INBOUND.value + (1 << 20))

        def is_closed() -> bool:
            agent.check_inbound()
            return agent.ended.is_set()

        await eventually(is_closed, 60)


@pytest.mark.parametrize("end", ["\r\n", "\r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
async def test_nothing_is_sent_to_more_addresses_than_a_phone_has(end: str) -> None:
    """Neither by the answer nor by what follows it, however its lines end."""
    ports = range(50000, 50000 + 2 * MOST_ADDRESSES)
    lines = [f"candidate:{port} 1 udp 2130706431 10.64.0.1 {port} typ host" for port in ports]
    async with calling(Listener()) as agent, answering(await agent.offer()) as phone:
        sdp = phone.answer.answer.sdp + "a=more" + "".join(f"{end}a={line}" for line in lines)
        await agent.answer(messages.Answer(answer=messages.Description(type="answer", sdp=sdp)))
        for line in lines:
            await agent.candidate(messages.IceCandidate(candidate=messages.Candidate(candidate=line, sdp_mid="1")))
        assert agent._connection.sctp is not None
        ice = agent._connection.sctp.transport.transport._connection
        assert 0 < len({one.port for one in ice.remote_candidates} & {*ports}) <= MOST_ADDRESSES
        await agent.opened.wait()
        assert agent.open


@pytest.mark.parametrize("field", ["ufrag", "pwd"])
@pytest.mark.parametrize("value", ["abc", "x" * 257, "x" * 20_000, "a b c d e f g h i j k l m n"])
async def test_a_phone_chooses_neither_size_nor_content_of_what_is_sent_to_its_addresses(
    field: str, value: str
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as victim:
        victim.bind(("", 0))
        victim.setblocking(False)
        async with calling(Listener()) as agent, answering(await agent.offer()) as phone:
            line = re.search(r"(?m)^a=candidate:.*$", phone.answer.answer.sdp)
            assert line is not None
            fields = line[0].split()
            fields[5] = str(victim.getsockname()[1])
            bare = without_addresses(phone.answer).answer.sdp
            sdp = re.sub(rf"(?m)^a=ice-{field}:.*$", f"a=ice-{field}:{value}\r", bare)
            sdp += " ".join(fields) + "\r\n"
            await agent.answer(messages.Answer(answer=messages.Description(type="answer", sdp=sdp)))
            async with asyncio.timeout(5):
                await agent.ended.wait()
            with pytest.raises(BlockingIOError):
                victim.recv(65536)


@pytest.mark.parametrize(
    ("line", "instead", "found"),
    [
        ("fingerprint", "", "fingerprint"),
        ("sctp-port", "", "SCTP port"),
        ("sctp-port", "a=sctp-port:0\r\n", "SCTP port"),
        ("sctp-port", "a=sctp-port:70000\r\n", "SCTP port"),
        ("sctp-port", "a=sctp-port:-1\r\n", "SCTP port"),
    ],
)
async def test_an_answer_that_lacks_something_is_refused_and_the_next_one_counts(
    line: str, instead: str, found: str
) -> None:
    async with calling(Listener()) as agent, answering(await agent.offer()) as phone:
        sdp = re.sub(rf"(?m)^a={line}:.*\n", instead, phone.answer.answer.sdp)
        assert sdp != phone.answer.answer.sdp
        with pytest.raises(BadMessage, match=found):
            await agent.answer(messages.Answer(answer=messages.Description(type="answer", sdp=sdp)))
        await agent.answer(phone.answer)
        await agent.opened.wait()
        assert agent.open
