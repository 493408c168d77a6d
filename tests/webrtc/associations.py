"""Two SCTP associations in one process, on a wire that loses, doubles and delays, with a simulated clock."""

import asyncio
import selectors
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aiortc.rtcdatachannel import RTCDataChannel, RTCDataChannelParameters
from aiortc.rtcsctptransport import RTCSctpCapabilities, RTCSctpTransport, parse_packet

from mobifai.webrtc.sctp import FastSctpTransport

DELAY = 0.01
ONE_AFTER_THE_OTHER = 1e-9 * 4
"""Timers of the same moment go off in any order."""


class _Selector(selectors.SelectSelector):
    """Never waits: advances the clock to the next timer when nothing is ready."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            self.now += 60.0 if timeout is None else timeout
        return ready


class HastyLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next timer."""

    def __init__(self) -> None:
        self._hasty = _Selector()
        super().__init__(self._hasty)

    def time(self) -> float:
        return self._hasty.now


def in_no_time(make: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on a loop where waiting takes no time."""
    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        runner.run(make())


@dataclass
class Weather:
    """The faults of a network: shares of packets that are lost, doubled and delayed."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    seed: int = 0
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)  # noqa: S311

    def delays(self) -> list[float]:
        """When the copies of a packet arrive; none, if it is lost."""
        draw = self.random.random
        if draw() < self.lost:
            return []
        copies = 2 if draw() < self.doubled else 1
        return [DELAY * (1 + 3 * draw() if draw() < self.late else 1) for _ in range(copies)]


class Wire:
    """One end of the wire, in place of an association's DTLS transport. `sent` holds all packets of the association."""

    state = "connected"

    def __init__(self, role: str, weather: Weather) -> None:
        self._role = role
        self._weather = weather
        self._loop = asyncio.get_running_loop()
        self._arrived: deque[bytes] = deque()
        self._taking: asyncio.Task[None] | None = None
        self.other: Wire | None = None
        self.receiver: Any = None
        self.sent: list[bytes] = []
        self.calls: list[int] = []
        self.cut = False
        self._order = 0.0

    def _register_data_receiver(self, receiver: Any) -> None:
        self.receiver = receiver

    def _unregister_data_receiver(self, _: Any) -> None:
        self.receiver = None

    async def _send_data(self, data: bytes) -> None:
        self.send_all([data])

    def send_all(self, packets: list[bytes]) -> None:
        self.calls.append(len(packets))
        for packet in packets:
            self.sent.append(packet)
            for delay in [] if self.cut else self._weather.delays():
                self._order += ONE_AFTER_THE_OTHER
                self._loop.call_later(delay + self._order, self.other._arrives, packet)

    def _arrives(self, packet: bytes) -> None:
        self._arrived.append(packet)
        if self._taking is None:
            self._taking = asyncio.create_task(self._take())

    async def _take(self) -> None:
        while self._arrived and self.receiver is not None:
            await self.receiver._handle_data(self._arrived.popleft())
        self._arrived.clear()
        self._taking = None
        if isinstance(self.receiver, FastSctpTransport):
            self.receiver.flush()


@dataclass
class Two:
    """An agent's and a phone's association; `received` holds the phone's messages from the channel."""

    agent: RTCSctpTransport
    phone: RTCSctpTransport
    wire: Wire
    channel: RTCDataChannel
    received: list[str]

    def say(self, text: str) -> None:
        if isinstance(self.agent, FastSctpTransport):
            self.agent.send_text(self.channel, text.encode())
        else:
            self.channel.send(text)

    async def until(self, ready: Callable[[], object], seconds: float = 3000) -> None:
        async with asyncio.timeout(seconds):
            while not ready():
                await asyncio.sleep(5 * DELAY)

    async def close(self) -> None:
        await self.agent.stop()
        await self.phone.stop()
        await asyncio.sleep(1)


def association(wire: Wire, short: bool) -> RTCSctpTransport:
    """Return an association of aiortc, or a fast one."""
    made = RTCSctpTransport(wire)  # type: ignore[arg-type]
    if short:
        made.__class__ = FastSctpTransport
        made.begin()
    return made


async def two(weather: Weather, *, short: bool, first_tsn: int = 1 << 31) -> Two:
    """Return two connected associations, with these faults from now on. The agent's first TSN is `first_tsn`."""
    fine = Weather()
    ends = Wire("client", fine), Wire("server", fine)
    ends[0].other, ends[1].other = ends[1], ends[0]
    agent, phone = association(ends[0], short), association(ends[1], False)
    agent._local_tsn, agent._last_sacked_tsn, agent._advanced_peer_ack_tsn = first_tsn, first_tsn - 1, first_tsn - 1
    agent._local_verification_tag = phone._local_verification_tag = 7
    received: list[str] = []
    phone.on("datachannel", lambda other: other.on("message", received.append))
    channel = RTCDataChannel(agent, RTCDataChannelParameters(label="terminal"))
    for one in (phone, agent):
        await one.start(RTCSctpCapabilities(maxMessageSize=65536), 5000)
    made = Two(agent, phone, ends[0], channel, received)
    await made.until(lambda: channel.readyState == "open")
    ends[0].sent.clear()
    ends[0].calls.clear()
    for end in ends:
        end._weather = weather
    return made


def data_in(packets: list[bytes]) -> list[bytes]:
    """The packets with DATA, each once, in the order in which they were first sent."""
    return list(dict.fromkeys(packet for packet in packets if parse_packet(packet)[3][0].type == 0))
