"""Building and parsing the common SCTP packets of a data channel (RFC 9260, section 3).

Plain packets contain only acknowledgements without gaps, and whole, ordered text messages. The functions do not parse
other packets.
"""

from struct import Struct
from typing import NamedTuple

from aiortc.rtcsctptransport import SCTP_DATA_FIRST_FRAG, SCTP_DATA_LAST_FRAG, WEBRTC_STRING
from google_crc32c import extend, value

SACK_BYTES = 16
"""The size in bytes of an acknowledgement (SACK chunk) without gaps."""

_DATA, _SACK = 0, 3
_WHOLE = SCTP_DATA_FIRST_FRAG | SCTP_DATA_LAST_FRAG
_FLAGS = 0b111
_AT_ONCE = 0b1000  # RFC 7053
_COMMON_BYTES = 12
_PORTS = Struct("!HHL")
_CHECKSUM = Struct("<L")
_CHUNK = Struct("!BBH")
_DATA_CHUNK = Struct("!BBHLHHL")
_SACK_CHUNK = Struct("!BBHLLHH")


class PlainPacket(NamedTuple):
    """A plain packet. `cumulative` is the TSN up to which it acknowledges all chunks, or None.

    `messages` are tuples of TSN, stream, sequence and bytes. `at_once`: the sender asks for an immediate
    acknowledgement.
    """

    cumulative: int | None
    messages: list[tuple[int, int, int, bytes]]
    at_once: bool


class Header:
    """The common header of all packets that one association sends: its ports, and the peer's verification tag."""

    def __init__(self, local_port: int, remote_port: int, remote_tag: int) -> None:
        self._ports = _PORTS.pack(local_port, remote_port, remote_tag)
        self._seed = value(self._ports + bytes(4))

    def packet(self, chunks: bytes) -> bytes:
        """Return a packet: this header with a checksum, followed by `chunks`."""
        return self._ports + _CHECKSUM.pack(extend(self._seed, chunks)) + chunks


def data_chunk(flags: int, tsn: int, stream: int, sequence: int, protocol: int, data: bytes) -> bytes:
    """Return a DATA chunk with this content, padded to a multiple of 4 bytes."""
    length = _DATA_CHUNK.size + len(data)
    return _DATA_CHUNK.pack(_DATA, flags, length, tsn, stream, sequence, protocol) + data + bytes(-length % 4)


def sack_chunk(cumulative: int, window: int) -> bytes:
    """Return a SACK chunk that acknowledges all chunks up to the TSN `cumulative`.

    It advertises a receive window of `window` bytes.
    """
    return _SACK_CHUNK.pack(_SACK, 0, SACK_BYTES, cumulative, window, 0, 0)


def read_plain(packet: bytes, tag: int) -> PlainPacket | None:
    """Parse a plain packet with the verification tag `tag`. Return None for any other packet, and for a damaged one."""
    if len(packet) < _COMMON_BYTES + SACK_BYTES or _PORTS.unpack_from(packet)[2] != tag:
        return None
    cumulative, messages, at_once = None, [], False
    at, end = _COMMON_BYTES, len(packet)
    while at < end:
        if end - at < SACK_BYTES:
            return None
        kind, flags, length = _CHUNK.unpack_from(packet, at)
        if kind == _DATA and flags & _FLAGS == _WHOLE and _DATA_CHUNK.size < length <= end - at:
            *_, tsn, stream, sequence, protocol = _DATA_CHUNK.unpack_from(packet, at)
            if protocol != WEBRTC_STRING:
                return None
            messages.append((tsn, stream, sequence, packet[at + _DATA_CHUNK.size : at + length]))
            at_once = at_once or bool(flags & _AT_ONCE)
        elif kind == _SACK and length == SACK_BYTES and cumulative is None and not messages:
            *_, cumulative, _, gaps, duplicates = _SACK_CHUNK.unpack_from(packet, at)
            if gaps or duplicates:
                return None
        else:
            return None
        at += length + (-length % 4)
    whole = _CHECKSUM.unpack_from(packet, 8)[0] == value(packet[:8] + bytes(4) + packet[_COMMON_BYTES:])
    return PlainPacket(cumulative, messages, at_once) if whole else None
