"""The DTLS transport of a data channel: aiortc's, that takes what has come and sends what is to go several at a time.

Handshake, identity, alerts and the end are aiortc's own. Each record is still one datagram.
"""

import asyncio
from typing import Any

from aiortc.rtcdtlstransport import RTCDtlsTransport, State
from OpenSSL import SSL

from mobifai.link.datagrams import Datagrams

_APPLICATION_DATA = 23
_LONGEST = 1500
_OVERHEAD = 64
"""Bytes that a record has beside its content, at most."""


class Records(RTCDtlsTransport):
    """A transport of which `begin` has been called."""

    _ssl: SSL.Connection
    _RTCDtlsTransport__handshake_done: bool
    _RTCDtlsTransport__rx_bytes: int
    _RTCDtlsTransport__rx_packets: int
    _RTCDtlsTransport__tx_bytes: int
    _RTCDtlsTransport__tx_packets: int

    def begin(self) -> None:
        """Start with what this class has beside its parent's."""
        self._datagrams = Datagrams(self.transport._connection)

    async def _recv_next(self) -> None:
        """Take the next datagram, and those that have come with it; then the association sends what it may."""
        if not self._RTCDtlsTransport__handshake_done:
            await super()._recv_next()
        else:
            await self._take(await self.transport._recv())
            await self._take_others(self.transport._connection._queue)
        receiver: Any = self._data_receiver
        if receiver is not None:
            receiver.settle()

    async def _take_others(self, queue: "asyncio.Queue[tuple[bytes, int] | None]") -> None:
        while not queue.empty():
            came = queue.get_nowait()
            if came is None:
                raise ConnectionError("the sockets are closed")
            await self._take(came[0])

    async def _take(self, datagram: bytes) -> None:
        """One datagram, as the parent takes it; no answer is looked for behind plain data."""
        self._RTCDtlsTransport__rx_bytes += len(datagram)
        self._RTCDtlsTransport__rx_packets += 1
        if not 19 < datagram[0] < 64:
            return  # sound and pictures, which nobody asked for
        self._ssl.bio_write(datagram)
        try:
            data = self._ssl.recv(_LONGEST)
        except SSL.ZeroReturnError:
            data = None
        except SSL.Error:
            data = b""
        if not data or datagram[0] != _APPLICATION_DATA:
            await self._write_ssl()
        if data is None:
            raise ConnectionError("the phone ended the connection")
        if data and self._data_receiver:
            await self._data_receiver._handle_data(data)

    def send_all(self, packets: list[bytes]) -> None:
        """Encrypt and send these. Raises ConnectionError."""
        if self._state != State.CONNECTED:
            raise ConnectionError("the DTLS transport is not connected")
        length = 0
        for packet in packets:
            self._ssl.send(packet)
            length += len(packet) + _OVERHEAD
        records = self._ssl.bio_read(length)
        self._RTCDtlsTransport__tx_packets += self._datagrams.send(records)
        self._RTCDtlsTransport__tx_bytes += len(records)

    async def stop(self) -> None:
        """As the parent, and let go of the socket."""
        try:
            await super().stop()
        finally:
            self._datagrams.close()
