"""One WebSocket connection to a relay.

`RelaySocket` owns the HTTP session and the WebSocket. It reads and writes packets, and does not interpret events.
"""

import asyncio
import contextlib

import aiohttp

from mobifai.errors import RelayUnreachable
from mobifai.transport import relay_packet as packets
from mobifai.transport.http_client import relay_client_session

CLOSE_SECONDS = 1.0
STALL_SECONDS = 20.0
"""How long sending one packet may take. A relay that reads more slowly is dropped."""

_PATH = "/socket.io/?transport=websocket&EIO=4"


class RelaySocket:
    """A connection that `open` establishes and `close` ends. `most_bytes` is the longest packet that a relay may send.

    Every method except `close` may raise RelayUnreachable, OSError, or an error of aiohttp.
    """

    def __init__(self, url: str, most_bytes: int) -> None:
        self._address = f"{url}{_PATH}"
        self._most_bytes = most_bytes
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._silent_seconds = packets.MOST_SILENCE

    async def open(self, token: str | None, seconds: float) -> None:
        """Connect with `token`, and wait at most `seconds` until the relay has accepted the connection."""
        self._session = relay_client_session(aiohttp.ClientTimeout(total=seconds))
        async with asyncio.timeout(seconds):
            self._socket = await self._session.ws_connect(
                self._address,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
                max_msg_size=self._most_bytes + 1,
                compress=0,
            )
            try:
                self._silent_seconds = packets.read_opening(await self._receive())
            except ValueError as error:
                raise RelayUnreachable(str(error)) from None
            await self.send(packets.connect_text(token))
            await self._until_accepted()

    async def _until_accepted(self) -> None:
        while True:
            match await self.receive():
                case packets.Connected():
                    return
                case packets.Refused(message):
                    raise RelayUnreachable(f"the relay refused the connection: {message or 'it gave no reason'}")
                case packets.Ping():
                    await self.send(packets.PONG)

    async def receive(self) -> packets.Packet:
        """Wait for the relay's next packet, and return it."""
        packet = packets.read(await self._receive())
        if isinstance(packet, packets.Closed):
            raise RelayUnreachable("the relay ended the connection")
        return packet

    async def _receive(self) -> str:
        assert self._socket is not None  # noqa: S101 - `open` comes first
        try:
            async with asyncio.timeout(self._silent_seconds):
                message = await self._socket.receive()
        except TimeoutError:
            raise RelayUnreachable(f"the relay was silent for {self._silent_seconds:.0f} s") from None
        match message.type:
            case aiohttp.WSMsgType.TEXT:
                return str(message.data)
            case aiohttp.WSMsgType.BINARY:
                raise RelayUnreachable("expected text packets of Engine.IO; found a binary one")
            case aiohttp.WSMsgType.ERROR:
                raise RelayUnreachable(f"expected WebSocket frames; found something else ({message.data})")
            case _:
                code = self._socket.close_code
                raise RelayUnreachable("the connection ended" + (f" with code {code}" if code else ""))

    async def send(self, text: str) -> None:
        """Send the relay a packet, and wait until the operating system has room for the next one."""
        assert self._socket is not None  # noqa: S101 - as above
        try:
            async with asyncio.timeout(STALL_SECONDS):
                await self._socket.send_str(text)
        except TimeoutError:
            raise RelayUnreachable(f"the relay read nothing for {STALL_SECONDS:.0f} s") from None

    async def close(self) -> None:
        """Close the connection without waiting for a relay that does not answer. Idempotent."""
        session, socket = self._session, self._socket
        self._session = self._socket = None
        try:
            if socket is not None:
                with contextlib.suppress(Exception):  # closing must not fail
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await socket.close()
        finally:
            if session is not None:
                await session.close()
