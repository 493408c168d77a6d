"""The close codes of the relay's WebSockets."""

from enum import IntEnum


class CloseCode(IntEnum):
    """The close codes that this relay sends (RFC 6455, section 7.4.1)."""

    OK = 1000
    GOING_AWAY = 1001
    POLICY_VIOLATION = 1008
