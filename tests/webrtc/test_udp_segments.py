"""The same datagrams arrive, whether records are sent one by one or several at a time."""

import asyncio
import errno
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.webrtc import udp_segments as datagrams
from mobifai.webrtc.udp_segments import UdpSegmentSender
from tests.support.eventually import eventually

LENGTHS = st.lists(st.sampled_from([14, 50, 51, 1200, 1213]), min_size=1, max_size=100)

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes several at a time")


def record(length: int, mark: int = 0) -> bytes:
    """A DTLS record of this length, its header with it."""
    return b"\x17\xfe\xfd" + mark.to_bytes(8) + (length - 13).to_bytes(2) + bytes([mark % 256]) * (length - 13)


class Receiver(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.received: list[bytes] = []

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.append(data)


@asynccontextmanager
async def sending(kind: str = "host") -> AsyncIterator[tuple[UdpSegmentSender, list[bytes]]]:
    """A sender, and the datagrams that arrive."""
    loop = asyncio.get_running_loop()
    there, receiver = await loop.create_datagram_endpoint(Receiver, local_addr=("127.0.0.1", 0))
    here, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0))
    pair = SimpleNamespace(
        protocol=SimpleNamespace(transport=here),
        remote_addr=there.get_extra_info("sockname"),
        local_candidate=SimpleNamespace(type=kind),
    )
    made = UdpSegmentSender(SimpleNamespace(_nominated={1: pair}))
    try:
        yield made, receiver.received
    finally:
        made.close()
        here.close()
        there.close()


@given(LENGTHS)
def test_groups_are_cut_at_ends_of_records_and_only_the_last_of_each_is_shorter(lengths: list[int]) -> None:
    records = [record(length, number) for number, length in enumerate(lengths)]
    groups = datagrams._groups(b"".join(records))
    parts = [group[at : at + length] for group, length in groups for at in range(0, len(group), length)]
    assert parts == records
    assert all(len(group) <= datagrams._MOST * length for group, length in groups)


@pytest.mark.parametrize("kind", ["host", "relay"])
async def test_each_record_arrives_as_a_datagram_of_its_own(kind: str) -> None:
    records = [record(1213, number) for number in range(7)] + [record(50, 7), record(1213, 8), record(1300, 9)]
    async with sending(kind) as (made, received):
        assert made.send(b"".join(records)) == len(records)
        await eventually(lambda: len(received) == len(records))
        assert received == records


@linux
async def test_records_of_one_length_are_sent_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    async with sending() as (made, received):
        made.send(record(60))
        assert made._socket is not None
        calls: list[int] = []
        real = made._socket
        monkeypatch.setattr(
            made,
            "_socket",
            SimpleNamespace(sendmsg=lambda *words: calls.append(real.sendmsg(*words)), close=real.close),
        )
        made.send(record(1213) * 4 + record(50))
        await eventually(lambda: len(received) == 6)
        assert calls == [4 * 1213 + 50]


@linux
@pytest.mark.parametrize(("number", "again"), [(errno.EIO, False), (errno.EINVAL, False), (errno.EAGAIN, True)])
async def test_records_are_sent_one_by_one_if_the_kernel_refuses_several(number: int, again: bool) -> None:
    tried = []

    def refuse(*_: object) -> int:
        tried.append(number)
        raise OSError(number, "refused")

    async with sending() as (made, received):
        made.send(record(60))
        real, made._socket = made._socket, SimpleNamespace(sendmsg=refuse, close=lambda: None)  # type: ignore[assignment]
        assert real is not None
        real.close()
        for _ in range(2):
            made.send(record(1213) * 4)
        await eventually(lambda: len(received) == 9)
        assert len(tried) == (2 if again else 1)


async def test_sending_without_a_pair_of_addresses_is_a_connection_error() -> None:
    with pytest.raises(ConnectionError):
        UdpSegmentSender(SimpleNamespace(_nominated={})).send(record(60))


async def test_a_closed_sender_has_no_socket_and_can_send_again() -> None:
    async with sending() as (made, received):
        made.send(record(60))
        made.close()
        made.close()
        assert made._socket is None
        made.send(record(60))
        await eventually(lambda: len(received) == 2)
        assert made._socket is None or made._socket.type == socket.SOCK_DGRAM
