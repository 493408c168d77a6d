"""A check that an SDP answer has what a data channel needs, before aiortc connects with it.

aiortc connects in a task of its own. If the answer lacks something, that task ends with an exception that nobody sees.
"""

from typing import Any

_MOST_PORT = 65535
_OLD_PROFILE = "DTLS/SCTP"
"""The profile of SDP before RFC 8841. With it, the port is in the place where other media list their formats."""


def require_usable(session: Any) -> None:
    """Raise ValueError unless every data channel of a parsed session has a fingerprint and a port (RFC 8841, 8842).

    `session` is an `aiortc.sdp.SessionDescription`.
    """
    for media in session.media:
        if media.kind != "application":
            continue
        if not media.dtls.fingerprints:
            raise ValueError("expected the fingerprint of a certificate; found none")
        port = int(media.fmt[0]) if media.profile == _OLD_PROFILE else media.sctp_port
        if port is None or not 1 <= port <= _MOST_PORT:
            raise ValueError(f"expected an SCTP port of 1 to {_MOST_PORT}; found {port}")
