"""The one seam between aiortc's peer connection and this project's shorter way through SCTP and DTLS.

Those parts know the inside of aiortc, so they are used with the versions that they were written for, if these look as
they should; with any other the data channel is aiortc's own, which does the same with half as much again of the
processor. Owns nothing.
"""

import importlib
import logging
from typing import Any

_log = logging.getLogger(__name__)

KNOWN = "1.16."
"""How the version begins whose inside `link.sctp` and `link.dtls` know."""
_SCTP = (
    *("_advanced_peer_ack_tsn", "_advertised_rwnd", "_association_state", "_cwnd", "_data_channel_flush"),
    *("_data_channel_queue", "_data_channels", "_inbound_streams", "_last_received_tsn", "_reconfig_deferred"),
    *("_sack_misordered", "_send_sack", "_set_state"),
    *("_fast_recovery_exit", "_flight_size", "_flight_size_decrease", "_flight_size_increase", "_handle_data"),
    *("_last_sacked_tsn", "_local_port", "_local_tsn", "_local_verification_tag", "_outbound_queue"),
    *("_outbound_stream_seq", "_partial_bytes_acked", "_receive_sack_chunk", "_reconfig_queue"),
    *("_remote_max_message_size", "_remote_port", "_remote_verification_tag", "_rto", "_sent_queue"),
    *("_t3_cancel", "_t3_expired", "_t3_handle", "_t3_restart", "_t3_start", "_transmit", "_transmit_reconfig"),
    *("_update_rto", "_loop"),
)
_DTLS = (
    *("_data_receiver", "_recv_next", "_ssl", "_state", "_write_ssl"),
    *(f"_RTCDtlsTransport__{name}" for name in ("handshake_done", "rx_bytes", "rx_packets", "tx_bytes", "tx_packets")),
)
_ICE = ("_nominated", "_queue", "data_received")


def association_of(connection: Any) -> Any:
    """The connection's SCTP association, which takes the short way from now on; None where this aiortc has no such way.

    The one seam to `link.sctp` and `link.dtls`: the connection has a data channel, and has sent nothing yet.
    """
    sctp = connection.sctp
    kinds = (type(sctp).__qualname__, type(sctp.transport).__qualname__)
    if kinds != ("RTCSctpTransport", "RTCDtlsTransport") or not _is_known(sctp):
        return None
    short_sctp, short_dtls = (importlib.import_module(f"mobifai.webrtc.{name}") for name in ("sctp", "dtls"))
    sctp.transport.__class__ = short_dtls.FastDtlsTransport
    sctp.__class__ = short_sctp.FastSctpTransport
    sctp.transport.begin()
    sctp.begin()
    return sctp


def _is_known(sctp: Any) -> bool:
    """Whether this aiortc is one that the short way was written for, and looks so."""
    version = importlib.import_module("aiortc").__version__
    missing = [
        name
        for part, names in ((sctp, _SCTP), (sctp.transport, _DTLS), (sctp.transport.transport._connection, _ICE))
        for name in names
        if not hasattr(part, name)
    ]
    if missing or not version.startswith(KNOWN):
        _log.info("the data channel of aiortc %s is used as it is: %s", version, missing or f"known is {KNOWN}x")
        return False
    return True
