"""The DTLS transport of a data channel: a subclass of aiortc's transport, with faster receiving and sending.

It handles data when it arrives, and sends records in batches. Handshake, identity, alerts and shutdown are aiortc's
own. Each record is still one datagram.
"""

import asyncio
import logging
from typing import Any

from aiortc.rtcdtlstransport import RTCDtlsTransport, State
from OpenSSL import SSL

from mobifai.webrtc.udp_segments import UdpSegmentSender

_log = logging.getLogger(__name__)

_APPLICATION_DATA = 23
_LONGEST = 1500
_OVERHEAD = 64
"""The most bytes that a record has in addition to its content."""


class _OpenedRecord(bytes):
    """The content of a record that is already decrypted. It is queued in place of the record's datagram."""


class FastDtlsTransport(RTCDtlsTransport):
    """A DTLS transport of aiortc whose class was switched to this one. After the switch, `begin` has to be called."""

    _ice: Any
    _ssl: SSL.Connection
    _RTCDtlsTransport__handshake_done: bool
    _RTCDtlsTransport__rx_bytes: int
    _RTCDtlsTransport__rx_packets: int
    _RTCDtlsTransport__tx_bytes: int
    _RTCDtlsTransport__tx_packets: int

    def begin(self) -> None:
        """Initialize the attributes that this class adds."""
        self._ice = self.transport._connection
        self._datagrams = UdpSegmentSender(self._ice)
        self._task_waits = False
        self._ice.data_received = self._datagram_received

    def _datagram_received(self, datagram: bytes, component: int) -> None:
        """Replace aioice's `data_received`, which queues datagrams for a task.

        If the task would take this datagram next, and it is a record with plain data, the record is decrypted and
        handled here instead. Anybody can send to this port, so a datagram may have any content.
        """
        if not datagram:
            return
        receiver: Any = self._data_receiver
        is_next = self._task_waits and self._ice._queue.empty()
        if is_next and receiver is not None and datagram[0] == _APPLICATION_DATA:
            try:
                data = self._open_record(datagram)
                if not data or receiver.receive_plain(data):
                    return
            except Exception:  # a handler may raise anything; it must not end the socket
                _log.exception(
                    "a message on the data channel could not be handled; closing the WebRTC connection to the phone"
                )
                self._ice._queue.put_nowait(None)
                return
            datagram = _OpenedRecord(data)
        self._ice._queue.put_nowait((datagram, component))

    def _open_record(self, datagram: bytes) -> bytes | None:
        """Return the content of a record: empty if it is not valid data, None if the phone closed the connection."""
        self._RTCDtlsTransport__rx_bytes += len(datagram)
        self._RTCDtlsTransport__rx_packets += 1
        self._ssl.bio_write(datagram)
        try:
            return self._ssl.recv(_LONGEST)
        except SSL.ZeroReturnError:
            return None
        except SSL.Error:
            return b""

    async def _recv_next(self) -> None:
        """Handle the next datagram and those that arrived with it. Then let the SCTP transport send what is due."""
        if not self._RTCDtlsTransport__handshake_done:
            await super()._recv_next()
        else:
            self._task_waits = True
            try:
                datagram = await self.transport._recv()
            finally:
                self._task_waits = False
            await self._take(datagram)
            await self._take_others(self._ice._queue)
        receiver: Any = self._data_receiver
        if receiver is not None:
            receiver.flush()

    async def _take_others(self, queue: "asyncio.Queue[tuple[bytes, int] | None]") -> None:
        while not queue.empty():
            came = queue.get_nowait()
            if came is None:
                raise ConnectionError("the sockets are closed")
            await self._take(came[0])

    async def _take(self, datagram: bytes) -> None:
        """Handle one datagram as the parent class does, but do not ask OpenSSL for an answer to a record of data."""
        if isinstance(datagram, _OpenedRecord):
            data: bytes | None = datagram
        elif 19 < datagram[0] < 64:
            data = self._open_record(datagram)
            if not data or datagram[0] != _APPLICATION_DATA:
                await self._write_ssl()
        else:
            return  # audio or video, which was not negotiated
        if data is None:
            raise ConnectionError("the phone ended the connection")
        if data and self._data_receiver:
            await self._data_receiver._handle_data(data)

    def send_all(self, packets: list[bytes]) -> None:
        """Encrypt each of these SCTP packets, and send the DTLS records. Raises ConnectionError."""
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
        """Stop as the parent class does, and close the sender's duplicate of the socket."""
        try:
            await super().stop()
        finally:
            self._ice.__dict__.pop("data_received", None)
            self._datagrams.close()
