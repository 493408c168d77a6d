"""The state of a phone: token, available agents, recent events, and the text of its terminals.

Owns this state, all of which is bounded, and lets tasks wait for events. Sends nothing and does not use a transport.
Payloads are JSON as Python values, as in protocol.md.
"""

import uuid as uuids
from collections.abc import Callable, Mapping
from typing import Any

from mobifai.errors import MobiFaiError
from soak.phone.event_log import ChangeNotifier, EventLog, Json, ReceivedEvent
from soak.phone.offsets import Reply, StreamOffsets
from soak.phone.screen import Screens, Totals, shows

Where = Callable[[Json], bool]
Watcher = Callable[[str, Json], None]
"""A function that is called with every event and its payload before the event is processed. May raise MobiFaiError."""


class PhoneState:
    """The state of one phone. With `keep_output`, it stores all text of its terminals, otherwise only the end.

    `features` are the features that the phone supports beyond the legacy protocol.
    """

    def __init__(
        self,
        *,
        name: str,
        token: str | None,
        device_id: str | None,
        keep_output: bool,
        features: tuple[str, ...] = (),
    ) -> None:
        self.name = name
        self.token = token
        self.device_id = device_id or str(uuids.uuid4())
        self.devices: list[dict[str, Any]] = []
        """The payload of the latest `available_devices`."""
        self.processes: dict[str, Any] | None = None
        """The payload of the latest `processes:sync`."""
        self.paired_with: str | None = None
        """The `peerId` of the current pairing."""
        self.verified: bool | None = None
        """Whether the agent's signature was valid; None if the relay did not forward a signature."""
        self.features = features
        self.offsets = StreamOffsets(features) if features else None
        """The phone's offset in each terminal; None for a legacy app, which has no offsets."""
        self.watcher: Watcher | None = None
        """A function that sees each event first. Its exceptions are raised in every task that waits for this phone."""
        self._log = EventLog()
        self._changes = ChangeNotifier()
        self._screens = Screens(keep_all=keep_output)

    def mark(self) -> int:
        """Return the current position in the stream of events. `expect(..., since=mark)` ignores earlier events."""
        return self._log.count

    async def expect(self, event: str, where: Where | None = None, timeout: float = 10, since: int = 0) -> Json:
        """Return the payload of the oldest stored event of this name, or wait for the next one. Remove the event.

        Only events from the mark `since` on are considered, and only those for whose payload `where` returns True. Only
        the newest events of a name are stored. Raises PhoneError after `timeout` seconds.
        """
        return (await self._first((event,), where, timeout, since)).payload

    async def _first(self, events: tuple[str, ...], where: Where | None, timeout: float, since: int) -> ReceivedEvent:
        def missing() -> str:
            received = ", ".join(self._log.names(since)[-20:]) or "nothing"
            return f"{self.name} to receive {' or '.join(events)}; it received {received}"

        return await self._changes.until(lambda: self._log.take(events, where, since), timeout, missing)

    async def until(self, ready: Callable[[], bool], what: str, timeout: float = 10) -> None:
        """Wait until `ready`, which is called after every event of this phone, returns True.

        Raises PhoneError after `timeout` seconds. `what` describes the expected event in the error.
        """
        await self._changes.until(lambda: ready() or None, timeout, lambda: what)

    def events(self, event: str, since: int = 0) -> int:
        """Return how many events of a name are stored, from the mark `since` on."""
        return self._log.names(since).count(event)

    def output(self, uuid: str) -> str:
        """Return the text of a terminal: the last screen and the output after it. Without `keep_output`, only its end
        is stored.
        """
        return self._screens.of(uuid).text()

    def screen(self, uuid: str) -> str:
        """Return the last `process:screen` of a terminal. It starts with a terminal reset."""
        return self._screens.of(uuid).screen

    def totals(self, uuid: str) -> Totals:
        """Return the totals of a terminal's output, without screens."""
        return self._screens.of(uuid).totals()

    def forget_output(self, uuid: str) -> None:
        """Clear a terminal's text, screen, totals and digest. The offset is kept."""
        self._screens.forget(uuid)

    async def wait_output(self, uuid: str, wanted: str | Callable[[str], bool], timeout: float = 20) -> str:
        """Wait until a terminal's text contains `wanted`, or `wanted(text)` is true. Return the text. Raises
        PhoneError.
        """
        found = shows(wanted)

        def shown() -> str | None:
            terminal = self._screens.of(uuid)
            return terminal.text() if found(terminal) else None

        return await self._changes.until(
            shown, timeout, lambda: f"{wanted!r} in terminal {uuid}, which ends with {self.output(uuid)[-500:]!r}"
        )

    def receive(self, event: str, payload: Json, path: str) -> None:
        """Process an event that the phone received. Never raises an exception, whatever the payload is."""
        if isinstance(payload, dict) and not self._follow(event, payload, path):
            self._changes.notify()
            return
        if self.watcher is not None:
            self._show(self.watcher, event, payload)
        if event in _REMEMBERED:
            form, remember = _REMEMBERED[event]
            if isinstance(payload, form):
                remember(self, payload)
        self._log.add(event, payload, path)
        self._changes.notify()

    def _follow(self, event: str, payload: dict[str, Any], path: str) -> bool:
        """Send the replies to an event with a stream offset. Return whether to process the event."""
        places, shown, answers = self.offsets, True, list[Reply]()
        if places is None:
            return True
        match event:
            case "processes:sync":
                answers = places.sync(payload, path)
            case "process:screen":
                shown, answers = places.screen(payload, path)
            case "terminal:output":
                shown, answers = places.output(payload, path)
        for answer in answers:
            self._reply(answer, path)
        return shown

    def _reply(self, said: Reply, path: str) -> None:
        """Schedule a reply on the transport `path`. The reply is dropped if the transport is closed."""
        raise NotImplementedError

    def _show(self, watcher: Watcher, event: str, payload: Json) -> None:
        try:
            watcher(event, payload)
        except MobiFaiError as error:
            self._changes.fail(error)

    def _on_authenticated(self, payload: dict[str, Any]) -> None:
        self.token = payload.get("token", self.token)

    def _on_auth_error(self, _payload: dict[str, Any]) -> None:
        self.token = None

    def _on_devices(self, payload: list[dict[str, Any]]) -> None:
        self.devices = payload

    def _on_paired(self, payload: dict[str, Any]) -> None:
        self.paired_with = str(payload.get("peerId", ""))

    def _on_unpaired(self, _payload: dict[str, Any]) -> None:
        self.paired_with = None

    def _on_sync(self, payload: dict[str, Any]) -> None:
        self.processes = payload

    def _on_output(self, payload: dict[str, Any]) -> None:
        self._screens.of(str(payload.get("uuid"))).output(str(payload.get("data")))

    def _on_screen(self, payload: dict[str, Any]) -> None:
        self._screens.of(str(payload.get("uuid"))).replace(str(payload.get("data")))

    def _relay_lost(self) -> None:
        self.paired_with = None
        self.devices = []
        self._changes.notify()


_REMEMBERED: Mapping[str, tuple[type, Callable[[PhoneState, Any], None]]] = {
    "authenticated": (dict, PhoneState._on_authenticated),
    "auth_error": (dict, PhoneState._on_auth_error),
    "available_devices": (list, PhoneState._on_devices),
    "paired": (dict, PhoneState._on_paired),
    "paired_device_disconnected": (dict, PhoneState._on_unpaired),
    "processes:sync": (dict, PhoneState._on_sync),
    "terminal:output": (dict, PhoneState._on_output),
    "process:screen": (dict, PhoneState._on_screen),
}
"""Handlers of events that change the state, and the type that their payload must have."""
