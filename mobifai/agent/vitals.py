"""The agent as its monitor sees it: what it has, and whether bytes get through."""

import asyncio
from collections.abc import Callable

from mobifai.agent.presenter import KeeperLink
from mobifai.health.monitor import Vitals
from mobifai.protocol import messages as wire
from mobifai.session.links import Links
from mobifai.terminals.tabs import Tabs
from mobifai.transport.relay_address import Endpoint

ECHO_SECONDS = 5.0
QUIET_SECONDS = 30.0
"""Without a byte sent for so long, nobody notices a restart."""


class Checkup:
    """Answers the monitor (see `health.monitor.Subject`)."""

    def __init__(
        self,
        links: Links,
        tabs: Tabs,
        endpoint: Endpoint,
        keeper: KeeperLink,
        assistant_is_busy: Callable[[], bool],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._links = links
        self._tabs = tabs
        self._endpoint = endpoint
        self._keeper = keeper
        self._assistant_is_busy = assistant_is_busy
        self._echo: asyncio.Future[None] | None = None
        self._relay_echoes = False

    def vitals(self) -> Vitals:
        """What the agent has."""
        peer = self._links.caller.peer
        behind = peer.behind_bytes if peer is not None and peer.open else None
        return Vitals(
            terminals=len(self._tabs),
            buffer_bytes=self._tabs.buffer_bytes,
            webrtc="connected" if self._links.channel_open else "disconnected",
            behind_bytes=behind,
            confirmed=peer.confirmed if peer is not None else 0,
        )

    async def relay_round_trip(self) -> float | None:
        """Have the relay send something back over the very connection that phones' messages take.

        A relay of our own is in this process: there it is the way through its rooms and this loop; whether it can be
        reached from outside is asked by `mobifai doctor`. One that does not know `relay:echo` is asked over HTTP.
        """
        if not self._links.relay.open:
            return None
        began = self._loop.time()
        self._echo = self._loop.create_future()
        self._links.send_to_relay("relay:echo", wire.Echo(nonce=f"{began:.6f}"))
        try:
            async with asyncio.timeout(ECHO_SECONDS):
                await self._echo
        except TimeoutError:
            if self._relay_echoes:
                raise
            from mobifai.access.relay_http import RelayApi  # noqa: PLC0415 - only with such a relay

            return await RelayApi(self._endpoint.url, None).health()
        finally:
            self._echo = None
        return self._loop.time() - began

    def relay_echoed(self) -> None:
        """What was sent to be sent back came back."""
        self._relay_echoes = True
        if self._echo is not None and not self._echo.done():
            self._echo.set_result(None)

    def relay_is_deaf(self) -> None:
        """Connect anew."""
        self._links.relay.drop()

    def phone_is_deaf(self) -> None:
        """Drop the channel; it is made anew, and the relay serves meanwhile."""
        if self._links.caller.peer is not None:
            self._links.caller.peer.drop()

    def is_quiet(self) -> bool:
        """Whether the assistant rests, and no phone is there or nothing was sent to it for a while."""
        courier = self._links.courier
        if self._assistant_is_busy():
            return False
        return courier.path is None or self._loop.time() - courier.last_sent > QUIET_SECONDS

    def restart(self) -> bool:
        """Start anew, if a keeper holds the shells."""
        return self._keeper.restart()
