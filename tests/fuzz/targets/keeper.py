"""The keeper's socket, from both ends: a keeper with a faulty agent, and an agent with a faulty keeper."""

import asyncio
import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import psutil

from mobifai.protocol import messages
from mobifai.terminals import keeper, keeper_protocol
from mobifai.terminals.keeper_client import ANSWER_SECONDS
from tests.fuzz.mutation import change_bytes, change_value, encode
from tests.fuzz.oracle import STALL_SECONDS, Fault
from tests.fuzz.phone import Gone
from tests.fuzz.place import SHELL
from tests.fuzz.target import Target
from tests.support.agent import mobifai

FAKE = Path(__file__).with_name("fake_agent.py")
START_SECONDS = 20.0
RING = 160 << 10
MOST_LIVES = 4
"""The number of agents that one keeper starts. Its delays grow."""


class Keeper(Target):
    """A keeper with a shell, whose agent sends anything."""

    name = "keeper"
    boundary = "agent -> keeper: lines on the keeper's socket"
    place = "none"
    batch = 48
    tables = (messages.FROM_PHONE,)

    async def open(self) -> None:
        self.path = self.folder / "fuzzer.sock"
        self.log = self.folder / "keeper.log"
        self.connections: asyncio.Queue[tuple[socket.socket, socket.socket]] = asyncio.Queue()
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(self.path))
        listening.listen()
        listening.setblocking(False)
        self.scope.callback(listening.close)
        self.listening = listening
        self.line: socket.socket | None = None
        self.agent: socket.socket | None = None
        self.lives = 0
        nothing = os.open(os.devnull, os.O_RDONLY)
        setup = {"agent": 0, "connection": nothing, "ring_capacity": RING, "control": -1, "control_path": ""}
        setup |= {"log": str(self.folder / "log"), "log_as_json": False}
        words = (str(keeper.__file__), json.dumps(setup), sys.executable, str(FAKE), str(self.path))
        with self.log.open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", *words, stdout=log, stderr=log, pass_fds=[nothing]
            )
        os.close(nothing)
        self.scope.push_async_callback(self._stop)
        await self._take_line()
        answer = await self._ask(self._spawn("marker", SHELL.split()))
        self.marker = int(answer["pid"])

    def _spawn(self, uuid: str, argv: list[str]) -> dict[str, Any]:
        return {"ask": "spawn", "uuid": uuid, "argv": argv, "env": {"PATH": os.defpath}, "cwd": "/", "size": [24, 80]}

    async def _stop(self) -> None:
        for one in (self.line, self.agent):
            if one is not None:
                one.close()
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(15):
                while self.process.returncode is None:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.2):
                            await self.process.wait()
                    with suppress(BlockingIOError):
                        self.listening.accept()[0].close()  # an agent that the keeper has started meanwhile
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise Fault("stuck", "the keeper did not end within 15 s of SIGTERM") from None

    async def _take_line(self) -> None:
        """Return the agent's end of the connection, for the newest agent."""
        for one in (self.line, self.agent):
            if one is not None:
                one.close()
        self.line = self.agent = None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(START_SECONDS):
                agent, _ = await loop.sock_accept(self.listening)
                agent.settimeout(5)
                _, descriptors, _, _ = socket.recv_fds(agent, 64, 1)
                if not descriptors:
                    raise Gone("the agent ended at its start")
        except TimeoutError:
            self._check()
            raise Fault("stuck", f"the keeper started no agent within {START_SECONDS:.0f} s") from None
        self.agent, self.line = agent, socket.socket(fileno=descriptors[0])
        self.line.setblocking(False)

    def _check(self) -> None:
        if self.process.returncode is not None:
            raise Fault("crash", f"the keeper ended with {self.process.returncode}:\n{self.log.read_text()[-3000:]}")
        if "Traceback" in (text := self.log.read_text(errors="replace")):
            raise Fault("traceback", text[-3000:])

    async def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Send a request as an agent does. Raises Fault, ConnectionError."""
        assert self.line is not None
        loop = asyncio.get_running_loop()
        number = self.random.randrange(1 << 40)
        data, is_rest = b"", True  # the end of a line whose beginning was skipped
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await loop.sock_sendall(self.line, encode({**question, "id": number}) + b"\n")
                while True:
                    came, descriptors = await self._receive()
                    for descriptor in descriptors:
                        os.close(descriptor)
                    data += came
                    *lines, data = data.split(b"\n")
                    for line in lines:
                        with suppress(*([ValueError] if is_rest else [])):
                            if line and (answer := json.loads(line)).get("id") == number:
                                return dict(answer)
                        is_rest = False
        except TimeoutError:
            self._check()
            raise Fault("stall", f"the keeper did not answer within {ANSWER_SECONDS:.0f} s") from None
        except OSError:
            await asyncio.sleep(0.2)
            self._check()
            raise

    async def _receive(self) -> tuple[bytes, list[int]]:
        assert self.line is not None
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self.line, 1 << 16, 8)
            except BlockingIOError:
                await asyncio.sleep(0.0005)
                continue
            await asyncio.sleep(0)  # a keeper that never stops sending must not delay the loop's time limits
            if not data:
                raise ConnectionResetError("the keeper hung up")
            return data, list(descriptors)

    def make(self) -> bytes:
        random = self.random
        if random.random() < 0.03:
            return self.source.message(lambda event, payload: {"ask": event, "payload": payload})
        if random.random() < 0.0005:
            return b"x" * (keeper_protocol.LINE_BYTES + 10)
        argv = random.choice((["/bin/true"], ["/nowhere"], ["/bin/false", "x"]))
        question = random.choice(
            (
                {"ask": "hello"}, {"ask": "ready"}, {"ask": "note", "port": 1}, {"ask": "alive"},
                {"ask": "take", "uuid": "x"}, {"ask": "take", "uuid": "marker"}, {"ask": "take"}, {"ask": "end"},
                {"ask": "end", "pid": 999_999_999},
                self._spawn("x", argv),
            )
        )  # fmt: skip
        for _ in range(random.choice((0, 0, 0, 1))):
            question = change_value(random, question)
        data = encode(question)
        data = change_bytes(random, data) if random.random() < 0.03 else data
        return data.replace(str(getattr(self, "marker", "-")).encode(), b"1")

    async def deliver(self, batch: list[bytes]) -> int:
        assert self.line is not None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(STALL_SECONDS * 10):
                for data in batch:
                    await loop.sock_sendall(self.line, data + b"\n")
                    with suppress(BlockingIOError):
                        for descriptor in socket.recv_fds(self.line, 1 << 16, 8)[1]:
                            os.close(descriptor)
            answer = await self._ask({"ask": "hello"})
        except (OSError, TimeoutError):
            await asyncio.sleep(0.2)  # long enough to notice whether it has ended
            self._check()
            self.lives += 1
            if self.lives > MOST_LIVES:
                raise Gone("the keeper has started enough agents") from None
            await self._take_line()  # it may disconnect a faulty agent, and starts the next one
            answer = await self._ask({"ask": "hello"})
        self._check()
        if "marker" not in answer.get("shells", ()) or not psutil.pid_exists(self.marker):
            raise Fault("shell", f"the keeper's shell {self.marker} is gone; it has {answer}")
        return len(batch)


class KeepersAgent(Target):
    """An agent whose keeper sends anything."""

    name = "keepers-agent"
    boundary = "keeper -> agent: lines on the keeper's socket"
    place = "none"
    weight = 0.7
    batch = 32
    tables = (messages.FROM_PHONE,)

    HELLO: ClassVar[dict[str, Any]] = {"shells": [], "notes": {}, "pid": 1, "life": 1}

    def make(self) -> bytes:
        random = self.random
        lines = ({"ended": 5}, {"pid": 5, "running": True, "id": None}, {"error": "x"}, self.HELLO, {"ended": None})
        value = random.choice(lines)
        for _ in range(random.choice((0, 1, 2))):
            value = change_value(random, value)
        data = encode(value)
        return change_bytes(random, data) if random.random() < 0.2 else data

    async def deliver(self, batch: list[bytes]) -> int:
        """Run one agent for each batch. The first inputs replace the answer to hello, the others are notifications."""
        ours, agents = socket.socketpair()
        log = self.folder / f"agent-{self.random.randrange(10**9)}.log"
        words = ("serve", "--state-dir", str(log.with_suffix("")), "--port", "0", "--shell", "/bin/sh")
        environment = {**os.environ, keeper_protocol.FD_VARIABLE: str(agents.fileno())}
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *mobifai(), *words, stdout=out, stderr=out, env=environment, pass_fds=[agents.fileno()]
            )
        agents.close()
        ours.setblocking(False)
        try:
            sent = await self._speak(ours, process, batch)
            ours.close()
            async with asyncio.timeout(START_SECONDS):
                await process.wait()  # an agent without a keeper ends
        except TimeoutError:
            raise Fault("stuck", f"an agent whose keeper is gone did not end:\n{log.read_text()[-3000:]}") from None
        finally:
            ours.close()
            if process.returncode is None:
                process.kill()
                await process.wait()
        if "Traceback" in (text := log.read_text(errors="replace")):
            raise Fault("traceback", text[-3000:])
        return sent

    async def _speak(self, ours: socket.socket, process: asyncio.subprocess.Process, batch: list[bytes]) -> int:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(START_SECONDS):
                hello = json.loads((await loop.sock_recv(ours, 1 << 16)).partition(b"\n")[0] or b"{}")
        except (OSError, TimeoutError):
            raise Fault("stuck", "the agent did not ask its keeper") from None
        answers_well = self.random.random() < 0.7
        first = encode({**self.HELLO, "descriptors": 0, "id": hello.get("id")})
        sent = 0
        try:
            async with asyncio.timeout(START_SECONDS):
                for data in [first if answers_well else batch[0], *batch]:
                    await loop.sock_sendall(ours, data + b"\n")
                    sent += 1
                    await asyncio.sleep(0.02 if sent < 3 else 0)
        except TimeoutError:
            raise Fault("stuck", f"the agent took no line of its keeper for {START_SECONDS:.0f} s") from None
        except OSError:
            pass  # it has ended
        return max(0, sent - 1)
