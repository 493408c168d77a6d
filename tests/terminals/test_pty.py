"""Reading a terminal's master: all available bytes, up to the available room."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobifai.bounds import ByteQueue, Ledger
from mobifai.limits import TERMINAL_INPUT
from mobifai.terminals.pty import Pty
from tests.support.eventually import eventually


@dataclass
class Reader:
    """Returns windows of one or two views, in turn, and stores their content."""

    sizes: tuple[tuple[int, ...], ...]
    read: list[bytes] = field(default_factory=list)
    ended: int = 0
    _views: list[bytearray] = field(default_factory=list)

    def window(self) -> list[memoryview]:
        self._views = [bytearray(size) for size in self.sizes[len(self.read) % len(self.sizes)]]
        return [memoryview(view) for view in self._views]

    def on_read(self, length: int) -> None:
        self.read.append(b"".join(self._views)[:length])

    def on_end(self) -> None:
        self.ended += 1


@asynccontextmanager
async def reading(reader: Reader) -> AsyncIterator[socket.socket]:
    """A socket whose packets are the single reads of a terminal. Closing it is the end."""
    master, program = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    master.setblocking(False)
    ledger = Ledger()
    with ledger.bound(TERMINAL_INPUT) as bound:
        pty = Pty(master.detach(), ByteQueue(bound), reader.window, reader.on_read, reader.on_end)
        try:
            yield program
        finally:
            pty.close()
            program.close()


packets = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="a socket that keeps packets apart plays the terminal: Linux has it"
)


@packets
async def test_output_in_pieces_is_reported_once() -> None:
    reader = Reader(((16 << 10,),))
    async with reading(reader) as program:
        for piece in (b"a", b"b", b"c"):
            program.send(piece * 4096)
        await eventually(lambda: reader.read)
        assert reader.read == [b"a" * 4096 + b"b" * 4096 + b"c" * 4096]


@packets
async def test_no_read_goes_into_less_than_the_kernel_may_give() -> None:
    reader = Reader(((10_000,),))
    async with reading(reader) as program:
        for piece in (b"a", b"b", b"c"):
            program.send(piece * 4096)
        await eventually(lambda: len(reader.read) == 2)
        assert reader.read == [b"a" * 4096 + b"b" * 4096, b"c" * 4096]


@packets
async def test_the_last_output_is_reported_before_the_end_and_the_end_once() -> None:
    reader = Reader(((16 << 10,),))
    async with reading(reader) as program:
        program.send(b"x" * 4096)
        program.send(b"last words")
        program.close()
        await eventually(lambda: reader.ended)
        assert (b"".join(reader.read), reader.ended) == (b"x" * 4096 + b"last words", 1)


SIZES = st.lists(st.lists(st.integers(1, 9000), min_size=1, max_size=2).map(tuple), min_size=1, max_size=4).map(tuple)


@given(SIZES, st.lists(st.integers(1, 9000), max_size=12))
async def test_every_byte_is_read_in_order_whatever_room_there_is(
    sizes: tuple[tuple[int, ...], ...], pieces: list[int]
) -> None:
    reader = Reader(sizes)
    reader_end, writer_end = os.pipe()  # a stream, like a terminal: unread bytes remain
    os.set_blocking(reader_end, False)
    ledger = Ledger()
    with ledger.bound(TERMINAL_INPUT) as bound:
        pty = Pty(reader_end, ByteQueue(bound), reader.window, reader.on_read, reader.on_end)
        wanted = b""
        for number, size in enumerate(pieces):
            wanted += bytes([number]) * size
            os.write(writer_end, bytes([number]) * size)
            await asyncio.sleep(0)
        os.close(writer_end)
        await eventually(lambda: reader.ended)
        pty.close()
    assert b"".join(reader.read) == wanted
