"""The agent as the health check sees it: its status, probes of its connections, and the repairs."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from mobifai.agent.status import StatusReader
from mobifai.health.status import AgentStatus, HealthCheck
from mobifai.protocol import messages
from mobifai.session.links import Links
from mobifai.transport.relay_address import RelayTarget

ECHO_SECONDS = 5.0
QUIET_SECONDS = 30.0
"""Nobody notices a restart when no output was sent for this long."""


class KeeperControl(Protocol):
    """The keeper, which holds the shells while the agent restarts."""

    @property
    def pid(self) -> int | None:
        """The keeper's process; None without a keeper."""

    def restart(self) -> bool:
        """Restart the agent with the same terminals; False without a keeper."""


class Vitals:
    """The monitor's target (see `health.monitor.MonitorTarget`)."""

    def __init__(
        self,
        links: Links,
        status: StatusReader,
        relay_target: RelayTarget,
        keeper: KeeperControl,
        assistant_is_busy: Callable[[], bool],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._links = links
        self._status = status
        self._relay_target = relay_target
        self._keeper = keeper
        self._assistant_is_busy = assistant_is_busy
        self._echo: asyncio.Future[None] | None = None
        self._relay_echoes = False

    def status(self) -> AgentStatus:
        """Read the agent's status."""
        return self._status.read()

    def checked(self, check: HealthCheck) -> None:
        """Keep the check in the status."""
        self._status.last_check = check

    async def relay_round_trip(self) -> float | None:
        """Measure an echo over the connection that also carries phones' messages.

        With a relay in this process, the echo tests its queues and this loop; `mobifai doctor` tests whether it can be
        reached from outside. A relay that does not know `relay:echo` is asked over HTTP.
        """
        if not self._links.relay.open:
            return None
        began = self._loop.time()
        self._echo = self._loop.create_future()
        self._links.send_to_relay("relay:echo", messages.Echo(nonce=f"{began:.6f}"))
        try:
            async with asyncio.timeout(ECHO_SECONDS):
                await self._echo
        except TimeoutError:
            if self._relay_echoes:
                raise
            from mobifai.access.relay_http import RelayApi  # noqa: PLC0415 - only with such a relay

            return await RelayApi(self._relay_target.url, None).health()
        finally:
            self._echo = None
        return self._loop.time() - began

    def relay_echoed(self) -> None:
        """Complete the round trip that is being measured."""
        self._relay_echoes = True
        if self._echo is not None and not self._echo.done():
            self._echo.set_result(None)

    def reconnect_relay(self) -> None:
        """Drop the connection to the relay; a new one follows."""
        self._links.relay.drop()

    def drop_channel(self) -> None:
        """Drop the data channel; a new one is negotiated while the relay serves the phone."""
        if self._links.connector.peer is not None:
            self._links.connector.peer.drop()

    def is_quiet(self) -> bool:
        """Return whether the assistant is idle, and no phone is connected or none was sent output lately."""
        idle = self._status.phone().phone_idle_s
        return not self._assistant_is_busy() and (idle is None or idle > QUIET_SECONDS)

    def restart(self) -> bool:
        """Restart if a keeper holds the shells."""
        return self._keeper.restart()
