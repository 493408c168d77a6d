"""The agent as the health check sees it: its status, probes of its connections, and the repairs."""

import math
from typing import Protocol

from mobifai.agent.status import StatusReader
from mobifai.assistant.access import AssistantAccess
from mobifai.health.status import AgentStatus, HealthCheck
from mobifai.session.relay_registration import RelayRegistration
from mobifai.session.sessions import Sessions
from mobifai.transport.relay_address import RelayTarget

QUIET_SECONDS = 30.0
"""Nobody notices a restart when no output was sent for this long."""


class KeeperControl(Protocol):
    """The keeper, which holds the shells while the agent restarts."""

    @property
    def pid(self) -> int | None:
        """The id of the keeper's process; None without a keeper."""

    def restart(self) -> bool:
        """Restart the agent with the same terminals. Return False without a keeper."""


class Vitals:
    """The monitor's target (see `health.monitor.MonitorTarget`)."""

    def __init__(
        self,
        registration: RelayRegistration,
        sessions: Sessions,
        status: StatusReader,
        relay_target: RelayTarget,
        keeper: KeeperControl,
        assistant: AssistantAccess,
    ) -> None:
        self._registration = registration
        self._sessions = sessions
        self._status = status
        self._relay_target = relay_target
        self._keeper = keeper
        self._assistant = assistant

    def status(self) -> AgentStatus:
        """Read the agent's status."""
        return self._status.read()

    def checked(self, check: HealthCheck) -> None:
        """Store the outcome of a health check, as `last_check` of the status."""
        self._status.last_check = check

    async def relay_round_trip(self) -> float | None:
        """Return the round-trip time of an echo on the relay connection, in seconds; None if the connection is closed.

        If the relay runs in this process, the echo shows only that its queues and this event loop respond; `mobifai
        doctor` tests whether the relay can be reached from outside. A relay that does not know `relay:echo` is sent an
        HTTP request instead. Raises TimeoutError if the relay does not answer.
        """
        if not self._registration.transport.open:
            return None
        try:
            return await self._registration.round_trip()
        except TimeoutError:
            if self._registration.relay_echoes:
                raise
            from mobifai.access.relay_http import RelayApi  # noqa: PLC0415 - only with such a relay

            return await RelayApi(self._relay_target.url, None).health()

    def reconnect_relay(self) -> None:
        """Drop the connection to the relay; a new one follows."""
        self._registration.transport.drop()

    def drop_channel(self, phone: str) -> None:
        """Drop a phone's data channel; a new one is negotiated while the relay serves the phone."""
        for session in self._sessions.open:
            if session.device_id == phone:
                session.transports.drop_channel()

    def is_quiet(self) -> bool:
        """Return whether the assistant is idle, and no phone is connected or none was sent output lately."""
        idle = [phone.phone_idle_s for phone in self._status.phones() if phone.phone_idle_s is not None]
        return not self._assistant.is_busy and min(idle, default=math.inf) > QUIET_SECONDS

    def restart(self) -> bool:
        """Restart the agent if a keeper holds the shells. Return whether a keeper does."""
        return self._keeper.restart()
