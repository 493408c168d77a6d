"""A running agent: its parts, and the tasks that run while it serves phones."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mobifai.agent.control import AgentControl
from mobifai.agent.devices import AgentDevices
from mobifai.agent.events import AgentEvent, EventBus, SessionClosed, ShellExited, TerminalClosed
from mobifai.agent.maintenance import Maintenance
from mobifai.assistant.access import AssistantAccess
from mobifai.bounds import Ledger
from mobifai.health.monitor import Monitor
from mobifai.health.trimmer import Trimmer
from mobifai.protocol.codes import ClientKind
from mobifai.session.registry import SessionRegistry
from mobifai.session.relay_registration import RelayRegistration
from mobifai.session.sessions import Sessions
from mobifai.terminals.tabs import Tabs
from mobifai.transport.relay_address import RelayTarget


class Agent:
    """A running agent. `control` has the handlers of requests on the control socket."""

    def __init__(
        self,
        relay_target: RelayTarget,
        device_id: str,
        state_dir: Path,
        ledger: Ledger,
        events: EventBus,
        tabs: Tabs,
        assistant: AssistantAccess,
        sessions: Sessions,
        registry: SessionRegistry,
        registrations: Sequence[RelayRegistration],
        devices: AgentDevices,
        control: AgentControl,
        monitor: Monitor,
        trimmer: Trimmer,
        maintenance: Maintenance,
    ) -> None:
        self.relay_target = relay_target
        self.device_id = device_id
        self.state_dir = state_dir
        self.ledger = ledger
        self.events = events
        self.tabs = tabs
        self.assistant = assistant
        self.sessions = sessions
        self.registry = registry
        self.registrations = registrations
        self.control = control
        self._devices = devices
        self._monitor = monitor
        self._trimmer = trimmer
        self._maintenance = maintenance
        events.subscribe(self._follow)

    async def run(self) -> None:
        """Serve phones through the relay, and do the periodic work, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for registration in self.registrations:
                tasks.create_task(registration.run(), name="relay")
            tasks.create_task(self._maintenance.run(), name="maintenance")
            tasks.create_task(self._monitor.run(), name="health")
            tasks.create_task(self._trimmer.run(), name="trimmer")

    async def invite(self, kind: ClientKind) -> dict[str, Any]:
        """Create an invitation for one phone, and return its fields (see `DeviceAdmin.invite`).

        Raises SignInRefused, RelayUnreachable.
        """
        return await self._devices.invite(kind)

    def _follow(self, event: AgentEvent) -> None:
        match event:
            case TerminalClosed(terminal, _) | ShellExited(terminal, True):
                self.assistant.terminal_closed(terminal.uuid)
            case SessionClosed():
                self._maintenance.session_closed()
