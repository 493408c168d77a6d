"""A minimal terminal server on a data channel of aiortc, to measure the cost of that library alone.

As in the server on Node, nothing is bounded, nothing waits for the client, and no output is stored. Signalling is one
HTTP request: the client posts an offer with its ICE candidates, and the response is the answer with the server's.
"""

import asyncio
import codecs
import json
import logging
import os
import signal
import sys
from contextlib import suppress
from typing import Any

import uvloop
from aiohttp import web
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from ptyprocess import PtyProcess

FRAME = 60_000
"""Most characters of one message, as in the server on Node."""
READ_BYTES = 65_536


class ClientTerminals:
    """The shells that one client has opened, by id. Their output is sent over the client's data channel."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self._loop = asyncio.get_running_loop()
        self._channel = channel
        self._shells: dict[str, PtyProcess] = {}

    def handle(self, message: str) -> None:
        """Carry out the client's request in `message`: open a shell, type into it, or close it."""
        received = json.loads(message)
        about: dict[str, Any] = received["payload"]
        match received["type"]:
            case "open":
                self._open(about["id"])
            case "input":
                os.write(self._shells[about["id"]].fd, about["data"].encode())
            case "close":
                self._close(about["id"])

    def _open(self, name: str) -> None:
        shell = self._shells[name] = PtyProcess.spawn(["/bin/sh", sys.argv[1]], cwd=os.environ["HOME"])
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._loop.add_reader(shell.fd, self._read, name, shell.fd, decoder)
        self._say("opened", id=name)

    def _read(self, name: str, master: int, decoder: codecs.IncrementalDecoder) -> None:
        try:
            data = os.read(master, READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._close(name)
        text = decoder.decode(data)
        for start in range(0, len(text), FRAME):
            self._say("output", id=name, data=text[start : start + FRAME])

    def _say(self, kind: str, **payload: str) -> None:
        if self._channel.readyState == "open":
            self._channel.send(json.dumps({"type": kind, "payload": payload}))

    def _close(self, name: str) -> None:
        shell = self._shells.pop(name, None)
        if shell is not None:
            self._loop.remove_reader(shell.fd)
            shell.kill(signal.SIGHUP)
            with suppress(OSError):
                shell.close(force=True)
            self._say("closed", id=name)

    def end(self) -> None:
        """Close all shells when the client disconnects."""
        for name in list(self._shells):
            self._close(name)


async def answer(request: web.Request) -> web.Response:
    """Connect a client: return the answer to the WebRTC offer in the request."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    @connection.on("datachannel")
    def serve(channel: RTCDataChannel) -> None:
        terminals = ClientTerminals(channel)
        channel.on("message", terminals.handle)
        channel.on("close", terminals.end)

    offer = json.loads(await request.text())
    await connection.setRemoteDescription(RTCSessionDescription(offer["sdp"], offer["type"]))
    await connection.setLocalDescription(await connection.createAnswer())
    made = connection.localDescription
    return web.json_response({"type": made.type, "sdp": made.sdp})


async def main() -> None:
    """Serve on a free port, print the port as JSON, and end when the parent closes standard input."""
    app = web.Application()
    app.add_routes([web.post("/", answer)])
    runner = web.AppRunner(app)
    logging.basicConfig()
    await runner.setup()
    site = web.TCPSite(runner, os.environ.get("BENCH_HOST", "127.0.0.1"), 0)
    await site.start()
    print(json.dumps({"port": runner.addresses[0][1]}), flush=True)
    done = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), done.set)
    await done.wait()


if __name__ == "__main__":
    uvloop.run(main())
