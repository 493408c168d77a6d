"""The control socket, over which commands send requests to the running process."""

import asyncio
from typing import Any

from mobifai.protocol import messages
from tests.fuzz.mutation import encode
from tests.fuzz.target import Target

SECONDS = 0.3
"""Seconds to wait for an answer. `ask` is answered in parts."""

QUESTIONS: tuple[tuple[str, Any], ...] = (
    ("status", {}), ("devices", {}), ("check", {}), ("pair", {}), ("pair", {"legacy": True}),
    ("revoke", {"device_id": "d-1"}), ("ask", {"prompt": "p"}), ("ask", {"prompt": "p", "uuid": "one"}),
    ("approve", {"id": "a", "ok": True}), ("nothing", {}),
    ("other.sample", {"collect": True}), ("account", {"add": "name"}), ("logs", {"lines": 10}),
)  # fmt: skip

NOT_ASKED = (b"restart", b"soak.", b"profile.")
"""Requests with intended effects, which are not sent: restarting the agent, or writing files with a given name."""


class Control(Target):
    """Another program of the same user, which sends anything on the user's private socket."""

    name = "control"
    boundary = "same user -> mobifai serve: the control socket"
    batch = 12
    tables = (messages.FROM_PHONE,)

    def make(self) -> bytes:
        data = self._line()
        for word in NOT_ASKED:
            data = data.replace(word, b"other.")
        return data

    def _line(self) -> bytes:
        random = self.random
        if random.random() < 0.3:
            return self.source.message(lambda event, payload: {"ask": event, "with": payload}) + b"\n"
        lines = [encode({"ask": question, "with": arguments}) + b"\n" for question, arguments in QUESTIONS]
        if random.random() < 0.01:
            return b'{"ask":"' + b"x" * 200_000 + b'"}\n'
        return self.source.bytes_like(lines)

    async def deliver(self, batch: list[bytes]) -> int:
        return sum(await asyncio.gather(*map(self._deliver_one, batch)))

    async def _deliver_one(self, data: bytes) -> bool:
        """Send a request. Return whether an answer or the end of the connection arrived."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.here.agent.control)
        except OSError:
            return False
        try:
            writer.write(data)
            if b"\n" not in data or self.random.random() < 0.3:
                writer.write_eof()
            async with asyncio.timeout(SECONDS):
                await reader.read(1 << 16)
        except OSError:  # TimeoutError included: a request without its end, or with an answer in parts
            return True
        finally:
            writer.transport.abort()
        return True
