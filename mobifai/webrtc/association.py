"""The progress of an SCTP association, which aiortc does not publish. A `connection` is an RTCPeerConnection."""

from typing import Any

_RECEIVE_WINDOW = 1 << 20
"""Bytes that aiortc announces to a peer as its receive window; it does not enforce the limit."""


def unfinished_bytes(connection: Any) -> int:
    """Return how many bytes of incomplete messages have arrived on a connection."""
    sctp = connection.sctp
    return max(0, _RECEIVE_WINDOW - int(sctp._advertised_rwnd)) if sctp is not None else 0


def last_acknowledged(connection: Any) -> int:
    """Return the number (TSN) up to which the peer has acknowledged all chunks; 0 without an association."""
    sctp = connection.sctp
    return int(sctp._last_sacked_tsn) if sctp is not None else 0


def oldest_unacknowledged(connection: Any) -> int | None:
    """Return the number (TSN) of the oldest sent chunk that the peer has not acknowledged, or None."""
    sctp = connection.sctp
    return int(sctp._sent_queue[0].tsn) if sctp is not None and sctp._sent_queue else None
