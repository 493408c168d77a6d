"""Which link to the relay an agent has: inside the process for a relay of its own, Socket.IO for one elsewhere."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from mobifai.bounds import Ledger
from mobifai.transport.relay_address import RelayTarget
from mobifai.transport.relay_in_process import InProcessRelayTransport
from mobifai.transport.transport import Transport

if TYPE_CHECKING:
    from mobifai.transport.relay_client import RelayListener


class RelayTransport(Transport, Protocol):
    """A path to the phone through a relay, and the connection to that."""

    @property
    def in_flight(self) -> int:
        """Messages that are not on the wire yet."""

    def drop(self) -> None:
        """End this connection; the next one follows."""

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""


def create_relay_transport(
    relay_target: RelayTarget,
    ledger: Ledger,
    listener: "RelayListener",
    token: Callable[[], str | None],
    time_scale: float,
) -> RelayTransport:
    """The link that an endpoint needs. `token` gives what to sign in with; timers run `time_scale` times as fast."""
    if relay_target.relay is not None:
        return InProcessRelayTransport(relay_target.relay, listener)
    from mobifai.transport.relay_client import RelayClient  # noqa: PLC0415 - only with a relay elsewhere

    return RelayClient(relay_target.url, ledger, listener, token, time_scale)
