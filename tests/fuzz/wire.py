"""The transport below a phone's data channel: its datagrams, and the packets of its association.

It uses internals of aiortc and aioice, because no public interface lets a program violate their protocols.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiortc import RTCPeerConnection


class Wire:
    """The lower layers of an open peer connection."""

    def __init__(self, connection: RTCPeerConnection) -> None:
        assert connection.sctp is not None
        self._sctp: Any = connection.sctp
        self._dtls: Any = self._sctp.transport
        self._ice: Any = self._dtls.transport._connection
        pair = self._ice._nominated[1]
        self._protocol = pair.protocol
        self._agent = pair.remote_addr

    def watch(self, seen: Callable[[bytes], None]) -> None:
        """Call a function with each datagram to the agent."""
        send = self._protocol.send_data

        async def send_and_show(data: bytes, address: Any) -> None:
            seen(data)
            await send(data, address)

        self._protocol.send_data = send_and_show

    def watch_sctp(self, seen: Callable[[bytes], object]) -> None:
        """Call a function with each SCTP packet to the agent."""
        send = self._dtls._send_data

        async def send_and_show(data: bytes) -> None:
            seen(data)
            await send(data)

        self._dtls._send_data = send_and_show
        self._send_sctp = send

    def send(self, data: bytes, *, forged: bool) -> None:
        """Send a datagram from the phone's address, or from another one."""
        if forged:
            self._protocol.transport.sendto(data, self._agent)
            return
        family = socket.AF_INET6 if ":" in self._agent[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as stranger, suppress(OSError):
            stranger.sendto(data, self._agent)

    async def send_sctp(self, data: bytes) -> None:
        """Send a packet within the encrypted association."""
        await self._send_sctp(data)

    def sctp_header(self) -> bytes:
        """Return the first 8 bytes of this association's packets: ports and tag."""
        ports = (self._sctp._local_port, self._sctp._remote_port)
        return b"".join(port.to_bytes(2, "big") for port in ports) + self._sctp._remote_verification_tag.to_bytes(
            4, "big"
        )

    def dropped(self) -> int:
        """Return how many datagrams to the agent's port the kernel has dropped (0 except on Linux)."""
        with suppress(OSError, ValueError, IndexError):
            table = "/proc/net/udp6" if ":" in self._agent[0] else "/proc/net/udp"
            port = f":{self._agent[1]:04X}"
            rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
            return sum(int(row[-1]) for row in rows if row[1].endswith(port))
        return 0
