"""Faults of a peer, for load generators and tests. aiortc has no public methods for them."""

from typing import Any

_TEXT_PROTOCOL = 51
"""The protocol of a text message on a data channel (RFC 8831, section 8)."""


def stop_acknowledging(connection: Any) -> None:
    """Never acknowledge received data again; sending continues to work."""
    if connection.sctp is not None:
        connection.sctp._send_sack = _do_nothing


async def send_unfinished(connection: Any, channel: int, size: int) -> None:
    """Send a text message of `size` bytes without its last chunk.

    The message must be so long that not all of its chunks are sent immediately.
    """
    await connection.sctp._send(channel, _TEXT_PROTOCOL, bytes(size))
    connection.sctp._outbound_queue.pop()


async def _do_nothing() -> None:
    """Take the place of the method that sends a SACK, and send none."""
