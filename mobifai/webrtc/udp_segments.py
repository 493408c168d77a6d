"""Passes DTLS records to the kernel, several at a time where the kernel can split them (UDP_SEGMENT, Linux 4.18).

A system call for a single datagram runs through the whole network stack and wakes the receiver. A batch does so only
once. The datagrams on the network are the same.
"""

import errno
import logging
import os
import socket
import struct
import sys
from typing import Any

_log = logging.getLogger(__name__)

_UDP_SEGMENT = 103  # <linux/udp.h>; Python does not name it
_MOST = 40
"""The most records in one system call. The kernel accepts up to 64 records, and up to 64 KiB."""
_HEADER = 13
_LENGTH_AT = 11
_NEVER = frozenset(
    {errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.ENOPROTOOPT, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM}
)
"""Errors by which a kernel or network card shows that it can't split records. Other errors are temporary."""


class UdpSegmentSender:
    """Sends DTLS records between the pair of addresses that ICE has chosen. `ice` is an `aioice.Connection`.

    Owns a duplicate of the socket's descriptor, from the first `send` until `close`.
    """

    def __init__(self, ice: Any) -> None:
        self._ice = ice
        self._pair: Any = None
        self._socket: socket.socket | None = None
        self._able = sys.platform == "linux"

    def send(self, records: bytes) -> int:
        """Send each DTLS record in `records` as one datagram. Return the number of records.

        Raises ConnectionError if ICE has not chosen a pair of addresses yet.
        """
        pair = self._ice._nominated.get(1)
        if pair is None:
            raise ConnectionError("no pair of addresses is chosen")
        if pair is not self._pair:
            self._turn_to(pair)
        groups = _groups(records)
        for group, length in groups:
            if len(group) == length or not self._send_group(group, length):
                for at in range(0, len(group), length):
                    pair.protocol.transport.sendto(group[at : at + length], pair.remote_addr)
        return sum(-(-len(group) // length) for group, length in groups)

    def _send_group(self, group: bytes, length: int) -> bool:
        """Send records of `length` bytes with one system call. Return False if the caller has to send them singly."""
        if self._socket is None or self._pair.protocol.transport.get_write_buffer_size():
            return False  # queued datagrams go first
        try:
            size = struct.pack("=H", length)
            self._socket.sendmsg([group], [(socket.IPPROTO_UDP, _UDP_SEGMENT, size)], 0, self._pair.remote_addr)
        except OSError as error:
            if error.errno in _NEVER:
                _log.info("the kernel can't split batches of datagrams (%s); sending them one by one", error)
                self._able = False
                self.close()
            return False
        return True

    def _turn_to(self, pair: Any) -> None:
        self.close()
        self._pair = pair
        found = pair.protocol.transport.get_extra_info("socket")
        if self._able and found is not None and pair.local_candidate.type == "host":
            self._socket = socket.socket(fileno=os.dup(found.fileno()))

    def close(self) -> None:
        """Close the duplicate of ICE's socket. The next `send` duplicates the socket again."""
        self._pair = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _groups(records: bytes) -> list[tuple[bytes, int]]:
    """Split `records` into groups, each for one system call.

    Return each group with the length of its records. The last record of a group may be shorter.
    """
    groups: list[tuple[bytes, int]] = []
    start = at = length = count = 0
    while at < len(records):
        own = _HEADER + int.from_bytes(records[at + _LENGTH_AT : at + _HEADER])
        if count and (own > length or count == _MOST):
            groups.append((records[start:at], length))
            start, count = at, 0
        if not count:
            length = own
        at += own
        count += 1
        if own < length:
            groups.append((records[start:at], length))
            start, count = at, 0
    if count:
        groups.append((records[start:], length))
    return groups
