"""Open terminals whose output is checked byte for byte.

Owns the expected output of each terminal and each phone's progress in it, until the terminal ends. Does not connect
phones: `phone_visits` does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from mobifai.config import HealthConfig
from mobifai.limits import TERMINAL_RING
from soak import shell
from soak.phone.event_log import Json
from soak.phone.expected_output import ExpectedStream, StreamView
from soak.phone.interface import Path
from soak.phone.offsets import FEATURES
from soak.phone.phone import Phone
from soak.phone.traffic import IntegrityError
from soak.scenarios.context import ScenarioContext
from soak.shell import TypedLine

PATIENCE = 20.0
"""Timeout in seconds, long enough for a busy machine."""

KINDS = ((FEATURES, True), (FEATURES, False), ((), False))
"""The kinds of phones, as features and encryption: with offsets and encryption, with offsets only, and a legacy app."""

OUTPUT, SCREEN, AI_ACTION = "terminal:output", "process:screen", "ai:action"


@dataclass
class CheckedTab:
    """An open terminal: its expected output, and the part that each phone has seen (`views`, by device id).

    `line` is the number of the first line of the next flood.
    """

    uuid: str
    stream: ExpectedStream
    views: dict[str, StreamView] = field(default_factory=dict)  # bounded by the phones
    line: int = 1_000_000


class CheckedTabs:
    """The open terminals of a scenario, with the check of what its phones receive from them."""

    def __init__(self, context: ScenarioContext) -> None:
        self.context = context
        self._least_kept = TERMINAL_RING.value if context.time_scale == 1 else HealthConfig().inactive_screen_bytes
        self._tabs: dict[str, CheckedTab] = {}  # bounded by the agent's terminals
        self._first_loss: IntegrityError | None = None
        self._phones = 0

    def __len__(self) -> int:
        return len(self._tabs)

    # -- checking output

    def next_kind(self) -> tuple[tuple[str, ...], bool]:
        """Return the next phone's features, and whether it encrypts end to end. Every third phone is a legacy app."""
        self._phones += 1
        return KINDS[self._phones % len(KINDS)]

    def watch(self, phone: Phone) -> None:
        """Check this phone's output from now on. A wrong byte fails every task that waits for the phone."""

        def check(event: str, payload: Json) -> None:
            if event in (OUTPUT, SCREEN):
                self._shown(phone.device_id, event, str(payload["uuid"]), str(payload["data"]))
            elif event == AI_ACTION and payload["action"]["type"] == "keystroke":
                self._typed(str(payload["uuid"]), str(payload["action"].get("text") or ""))

        for tab in self._tabs.values():
            if phone.offsets is None or phone.offsets.of(tab.uuid).end is None:
                tab.views.pop(phone.device_id, None)
        phone.watcher = check

    def ignore(self, phone: Phone) -> None:
        """Stop checking the output of this phone."""
        phone.watcher = None

    def _shown(self, viewer: str, event: str, uuid: str, text: str) -> None:
        data = text.encode(errors="surrogatepass")
        self.context.traffic.bytes_received += len(data)
        tab = self._tabs.get(uuid)
        if tab is None:
            return  # the terminal is being closed
        view = tab.views.setdefault(viewer, StreamView(tab.stream))
        try:
            view.screen(data) if event == SCREEN else view.output(data)
        except IntegrityError as error:
            self.context.traffic.lost += error.amount
            loss = IntegrityError(f"terminal {uuid}, {event}: {error}", error.amount)
            self._first_loss = self._first_loss or loss
            raise loss from None

    def check(self) -> None:
        """Raise IntegrityError if any phone has received wrong output so far."""
        if self._first_loss is not None:
            raise self._first_loss

    def _typed(self, uuid: str, text: str) -> None:
        """Expect the output of a command that the assistant typed. The command is always `say ...` (see
        `conversations`).
        """
        if (tab := self._tabs.get(uuid)) is not None and text.startswith("say "):
            tab.stream.will_print(text.removeprefix("say ").encode())

    def blink(self, phone: Phone) -> None:
        """Allow a gap in this phone's output until the next screens, because it is about to lose a transport with
        output in flight.

        A phone with stream offsets has no gap: it receives exactly the rest.
        """
        for tab in self._tabs.values() if phone.watcher is not None and phone.offsets is None else ():
            if (view := tab.views.get(phone.device_id)) is not None:
                view.blink()

    def complete(self, phone: Phone, uuid: str) -> bool:
        """Return whether this phone has seen all expected output of this terminal."""
        view = self._tabs[uuid].views.get(phone.device_id)
        return view is not None and view.complete

    def position(self, phone: Phone, uuid: str) -> int:
        """Return how many bytes of a terminal's output this phone has seen, counted from the terminal's start."""
        view = self._tabs[uuid].views.get(phone.device_id)
        return view.position if view is not None else 0

    async def settled(self, phone: Phone, *uuids: str) -> None:
        """Wait until this phone has seen all expected output of the terminals `uuids`. Raises PhoneError,
        IntegrityError.
        """
        for uuid in uuids:
            await self._until(phone, uuid, lambda uuid=uuid: self.complete(phone, uuid))  # type: ignore[misc]

    async def printing(self, phone: Phone, uuid: str, beyond: int = 0) -> None:
        """Wait until this phone has seen more than `beyond` further bytes of the terminal. Raises PhoneError,
        IntegrityError.
        """
        start = self.position(phone, uuid)
        await self._until(phone, uuid, lambda: self.position(phone, uuid) > start + beyond)

    async def _until(self, phone: Phone, uuid: str, ready: Callable[[], bool]) -> None:
        tab = self._tabs[uuid]
        what = f"terminal {uuid}, of which {self.position(phone, uuid)} bytes have arrived, to print {tab.stream.total}"
        await phone.until(ready, what, PATIENCE)
        self.check()

    # -- using terminals

    async def open(self, phone: Phone, *, greeted: bool = True) -> str:
        """Open a terminal; by default wait until its program reads input. Raises PhoneError, IntegrityError."""
        uuid = str(UUID(int=self.context.random.getrandbits(128), version=4))
        self.expect(uuid, ExpectedStream(TERMINAL_RING.value, self._least_kept)).will_print(shell.GREETING)
        await phone.create(uuid, timeout=PATIENCE)
        if greeted:
            await self.settled(phone, uuid)
        return uuid

    def expect(self, uuid: str, stream: ExpectedStream) -> ExpectedStream:
        """Check a terminal against the expected output `stream` from now on. Return `stream`."""
        self._tabs[uuid] = CheckedTab(uuid, stream)
        return stream

    async def type(self, phone: Phone, uuid: str, line: TypedLine, via: Path | None = None) -> None:
        """Type a line and expect its output. Use `settled` to wait for the output. Raises PhoneError."""
        self._tabs[uuid].stream.will_print(line.printed)
        self.context.traffic.bytes_sent += len(line.typed.encode())
        await phone.type(uuid, line.typed, via)

    async def run(self, phone: Phone, uuid: str, line: TypedLine, via: Path | None = None) -> None:
        """Type a line and wait for its output. Raises PhoneError, IntegrityError."""
        await self.type(phone, uuid, line, via)
        await self.settled(phone, uuid)

    def flood(self, uuid: str, size: int) -> TypedLine:
        """Return a line to type, for which the program prints about `size` bytes of numbered lines that it has not
        printed before.
        """
        tab = self._tabs[uuid]
        first, tab.line = tab.line, tab.line + max(1, size // shell.LINE_BYTES)
        return shell.flood(first, tab.line - 1)

    async def leave(self, phone: Phone, uuid: str) -> None:
        """Let the program of a terminal exit, and wait for all of its output. Raises PhoneError, IntegrityError."""
        await self.type(phone, uuid, shell.leave())
        await phone.expect("process:exited", lambda payload: payload["uuid"] == uuid, PATIENCE)
        await self.settled(phone, uuid)
        self.forget(uuid)

    async def kill(self, phone: Phone, uuid: str) -> None:
        """Close a terminal, whatever its program does. Raises PhoneError."""
        self.forget(uuid)
        await phone.terminate(uuid, PATIENCE)

    def forget(self, uuid: str) -> None:
        """Stop checking a terminal, and drop the text that the phones have of it."""
        self._tabs.pop(uuid, None)
        for phone in self.context.phones:
            phone.forget_output(uuid)

    async def kill_all(self, phone: Phone) -> None:
        """Close every open terminal. Raises PhoneError."""
        for uuid in list(self._tabs):
            await self.kill(phone, uuid)
