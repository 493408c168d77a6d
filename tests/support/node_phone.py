"""The phone on Node: the libraries of legacy apps, controlled over a pipe.

Owns one Node process from the first `connect` on; `vanish` kills it, so that not even libwebrtc can close its
connections. As with every phone, its state is kept here.
"""

import asyncio
import json
import os
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

from mobifai.protocol.handshake import Identity
from soak.phone.event_log import Json, PhoneError
from soak.phone.frames import FrameStyle, frame
from soak.phone.interface import PhoneInterface
from soak.phone.offsets import Reply
from tests.support import node

LINE = 16 << 20
"""The most bytes of one line from the process: 1 MiB of escaped text, with a margin."""
COMMAND_SECONDS = 15.0
EXIT_SECONDS = 5.0


class NodePhone(PhoneInterface):
    """A phone for one relay, with the interface of `soak.phone.phone.Phone`."""

    def __init__(
        self,
        relay_url: str,
        token: str | None = None,
        *,
        name: str,
        device_id: str | None = None,
        identity: Identity | None = None,
        webrtc: bool = True,
        frame_style: FrameStyle = "react",
        keep_output: bool = False,
        features: tuple[str, ...] = (),
        inside: Sequence[str] = (),
    ) -> None:
        """`inside`: the prefix of its command that moves it into another network."""
        super().__init__(name=name, token=token, device_id=device_id, keep_output=keep_output, features=features)
        self.relay_url = relay_url
        self.identity = identity or Identity.generate()
        self._webrtc = webrtc
        self._frame_style = frame_style
        self._inside = tuple(inside)
        self._process: Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._state = {"relay": False, "channel": False}
        self._answers: dict[int, asyncio.Future[Json]] = {}
        self._commands = 0

    async def __aexit__(self, *_error: object) -> None:
        try:
            await self.leave()
        finally:
            await self._end()

    # -- the process

    async def _start(self) -> None:
        program, home = node.ready()
        self._process = await asyncio.create_subprocess_exec(
            *self._inside,
            program.program,
            str(node.SOURCE / "phone.mjs"),
            stdin=PIPE,
            stdout=PIPE,
            limit=LINE,
            env={"PATH": os.environ.get("PATH", os.defpath), "NODE_PHONE_HOME": str(home)},
        )
        self._listening = asyncio.create_task(self._listen(self._process), name=f"{self.name} listens")
        await self._command("setUp", secret=self.identity.secret_hex, answersOffers=self._webrtc)

    async def _listen(self, process: Process) -> None:
        assert process.stdout is not None
        try:
            # A killed process may leave an unfinished line.
            while (line := await process.stdout.readline()).endswith(b"\n"):
                self._take(json.loads(line))
        finally:
            self._over()

    def _take(self, said: dict[str, Json]) -> None:
        match said:
            case {"event": event, "path": path}:
                self.receive(event, said.get("payload"), path)
            case {"state": state}:
                self._new_state(state)
            case {"verified": verified}:
                self.verified = verified
            case {"id": number}:
                answer = self._answers.pop(number, None)
                if answer is not None and not answer.done():
                    answer.set_result(said)

    def _new_state(self, state: dict[str, bool]) -> None:
        lost = self._state["relay"] and not state["relay"]
        self._state = state
        if lost:
            self._relay_lost()
        self._changes.notify()

    def _over(self) -> None:
        self._new_state({"relay": False, "channel": False})
        answers, self._answers = self._answers, {}
        for answer in answers.values():
            if not answer.done():
                answer.set_result({"error": "the Node process ended"})

    async def _command(self, command: str, **options: Json) -> None:
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None:
            raise PhoneError("not_connected", f"{self.name} has no process; {command} was not done")
        number, self._commands = self._commands, self._commands + 1
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        with suppress(ConnectionError):
            process.stdin.write(json.dumps({"id": number, "command": command, **options}).encode() + b"\n")
            await process.stdin.drain()
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                said = await answer
        except TimeoutError:
            raise PhoneError("timeout", f"expected {command} to be done within {COMMAND_SECONDS:g} s") from None
        finally:
            self._answers.pop(number, None)
        if "error" in said:
            raise PhoneError("not_connected", f"{command}: {said['error']}")

    async def _end(self, *, kill: bool = False) -> None:
        process, self._process = self._process, None
        listening, self._listening = self._listening, None
        if process is None or process.stdin is None:
            return
        if kill and process.returncode is None:
            process.kill()
        process.stdin.close()
        try:
            async with asyncio.timeout(EXIT_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        with suppress(ConnectionError):
            await process.stdin.wait_closed()
        if listening is not None:
            await listening

    # -- actions

    @property
    def relay_is_up(self) -> bool:
        """Return whether the phone is connected to the relay."""
        return self._state["relay"]

    @property
    def channel_is_open(self) -> bool:
        """Return whether the data channel is open."""
        return self._state["channel"]

    async def _open_relay(self) -> None:
        if self._process is None:
            await self._start()
        await self._command("connect", url=self.relay_url, token=self.token)

    async def _register(self) -> None:
        known = {"deviceId": self.device_id, "deviceName": self.name, "token": self.token}
        await self._command("register", **known, features=list(self.features))

    def _reply(self, said: Reply, path: str) -> None:
        event, payload = said
        if path == "channel":
            self._tell("sendFrame", frame=frame(self._frame_style, event, payload))
        else:
            self._tell("emit", event=event, payload=payload)

    def _tell(self, command: str, **options: Json) -> None:
        """Send a command and ignore its result."""
        if self._process is not None and self._process.stdin is not None and self._process.returncode is None:
            self._process.stdin.write(json.dumps({"id": -1, "command": command, **options}).encode() + b"\n")

    async def _to_relay(self, event: str, payload: Json) -> None:
        await self._command("emit", event=event, payload=payload)

    async def _to_channel(self, event: str, payload: Json) -> None:
        await self._command("sendFrame", frame=frame(self._frame_style, event, payload))

    async def drop_channel(self) -> None:
        """Close the peer connection, and keep the relay's."""
        if self._process is not None:
            await self._command("dropChannel")

    async def drop_relay(self) -> None:
        """Close the connection to the relay, and keep the data channel."""
        if self._process is not None:
            await self._command("dropRelay")

    async def vanish(self) -> None:
        """Vanish without closing any connection, by killing the process."""
        await self._end(kill=True)
