"""A minimal server that sends a file from memory over a data channel, to measure the throughput of the library.

It sends with aiortc's own code, or with --short through MobiFai's shorter path (`mobifai.webrtc.fast_path`). Its
protocol is that of agent_wrtc.mjs. Prints the port that it listens on as JSON, and exits when standard input ends.
"""

import asyncio
import json
import re
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from mobifai.cli.control_client import run
from mobifai.webrtc import fast_path as shortcut
from mobifai.webrtc import loader as webrtc

CHUNK = 16_000
HIGH, LOW = 64 << 10, 32 << 10
"""Bytes in the channel's buffer at which sending pauses, and at which it continues; as in MobiFai."""


class FileSender:
    """Sends the file that a client requests over one data channel."""

    def __init__(self, channel: Any, association: Any) -> None:
        self._channel, self._association = channel, association
        self._kept: list[bytes] = []
        self._frames: list[bytes] = []
        channel.bufferedAmountLowThreshold = LOW
        channel.on("message", self._received)
        channel.on("bufferedamountlow", self._go_on)

    def _received(self, text: str) -> None:
        message = json.loads(text)
        payload = message["payload"]
        if message["type"] == "open":
            self._send(msgspec.json.encode({"type": "opened", "payload": {"id": payload["id"]}}))
            self._send(self._output(payload["id"], "\x1e"))
        elif found := re.search("cat '(.*?)'", payload["data"]):
            self._kept = self._kept or self._frames_of(payload["id"], Path(found[1]))
            self._frames = self._kept.copy()
            self._go_on()

    def _frames_of(self, terminal: str, path: Path) -> list[bytes]:
        """Return the messages with a file's contents, the last one first.

        They are built once for all transfers, so that from the second one on the server only sends.
        """
        text = f"\x01{path.read_text()}\x02"
        return [self._output(terminal, text[at : at + CHUNK]) for at in reversed(range(0, len(text), CHUNK))]

    def _output(self, terminal: str, data: str) -> bytes:
        return msgspec.json.encode({"type": "output", "payload": {"id": terminal, "data": data}})

    def _go_on(self) -> None:
        while self._frames and self._channel.bufferedAmount < HIGH:
            self._send(self._frames.pop())

    def _send(self, frame: bytes) -> None:
        if self._association is None:
            self._channel.send(frame.decode())
        else:
            self._association.send_text(self._channel, frame)


async def main(short: bool) -> None:
    """Serve until standard input ends. `short`: send through MobiFai's shorter path."""
    aiortc, kept = webrtc.import_aiortc(), []

    async def answer(request: web.Request) -> web.Response:
        connection = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
        await connection.setRemoteDescription(aiortc.RTCSessionDescription(**await request.json()))
        association = shortcut.use_fast_path(connection) if short else None
        connection.on("datachannel", lambda channel: kept.append(FileSender(channel, association)))
        await connection.setLocalDescription(await connection.createAnswer())
        local = connection.localDescription
        kept.append(connection)
        return web.json_response({"type": local.type, "sdp": local.sdp})

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(ended.set)), daemon=True).start()
    await ended.wait()
    await runner.cleanup()


if __name__ == "__main__":
    run(main("--short" in sys.argv))
