"""Checks the conditions for any input: nothing crashes, stalls or leaks, and no shell dies.

`Oracle` watches one place: its processes, their logs, a shell that was started first, and the resources in use without
any connection. It only sends the messages of a well-behaved phone.
"""

import asyncio
import json
import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from mobifai.errors import MobiFaiError
from soak.phone.event_log import PhoneError
from soak.phone.phone import Phone
from tests.fuzz.growth import Growth
from tests.fuzz.place import Place, Product

STALL_SECONDS = 1.0
REST_SECONDS = 40.0
"""Seconds that connections and their sockets may take to close. The longest time-out of a peer is 30 s."""

TRACEBACK = re.compile(rb"Traceback \(most recent call last\):.*?(?=\n\S*\d\d:\d\d|\Z)", re.DOTALL)
_ALARMS = (b"Traceback (most recent call last)", b"never retrieved", b"was never awaited", b"Fatal Python error")

KEPT = (
    "relay.attempts",
    "relay.codes",
    "relay.devices",
    "relay.known_addresses",
    "relay.settings",
    "e2e.",
    "log.",
    "agent.",
    "terminal.ring",
    "assistant.audit",
    "assistant.stor",
    "keys",
)
"""Limits whose content intentionally outlives its cause."""


class Fault(Exception):
    """An event that must not happen. `kind` is one of crash, stall, leak, shell, traceback, stuck, fuzzer."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class Oracle:
    """Watches one place in a scope."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.growth = Growth()
        self.slowest = 0.0
        self.unjudged = 0
        """Slow answers of a process that had no processor for most of the time: the machine was too busy to judge."""
        self._base: dict[str, dict[str, int]] = {}
        self._read = {log: 0 for product in place.products for log in product.logs}
        self._marker = ""
        self._marker_pid = 0
        self._marks = 0
        self._probe: asyncio.subprocess.Process | None = None
        self._stalls: list[dict[str, float]] = []
        self._listening: asyncio.Task[None] | None = None
        self._busy_until = 0.0

    async def __aenter__(self) -> "Oracle":
        if not self.place.products:
            return self
        await self._shell_answers()
        await self._settle()
        self._base = {product.name: await self._used(product) for product in self.place.products}
        words = [f"{path}:{pid}" for product in self.place.products for path, pid in product.sockets]
        self._probe = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name("probe.py")), *words,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self._listening = asyncio.create_task(self._listen(self._probe.stdout))
        return self

    async def __aexit__(self, *_error: object) -> None:
        if self._probe is not None:
            with suppress(ProcessLookupError):
                self._probe.kill()
            await self._probe.wait()
        if self._listening is not None:
            await self._listening

    async def _listen(self, lines: Any) -> None:
        async for line in lines:
            self._stalls.append(json.loads(line))

    # -- cheap checks, at any time

    def quick(self) -> None:
        """Check the processes, their logs, and the delays of their loops. Raises Fault."""
        for product in self.place.products:
            if not _lives(product.pid) or (product.keeper is not None and not _lives(product.keeper)):
                raise Fault("crash", f"the {product.name} ended; its output ends with:\n{self._end_of(product)}")
            self._check_logs(product)
        while self._stalls:
            self._check_stall(self._stalls.pop(0))

    def _check_stall(self, slow: dict[str, float]) -> None:
        if slow["began"] < self._busy_until:
            return  # it was counted from inside meanwhile
        delayed = slow["waited"] + slow["own"]
        if delayed > slow["seconds"] / 2:
            self.unjudged += 1
            return
        seconds = slow["seconds"] - delayed
        self.slowest = max(self.slowest, seconds)
        if seconds > STALL_SECONDS:
            raise Fault("stall", f"process {slow['pid']:.0f} answered after {slow['seconds']:.2f} s: {slow}")

    def _check_logs(self, product: Product) -> None:
        for log in product.logs:
            with suppress(OSError):
                size = log.stat().st_size
                if size < self._read[log]:
                    self._read[log] = 0  # it was rotated
                if size > self._read[log]:
                    with log.open("rb") as file:
                        file.seek(self._read[log])
                        new = file.read()
                    self._read[log] = size
                    if any(alarm in new for alarm in _ALARMS):
                        found = TRACEBACK.search(new)
                        text = (found.group() if found else new[-4000:]).decode(errors="replace")
                        raise Fault("traceback", f"in the log of the {product.name}:\n{text[-4000:]}")

    def _end_of(self, product: Product) -> str:
        with suppress(OSError):
            return product.output.read_bytes()[-3000:].decode(errors="replace")
        return "nothing"

    # -- checks without any connection

    async def thorough(self) -> None:
        """Check everything, and count the resources in use. Raises Fault."""
        self.quick()
        if not self.place.products:
            return
        await self._shell_answers()
        await self._settle()
        for product in self.place.products:
            await product.keeper_answers()
            await self._check_rest(product)
        self.quick()

    async def _shell_answers(self) -> None:
        """Connect a phone, which finds the first shell, and close all other terminals."""
        visitor = await self.place.visitor("well-behaved phone", sealed=True)
        async with Phone(
            self.place.relay_url,
            visitor.token,
            name=visitor.name,
            device_id=visitor.device_id,
            identity=visitor.identity,
            keys=visitor.seal,
            webrtc=False,
            keep_output=True,
        ) as phone:
            try:
                await self._come(phone)
                await self._talk(phone)
            except (PhoneError, MobiFaiError, TimeoutError) as error:
                self.quick()
                raise Fault("stuck", f"a well-behaved phone gets nowhere: {error}") from None
            visitor.token = phone.token

    async def _come(self, phone: Phone) -> None:
        """Connect and pair. The agent may still be busy with an earlier phone, or reconnecting to the relay."""
        until = time.monotonic() + REST_SECONDS
        while True:
            try:
                if not phone.relay_is_up:
                    await phone.connect()
                await phone.pair(self.place.agent_id, timeout=5)
            except PhoneError:
                if time.monotonic() > until:
                    raise
                await phone.drop_relay()
                await asyncio.sleep(0.2)
            else:
                return

    async def _talk(self, phone: Phone) -> None:
        listed = await self._terminals()
        if not self._marker:
            self._marker = await phone.create()
            self._marker_pid = (await self._terminals())[self._marker]
        elif listed.get(self._marker) != self._marker_pid or not _lives(self._marker_pid):
            raise Fault("shell", f"the shell {self._marker_pid} is gone; there are {listed}")
        for uuid in set(listed) - {self._marker}:
            await phone.terminate(uuid)
        self._marks += 1
        await phone.send("ai:cancel", {})
        await phone.send("process:switch", {"activeUuids": [self._marker]})
        await phone.type(self._marker, f"\x15\nmark {self._marks}\n")
        await phone.wait_output(self._marker, f"{self._marker_pid} answers {self._marks}.")

    async def _terminals(self) -> dict[str, int]:
        status = await self.place.agent.ask("status")
        return {terminal["uuid"]: terminal["pid"] for terminal in status["terminals"]}

    @property
    def marker(self) -> str:
        """The terminal that no input may close."""
        return self._marker

    async def _used(self, product: Product) -> dict[str, int]:
        status = await product.ask("status")
        counted = [entry for entry in status["bounds"] if not entry["name"].startswith(KEPT)]
        return {entry["name"]: entry["total"] + entry["instances"] for entry in counted}

    async def _settle(self) -> None:
        """Wait until the leftovers of phones are gone. Raises Fault for a limit that stays in use."""
        until, more = time.monotonic() + REST_SECONDS, {}
        while time.monotonic() < until:
            more = {product.name: await self._more(product) for product in self.place.products}
            if not any(more.values()):
                return
            await asyncio.sleep(0.25)
        if self._base:
            raise Fault("leak", f"in use {REST_SECONDS:.0f} s after everybody left: {more}")

    async def _more(self, product: Product) -> dict[str, int]:
        base = self._base.get(product.name, {})
        used = await self._used(product)
        return {name: amount for name, amount in used.items() if amount > base.get(name, 0 if self._base else 10**9)}

    async def _check_rest(self, product: Product) -> None:
        sample = await product.ask("soak.sample", {"disturb": True})
        self._busy_until = time.monotonic()
        values: dict[str, float] = sample["values"]
        process = psutil.Process(product.pid)
        tasks = sum(amount for name, amount in values.items() if name.startswith("tasks:"))
        threads = sum(amount for name, amount in values.items() if name.startswith("threads:"))
        counted = {
            "python.blocks": values["python.blocks"],
            "rss.bytes": process.memory_info().rss,
            "descriptors": process.num_fds(),
            "tasks": tasks,
            "threads": threads,
        }
        self.growth.add(product.name, counted, values)

    def judge(self) -> list[Fault]:
        """Return the figures that grew over the run."""
        return [Fault("leak", text) for text in self.growth.verdict()]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.Error):
        return False
