"""The impaired link: it does exactly what it is asked to, and is gone with its scope."""

import asyncio
import socket

import psutil
import pytest

from tests.support import impaired_link
from tests.support.impaired_link import QUEUE_BYTES, ImpairedLink, Impairment, NoLink
from tests.support.impaired_link import impaired_link as laid

pytestmark = pytest.mark.skipif(bool(impaired_link.why_not()), reason=impaired_link.why_not() or "there is one")

DATAGRAM = 1000
AT_ONCE = 50
"""Datagrams that a socket's buffer holds."""
HEADERS = 28


async def arrived(link: ImpairedLink, count: int) -> list[int]:
    """The numbers of the datagrams that come back out of so many, sent together to a peer that answers each."""
    answering = "import socket,sys;s=socket.socket(type=socket.SOCK_DGRAM);s.bind((sys.argv[1],7));print(flush=True)\n"
    answering += "while 1: s.sendto(*s.recvfrom(2000))"
    process = await asyncio.create_subprocess_exec(
        *link.inside, "python3", "-c", answering, link.far, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        await process.stdout.readline()
        return await answers_of(link, count)
    finally:
        process.kill()
        await process.wait()


async def answers_of(link: ImpairedLink, count: int) -> list[int]:
    loop = asyncio.get_running_loop()
    numbers: list[int] = []
    with socket.socket(type=socket.SOCK_DGRAM) as near:
        near.setblocking(False)
        near.connect((link.far, 7))
        for first in range(0, count, AT_ONCE):
            for number in range(first, first + AT_ONCE):
                await loop.sock_sendall(near, number.to_bytes(4, "big") * (DATAGRAM // 4))
            await until_accounted_for(link, near, first + AT_ONCE, numbers)
    return numbers


async def until_accounted_for(link: ImpairedLink, near: socket.socket, count: int, numbers: list[int]) -> None:
    """Take what comes until so many have come back or are known to be lost."""
    gone = 0
    while len(numbers) + gone < count:
        try:  # not `sock_recv` with a time limit, which loses a datagram that comes in the moment in which it is over
            numbers.append(int.from_bytes(near.recv(2000)[:4], "big"))
        except BlockingIOError:
            gone = sum(way["lost"] + way["dropped"] for way in (await link.counts()).values())
            await asyncio.sleep(0.01)


async def test_a_ping_takes_the_round_trip_time_and_hardly_more() -> None:
    async with laid() as link:
        clean = await link.ping()
        await link.impair(Impairment(rtt=0.05))
        assert 0.05 <= await link.ping() < 0.05 + 0.02 + 20 * clean


async def test_a_clean_wire_loses_nothing_and_keeps_the_order() -> None:
    async with laid() as link:
        assert await arrived(link, 500) == list(range(500))


async def test_the_same_seed_loses_the_same_packets_and_another_one_others() -> None:
    async with laid() as link:
        lost = []
        for seed in (1, 1, 2):
            await link.impair(Impairment(loss=0.1), seed)
            numbers = await arrived(link, 400)
            counts = await link.counts()
            assert numbers == sorted(numbers)
            assert len(numbers) == 400 - counts["to_far"]["lost"] - counts["to_near"]["lost"]
            assert 10 < counts["to_far"]["lost"] < 90
            lost.append(numbers)
        assert lost[0] == lost[1] != lost[2]


async def test_what_does_not_fit_into_the_queue_is_dropped_newest_first() -> None:
    async with laid() as link:
        await link.impair(Impairment(rate=20_000))
        fitting = QUEUE_BYTES // (DATAGRAM + HEADERS)
        with socket.socket(type=socket.SOCK_DGRAM) as near:
            for _ in range(2 * fitting):
                near.sendto(bytes(DATAGRAM), (link.far, 7))
        dropped = 0
        async with asyncio.timeout(10):
            while dropped < fitting - 5:
                dropped = (await link.counts())["to_far"]["dropped"]
        counts = await link.counts()
        assert fitting - 5 <= counts["to_far"]["dropped"] <= fitting
        assert counts["to_far"]["lost"] == 0


async def test_nothing_of_it_is_left_after_its_scope() -> None:
    async with laid() as link:
        process = psutil.Process(link._process.pid)
        mine = [name for name, found in psutil.net_if_addrs().items() if link.near in {one.address for one in found}]
        assert len(mine) == 1
    assert not process.is_running()
    assert mine[0] not in psutil.net_if_addrs()


async def test_where_there_can_be_none_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(NoLink, match="it takes root"):
        async with laid():
            pass
