"""Which link to the relay an agent has: inside the process for a relay of its own, Socket.IO for one elsewhere."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from mobifai.bounds import Ledger
from mobifai.transport.relay_address import Endpoint
from mobifai.transport.relay_in_process import OwnRelay
from mobifai.transport.transport import Path

if TYPE_CHECKING:
    from mobifai.transport.relay_client import RelayListener


class RelayLink(Path, Protocol):
    """A path to the phone through a relay, and the connection to that."""

    @property
    def in_flight(self) -> int:
        """Messages that are not on the wire yet."""

    def drop(self) -> None:
        """End this connection; the next one follows."""

    async def run(self) -> None:
        """Connect, and connect again, until cancelled."""


def relay_link(
    endpoint: Endpoint,
    ledger: Ledger,
    listener: "RelayListener",
    token: Callable[[], str | None],
    time_scale: float,
) -> RelayLink:
    """The link that an endpoint needs. `token` gives what to sign in with; timers run `time_scale` times as fast."""
    if endpoint.relay is not None:
        return OwnRelay(endpoint.relay, listener)
    from mobifai.transport.relay_client import RelayClient  # noqa: PLC0415 - only with a relay elsewhere

    return RelayClient(endpoint.url, ledger, listener, token, time_scale)
