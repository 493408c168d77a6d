"""The agent as the health check uses it: its status, tests of its connections, and the repair of these connections."""

import math
from typing import Protocol

from mobifai.agent.status import StatusReader
from mobifai.assistant.access import AssistantAccess
from mobifai.health.status import AgentStatus, HealthCheck
from mobifai.session.relay_registration import RelayRegistration
from mobifai.session.sessions import Sessions
from mobifai.transport.relay_address import RelayTarget

QUIET_SECONDS = 30.0
"""How long, in seconds, no connected phone must have been sent output before a restart of the agent disturbs nobody."""


class KeeperControl(Protocol):
    """The agent's access to its keeper, the process that owns the shells and keeps them while the agent restarts."""

    @property
    def pid(self) -> int | None:
        """The process id of the keeper, or None if there is no keeper."""

    def restart(self) -> bool:
        """Restart the agent, while the keeper keeps its terminals. Return True.

        Without a keeper, do nothing and return False.
        """


class Vitals:
    """Gives the health monitor access to the agent. Implements `health.monitor.MonitorTarget`."""

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
        """Store the outcome of a health check as `last_check`, which is part of the status."""
        self._status.last_check = check

    async def relay_round_trip(self) -> float | None:
        """Return the round-trip time of an echo on the relay connection, in seconds; None if the connection is closed.

        If the relay runs in this process, the echo shows only that the relay's queues and this event loop respond;
        `mobifai doctor` tests whether the relay can be reached from outside. A relay that does not support `relay:echo`
        is sent an HTTP request instead. Raises TimeoutError if the relay does not answer.
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
        """Drop the connection to the relay. The registration then connects again."""
        self._registration.transport.drop()

    def drop_channel(self, phone: str) -> None:
        """Close a phone's data channel. The relay carries the phone's messages until a new channel is negotiated."""
        for session in self._sessions.open:
            if session.device_id == phone:
                session.transports.drop_channel()

    def is_quiet(self) -> bool:
        """Return whether the assistant is idle, and no connected phone was sent output in the last QUIET_SECONDS."""
        idle = [phone.phone_idle_s for phone in self._status.phones() if phone.phone_idle_s is not None]
        return not self._assistant.is_busy and min(idle, default=math.inf) > QUIET_SECONDS

    def restart(self) -> bool:
        """Restart the agent if a keeper holds the shells, and return True.

        Without a keeper, do nothing and return False.
        """
        return self._keeper.restart()
