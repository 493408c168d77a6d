"""A peer connection takes the fast path with a known aiortc, and works without it."""

import importlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from mobifai.bounds import Ledger
from mobifai.transport.peer_connection import BULK_MARK, PeerConnection
from mobifai.webrtc import fast_path as shortcut
from mobifai.webrtc.loader import import_aiortc_async
from tests.support.eventually import eventually
from tests.transport.calls import End, Listener, answering


@asynccontextmanager
async def call(listener: Listener) -> AsyncIterator[tuple[PeerConnection, End]]:
    """Two ends with an open channel."""
    aiortc = await import_aiortc_async()
    async with PeerConnection(aiortc, (), Ledger(), listener) as agent, answering(await agent.offer()) as phone:
        await agent.answer(phone.answer)
        await agent.opened.wait()
        await eventually(lambda: phone.peer.is_open)
        yield agent, phone


def change(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """Make the installed aiortc look like an unknown version."""
    if what == "version":
        monkeypatch.setattr(shortcut, "KNOWN", "0.0.")
    elif what == "shape":
        monkeypatch.setattr(shortcut, "_SCTP", ("_not_there",))


@pytest.mark.parametrize("what", ["nothing", "version", "shape"])
async def test_megabytes_arrive_in_order_on_either_path(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change(monkeypatch, what)
    async with call(Listener()) as (agent, phone):
        assert (agent._association is not None) == (what == "nothing")
        sent = []
        for number in range(150):
            await eventually(agent.room_for_bulk)
            sent.append(f"{number} " + "€" * (number * 37 % 15_000))
            agent.send("event", sent[-1])
        await eventually(lambda: len(phone.received) == len(sent))
        assert phone.received == [f'{{"type":"event","payload":"{text}"}}' for text in sent]
        await eventually(lambda: agent.behind_bytes == 0)


RECORD_HEADER = b"\xfe\xfd" + bytes(8) + (2000).to_bytes(2)
"""The bytes after the type of a DTLS 1.2 record, of 2,000 bytes of the first epoch."""


class Room(Listener):
    """Counts the notifications that there is room."""

    room_notifications = 0

    def channel_has_room(self) -> None:
        self.room_notifications += 1


@pytest.mark.parametrize("piece", [4 << 10, 48 << 10])
async def test_a_sender_without_room_is_notified_of_room_for_small_and_for_large_pieces(piece: int) -> None:
    listener = Room()
    async with call(listener) as (agent, phone):
        for _ in range(3):
            sent = 0
            while agent.room_for_bulk(piece):
                agent.send("event", "x" * piece)
                sent += piece
            assert min(2 * piece, BULK_MARK) <= sent <= min(2 * piece, BULK_MARK) + 2 * piece
            before = listener.room_notifications
            await eventually(lambda before=before: listener.room_notifications > before)  # type: ignore[misc]
            assert agent.room_for_bulk(piece)
        await eventually(lambda: agent.behind_bytes == 0)
        assert phone.received


async def test_the_fast_path_is_used_and_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with call(Listener()) as (agent, _):
        assert type(agent._association).__qualname__ == "FastSctpTransport"
    assert not [record for record in caplog.records if record.name == "mobifai.webrtc.fast_path"]


@pytest.mark.parametrize("what", ["version", "shape"])
async def test_the_log_says_why_the_fast_path_is_not_used(
    what: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    change(monkeypatch, what)
    caplog.set_level("INFO", "mobifai.webrtc.fast_path")
    aiortc = await import_aiortc_async()
    async with PeerConnection(aiortc, (), Ledger(), Listener()):
        pass
    assert [record.name for record in caplog.records if "without the faster data channel" in record.message] == [
        "mobifai.webrtc.fast_path"
    ]


async def test_messages_of_a_phone_arrive_in_order_however_many_it_sends() -> None:
    listener = Listener()
    async with call(listener) as (agent, phone):
        texts = [f"{number} " + "€" * (number * 37 % 3_000) for number in range(300)]
        for text in texts:
            await phone.peer.send(text)
            agent.send("event", "meanwhile")
        await eventually(lambda: len(listener.received) == len(texts))
        assert listener.received == texts
        await eventually(lambda: agent.behind_bytes == 0)


async def test_no_packet_of_the_association_is_lost_from_the_first_one_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also packets that arrive after the handshake of DTLS and before that of the association."""
    aiortc = await import_aiortc_async()
    opened, received = list[bytes](), list[bytes]()
    sctp, dtls = (importlib.import_module(f"mobifai.webrtc.{name}") for name in ("sctp", "dtls"))
    open_record, handle_data, receive_plain = (
        dtls.FastDtlsTransport._open_record,
        sctp.FastSctpTransport._handle_data,
        sctp.FastSctpTransport.receive_plain,
    )

    def opens(self: Any, datagram: bytes) -> bytes | None:
        data: bytes | None = open_record(self, datagram)
        opened.extend([data] if data else [])
        return data

    def receives_plain(self: Any, packet: bytes) -> bool:
        took: bool = receive_plain(self, packet)
        received.extend([packet] if took else [])
        return took

    async def handles(self: Any, packet: bytes) -> None:
        before = len(received)
        await handle_data(self, packet)
        received.extend([packet] if len(received) == before else [])

    monkeypatch.setattr(dtls.FastDtlsTransport, "_open_record", opens)
    monkeypatch.setattr(sctp.FastSctpTransport, "_handle_data", handles)
    monkeypatch.setattr(sctp.FastSctpTransport, "receive_plain", receives_plain)
    for _ in range(3):
        opened.clear()
        received.clear()
        async with PeerConnection(aiortc, (), Ledger(), Listener()) as agent, answering(await agent.offer()) as phone:
            await agent.answer(phone.answer)
            await agent.opened.wait()
            await phone.peer.send("x")
            agent.send("event", "y")
            await eventually(lambda: bool(phone.received) and agent.behind_bytes == 0)
            assert len(opened) >= 3
            await eventually(lambda: received[-len(opened) :] == opened)  # the first may be opened by the parent


class Failing(Listener):
    """Fails when it receives a message."""

    def channel_message(self, text: str) -> None:
        super().channel_message(text)
        raise RuntimeError(text)


async def test_a_message_whose_handler_fails_ends_only_its_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listener = Failing()
    async with call(listener) as (agent, phone):
        await phone.peer.send("x")
        await agent.ended.wait()
        assert listener.received == ["x"]
    assert "closing the WebRTC connection" in caplog.text


async def test_datagrams_of_a_stranger_change_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """An empty datagram, bytes that look like each kind of record, and audio."""
    listener = Listener()
    async with call(listener) as (agent, phone):
        pair = agent._association.transport.transport._connection._nominated[1]
        host, port = pair.local_candidate.host, pair.local_candidate.port
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for kind in range(256):
                for junk in (b"", bytes([kind]), bytes([kind]) * 50, bytes([kind]) + RECORD_HEADER + bytes(2000)):
                    stranger.sendto(junk, (host, port))
                await phone.peer.send(f"{kind}")
                await eventually(lambda kind=kind: len(listener.received) == kind + 1)  # type: ignore[misc]
            agent.send("event", "still there")
            await eventually(lambda: bool(phone.received))
        assert listener.received == [f"{kind}" for kind in range(256)]
    assert not [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
