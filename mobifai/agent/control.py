"""The agent's handlers of requests on the control socket."""

from typing import Any

from mobifai.agent.devices import AgentDevices
from mobifai.agent.status import StatusReader
from mobifai.assistant.access import AssistantAccess
from mobifai.control.server import ControlHandler, StreamingHandler
from mobifai.health.monitor import Monitor
from mobifai.protocol.codes import ClientKind


class AgentControl:
    """The agent's handlers of requests on the control socket, such as `status` and `pair`."""

    def __init__(
        self, status: StatusReader, monitor: Monitor, assistant: AssistantAccess, devices: AgentDevices
    ) -> None:
        self._status = status
        self._monitor = monitor
        self._assistant = assistant
        self._devices = devices

    @property
    def handlers(self) -> dict[str, ControlHandler | StreamingHandler]:
        """The handlers, by the name of the request that each one answers."""
        return {
            "ask": lambda arguments: self._assistant.control().ask(arguments),
            "approve": lambda arguments: self._assistant.control().approve(arguments),
            "status": self._read_status,
            "check": self._check,
            "pair": self._pair,
            "devices": self._list_devices,
            "revoke": self._revoke,
        }

    async def _read_status(self, _: dict[str, Any]) -> object:
        return self._status.read()

    async def _check(self, _: dict[str, Any]) -> object:
        return await self._monitor.check()

    async def _pair(self, arguments: dict[str, Any]) -> object:
        return await self._devices.invite(ClientKind.LEGACY if arguments.get("legacy") else ClientKind.E2E)

    async def _list_devices(self, _: dict[str, Any]) -> object:
        return await self._devices.devices()

    async def _revoke(self, arguments: dict[str, Any]) -> object:
        return await self._devices.revoke(str(arguments.get("device_id", "")))
