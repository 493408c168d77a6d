"""An agent whose limits are filled at the same time, as far as a phone, 60 devices, other clients and a model can do
it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import psutil

from mobifai.limits import (
    ASSISTANT_CONVERSATIONS,
    ASSISTANT_REPLY,
    RELAY_BACKLOG,
    RELAY_MESSAGE,
    RELAY_REQUESTS,
    RELAY_SETTINGS,
    RELAY_SOCKETS,
    TERMINAL_RING,
    TERMINALS,
)
from soak import shell
from soak.harness.agent_process import AgentUnderTest, agent_under_test
from soak.phone.phone import Phone
from soak.provocations.model_api import Form, ModelApi
from soak.provocations.relay_storms import FIRST_DEVICE, address
from soak.provocations.stranger import RawRelayClient, frame_head
from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.conversation_steps import PROMPT
from soak.scenarios.terminal_checks import PATIENCE, CheckedTabs

SETTINGS = '[assistant]\nquiet_seconds = 0.0\napprovals = "never"\nretries = 0\n'
PASTE = 500_000
"""Number of characters in a paste. Two pastes fill the input of a terminal that does not read."""
BODY = 60_000
"""Number of bytes in a request's body that is never complete."""


class Fullest:
    """The agent, and the clients that fill it."""

    def __init__(self, target: AgentUnderTest, api: ModelApi, scope: AsyncExitStack) -> None:
        self.target = target
        self._api = api
        self._scope = scope
        self.context = ScenarioContext(target, Random(1))  # noqa: S311 - to do the same again
        self.tabs = CheckedTabs(self.context)

    async def memory(self) -> int:
        """Return the bytes of the agent and its keeper together. Pages that they share are counted once."""
        await self.target.ask("soak.sample")  # collects garbage
        pids = (self.target.agent_pid, self.target.keeper_pid)
        return sum(psutil.Process(pid).memory_full_info().pss for pid in pids)

    async def load(self) -> None:
        """Use each part of the agent once, so that everything is imported, and disconnect."""
        phone = await self._phone()
        uuid = await self.tabs.open(phone)
        self._api.answer_bytes, self._api.form = 2 * ASSISTANT_REPLY.value, Form.LINE
        await phone.send("ai:prompt", {"uuid": uuid, "prompt": PROMPT})
        await phone.expect("ai:error", lambda payload: payload["uuid"] == uuid, 2 * PATIENCE)
        await self.tabs.kill_all(phone)
        await visits.everybody_leaves(self.context)

    async def _phone(self) -> Phone:
        phone = await visits.new_phone(self.tabs, webrtc=False, features=())
        await visits.arrive(self.context, phone)
        return phone

    async def fill(self) -> int:
        """Fill the agent step by step. Return the largest amount of memory that was measured."""
        phone = await self._phone()
        most = 0
        for step in (self._terminals(phone), self._devices(), self._strangers(), self._conversations(phone)):
            await step
            most = max(most, await self.memory())
        return most

    async def _terminals(self, phone: Phone) -> None:
        """Fill the rings of the terminals, and paste text that no program reads."""
        for _ in range(TERMINALS.value):
            uuid = await self.tabs.open(phone)
            await self.tabs.run(phone, uuid, self.tabs.flood(uuid, TERMINAL_RING.value))
            await self.tabs.run(phone, uuid, shell.DEAF)
            for _ in range(2):
                await phone.send("terminal:input", {"uuid": uuid, "data": "." * PASTE})

    async def _devices(self) -> None:
        """Change an account's settings under devices that do not read. Each has sent half of a long packet."""
        token, devices = "", []
        for number in range(FIRST_DEVICE, FIRST_DEVICE + RELAY_SOCKETS.value - 4):
            token = str((await self.target.ask("pair", {"legacy": True}))["token"])
            device = RawRelayClient(self.target.relay_url, address(number % 16), receive_bytes=4096)
            devices.append(await self._scope.enter_async_context(device))
            assert await device.register(token, visits.device_id(number)) == "authenticated"
        packet = frame_head(RELAY_MESSAGE.value) + b"x" * (RELAY_MESSAGE.value - 1)
        for device in devices:
            device.deaf()
        await asyncio.gather(*(device.write(packet) for device in devices))
        async with RawRelayClient(self.target.relay_url) as writer:
            await self._change_settings(writer, token)

    async def _change_settings(self, writer: RawRelayClient, token: str) -> None:
        largest = json.dumps({"soak": "x" * (RELAY_SETTINGS.value - 20)}).encode()
        headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
        while (left := RELAY_BACKLOG.value - 4 - (await self._entry(RELAY_BACKLOG.name))["used"]) > 0:
            for _ in range(left):
                await writer.request("PUT", "/api/settings", largest, **headers)

    async def _strangers(self) -> None:
        """Send requests whose bodies are never complete."""
        head = "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        for number in range(RELAY_REQUESTS.value):
            stranger = await self._scope.enter_async_context(
                RawRelayClient(self.target.relay_url, address(number % 16))
            )
            await stranger.write(f"{head}Content-Length: {BODY + 1}\r\n\r\n".encode() + b"x" * BODY)

    async def _conversations(self, phone: Phone) -> None:
        """Hold as many conversations as are allowed, each with a reply that is one long line."""
        self._api.answer_bytes = ASSISTANT_REPLY.value - 1000
        status = await self.target.ask("status")
        for terminal in status["terminals"][: ASSISTANT_CONVERSATIONS.value]:
            await phone.send("ai:prompt", {"uuid": terminal["uuid"], "prompt": PROMPT})
        await visits.status_when(self.context, _replies_are_there, "replies to wait for their ends")

    async def _entry(self, name: str) -> dict[str, Any]:
        entries = (await self.target.ask("status"))["bounds"]
        return next(dict(entry) for entry in entries if entry["name"] == name)


def _replies_are_there(status: visits.Status) -> bool:
    most = ASSISTANT_CONVERSATIONS.value * (ASSISTANT_REPLY.value - 100_000)
    return any(entry["name"] == ASSISTANT_REPLY.name and entry["total"] > most for entry in status["bounds"])


@asynccontextmanager
async def fullest(place: Path) -> AsyncIterator[Fullest]:
    """Start an empty agent and yield it. Its method `fill` fills it."""
    settings = place / "config.toml"
    settings.write_text(SETTINGS)
    async with AsyncExitStack() as scope:
        api = await scope.enter_async_context(ModelApi().listening())
        options = ["--shell", shell.COMMAND, "--model-url", api.url]
        variables = {"ANTHROPIC_API_KEY": "no-key"}
        target = await scope.enter_async_context(
            agent_under_test(place / "agent", settings, options, variables=variables)
        )
        full = Fullest(target, api, scope)
        try:
            yield full
        finally:
            for phone in full.context.phones:
                await phone.vanish()
