"""Creates the transport through a relay: a direct one if the relay runs in this process, otherwise Socket.IO."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from mobifai.bounds import Ledger
from mobifai.transport.relay_address import RelayTarget
from mobifai.transport.relay_in_process import InProcessRelayTransport
from mobifai.transport.transport import Transport

if TYPE_CHECKING:
    from mobifai.transport.relay_client import RelayListener


class RelayTransport(Transport, Protocol):
    """A transport through a relay, and the connection to that relay."""

    @property
    def in_flight(self) -> int:
        """Number of sent messages that the operating system has not accepted yet."""

    def drop(self) -> None:
        """End the connection to the relay; the next one follows."""

    async def run(self) -> None:
        """Stay connected to the relay until cancelled."""


def create_relay_transport(
    relay_target: RelayTarget,
    ledger: Ledger,
    listener: "RelayListener",
    token: Callable[[], str | None],
    time_scale: float,
    seat: int,
) -> RelayTransport:
    """Create the transport for a relay.

    `token` returns the token to sign in with, or None. Timers of a connection to a relay elsewhere run `time_scale`
    times as fast. Only the relay in this process has more than one `seat`.
    """
    if relay_target.relay is not None:
        return InProcessRelayTransport(relay_target.relay, listener, seat=seat)
    from mobifai.transport.relay_client import RelayClient  # noqa: PLC0415 - only with a relay elsewhere

    return RelayClient(relay_target.url, ledger, listener, token, time_scale)
