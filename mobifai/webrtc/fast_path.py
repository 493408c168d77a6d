"""The switch from aiortc's SCTP and DTLS transports to this project's faster ones.

The faster transports use internals of aiortc. So they are used only with the versions for which they were written, and
only if these have the expected attributes. With any other version the data channel is aiortc's own, which works the
same but takes 50 % more CPU time.
"""

import importlib
import logging
from typing import Any

_log = logging.getLogger(__name__)

KNOWN = "1.16."
"""The prefix of the aiortc versions for which `webrtc.sctp` and `webrtc.dtls` were written."""
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


def use_fast_path(connection: Any) -> Any:
    """Switch a connection to the faster transports, and return its SCTP transport.

    Return None, and switch nothing, if this version of aiortc is not known. The connection must have a data channel,
    and must not have sent anything yet.
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
    """Return whether this aiortc is a known version with the expected attributes."""
    version = importlib.import_module("aiortc").__version__
    missing = [
        name
        for part, names in ((sctp, _SCTP), (sctp.transport, _DTLS), (sctp.transport.transport._connection, _ICE))
        for name in names
        if not hasattr(part, name)
    ]
    if missing or not version.startswith(KNOWN):
        reason = f"it lacks {', '.join(missing)}" if missing else f"expected version {KNOWN}x"
        _log.info("using aiortc %s without the faster data channel: %s", version, reason)
        return False
    return True
