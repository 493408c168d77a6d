"""Checks that an SCTP packet has the form of RFC 9260, before aiortc parses it.

aiortc trusts the lengths within chunks: a length of zero makes it loop without end, and a short body ends the
connection with an exception. It also keeps all chunks that arrive early, without a limit, and iterates over each number
in an acknowledged gap.
"""

from collections.abc import Callable
from struct import Struct

MOST_EARLY = 1024
"""The most chunks that may arrive before a missing one; a phone may have about 900 full ones in flight."""
MOST_GAP = 4096
"""How many chunks after the cumulatively acknowledged one a gap block of a SACK may end. This side has at most about
450 chunks in flight."""

_COMMON_BYTES, _CHUNK_BYTES, _PARAMETER_BYTES = 12, 4, 4
_INIT_BYTES, _SACK_BYTES, _DATA_BYTES = 16, 12, 12
_CHUNK, _PARAMETER, _GAP = Struct("!BBH"), Struct("!HH"), Struct("!HH")
_SACK, _DATA = Struct("!LLHH"), Struct("!L")
_DATA_TYPE, _INIT_TYPE = 0, 1
_TSNS = 1 << 32


def is_valid(packet: bytes, newest: int | None) -> bool:
    """Return whether aiortc can parse a packet.

    `newest` is the last TSN that was received without a gap before it; None if no data may arrive yet.
    """
    chunks = _chunks(packet)
    if chunks is None or (len(chunks) > 1 and any(kind == _INIT_TYPE for kind, _ in chunks)):
        return False
    return all(
        _is_data_in_place(body, newest) if kind == _DATA_TYPE else _FORMS.get(kind, _any)(body) for kind, body in chunks
    )


def _chunks(packet: bytes) -> list[tuple[int, bytes]] | None:
    """Return the type and the body of each chunk of a packet, or None if a length is wrong."""
    found, at = [], _COMMON_BYTES
    while at <= len(packet) - _CHUNK_BYTES:
        kind, _, length = _CHUNK.unpack_from(packet, at)
        if length < _CHUNK_BYTES or at + length > len(packet):
            return None
        found.append((kind, packet[at + _CHUNK_BYTES : at + length]))
        at += length + (-length % 4)
    return found


def _is_data_in_place(body: bytes, newest: int | None) -> bool:
    """Return whether a DATA chunk may arrive now: it has content, and is not too far ahead of the TSN `newest`."""
    if len(body) <= _DATA_BYTES or newest is None:
        return False
    (tsn,) = _DATA.unpack_from(body)
    ahead: int = (tsn - newest) % _TSNS
    return ahead <= MOST_EARLY or ahead >= _TSNS // 2


def _any(_: bytes) -> bool:
    return True


def _is_init(body: bytes) -> bool:
    return len(body) >= _INIT_BYTES and _has_parameters(body[_INIT_BYTES:])


def _is_acknowledgement(body: bytes) -> bool:
    """Return whether a SACK has as many gap blocks and duplicates as it declares.

    The gap blocks must also be in order, and end at most MOST_GAP chunks after the cumulatively acknowledged chunk.
    """
    if len(body) < _SACK_BYTES:
        return False
    _, _, gaps, duplicates = _SACK.unpack_from(body)
    if len(body) != _SACK_BYTES + 4 * (gaps + duplicates):
        return False
    last = 0
    for start, end in _GAP.iter_unpack(body[_SACK_BYTES : _SACK_BYTES + 4 * gaps]):
        if not last < start <= end <= MOST_GAP:
            return False
        last = end
    return True


def _parameters(body: bytes) -> list[tuple[int, int]] | None:
    """Return the type of each parameter and the length of its value, or None if a length is wrong."""
    found, at = [], 0
    while at <= len(body) - _PARAMETER_BYTES:
        kind, length = _PARAMETER.unpack_from(body, at)
        if length < _PARAMETER_BYTES or at + length > len(body):
            return None
        found.append((kind, length - _PARAMETER_BYTES))
        at += length + (-length % 4)
    return found


def _has_parameters(body: bytes) -> bool:
    return _parameters(body) is not None


def _is_reconfiguration(body: bytes) -> bool:
    """Return whether a RE-CONFIG's parameters are as long as they need to be (RFC 6525, section 4)."""
    parameters = _parameters(body)
    if parameters is None:
        return False
    return all(
        length >= _LEAST_VALUES.get(kind, 0) and (kind != _RESET or length % 2 == 0) for kind, length in parameters
    )


_RESET = 13
_LEAST_VALUES = {_RESET: 12, 16: 8, 17: 8}  # bounded by this line

_FORMS: dict[int, Callable[[bytes], bool]] = {  # bounded by this table
    _INIT_TYPE: _is_init,
    2: _is_init,
    3: _is_acknowledgement,
    4: _has_parameters,
    5: _has_parameters,
    6: _has_parameters,
    7: lambda body: len(body) == 4,
    9: _has_parameters,
    130: _is_reconfiguration,
    192: lambda body: len(body) >= 4 and len(body) % 4 == 0,
}
"""Validators by the type of a chunk. A chunk of any other type may have any body."""
