"""Phones that come, go and come back, in every way in which they do; and a relay that does."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import ClassVar, Literal

from mobifai.transport.relay_client import LASTING_SECONDS
from soak import shell
from soak.phone.event_log import PhoneError
from soak.phone.offsets import FEATURES
from soak.phone.phone import Phone
from soak.scenarios import filling_limits
from soak.scenarios import phone_visits as visits
from soak.scenarios.context import ScenarioContext
from soak.scenarios.scenario import Scenario
from soak.scenarios.terminal_checks import PATIENCE, CheckedTabs
from soak.scenarios.terminals import WORDS

LARGE = 1_000_000
"""Bytes: what a path changes under; the agent stops the program when no path has room."""
AWAY = 60_000
"""Bytes printed while nobody looks: less than the ring holds, so that not one may be missing."""


class Reconnects(Scenario):
    """Storms of reconnects, with terminals that go on printing."""

    name = "reconnects"
    summary = "phones leave politely, vanish, fall silent and come back, paths change, and the relay is restarted"
    relay: ClassVar[Literal["own", "apart", "restarted"]] = "restarted"
    block: ClassVar[tuple[str, ...]] = (
        *("polite relay",) * 2,
        *("vanish relay",) * 2,
        "half-open relay",
        "polite channel",
        "vanish channel",
        "half-open channel",
        "channel to relay",
        "relay to channel",
        "relay drops",
        "second phone",
        "refused",
        "relay restart",
    )

    def __init__(self) -> None:
        self._connected_at = 0.0

    once: ClassVar[frozenset[str]] = frozenset({"relay restart"})

    async def setup(self, world: ScenarioContext) -> None:
        """One terminal that stays, opened by a phone that goes again."""
        self._connected_at = self._connected_at or asyncio.get_running_loop().time()
        self.desk = CheckedTabs(world)
        phone = await arrive(self.desk)
        self.uuid = await self.desk.open(phone)
        await depart(self.desk, phone)

    async def action(self, world: ScenarioContext, kind: str) -> None:
        """One cycle: it begins and ends without a phone."""
        if kind == "relay restart":
            await self._lasting_connection()
        await ACTIONS[kind](self.desk, self.uuid)
        if kind == "relay restart":
            self._connected_at = asyncio.get_running_loop().time()

    async def _lasting_connection(self) -> None:
        """Wait until the agent takes its relay for a good one: else it comes back later with every restart."""
        lasting_at = self._connected_at + LASTING_SECONDS / self.desk.world.time_scale + 0.5
        await asyncio.sleep(max(0.0, lasting_at - asyncio.get_running_loop().time()))

    async def fill(self, world: ScenarioContext) -> None:
        """Commands and codes; a relay that waits for a phone, and an agent for the relay."""
        phone = await arrive(self.desk, features=FEATURES)
        await filling_limits.fill_window(self.desk, phone)
        await depart(self.desk, phone)
        phone = await arrive(self.desk, features=())
        await filling_limits.fill_backlog(self.desk, phone)
        await filling_limits.fill_commands(world)
        await self.desk.kill_all(phone)

    async def back(self, world: ScenarioContext) -> None:
        """End the terminal, and leave."""
        phone = world.phones[0] if world.phones else await arrive(self.desk)
        await self.desk.kill_all(phone)
        await visits.everybody_leaves(world)


async def arrive(
    desk: CheckedTabs,
    *,
    channel: bool = False,
    features: tuple[str, ...] | None = None,
    like: Phone | None = None,
    after: Phone | None = None,
) -> Phone:
    """A phone comes, on one path (see `visits.new_phone`)."""
    phone = await visits.new_phone(desk, webrtc=channel, features=features, like=like, after=after)
    await visits.arrive(desk.world, phone, channel=channel)
    return phone


async def depart(desk: CheckedTabs, phone: Phone) -> None:
    """A phone says goodbye."""
    desk.world.phones.remove(phone)
    desk.blink(phone)  # the channel goes first, and then for a moment the rest comes by relay
    await phone.leave()
    desk.check()


async def use(desk: CheckedTabs, phone: Phone, uuid: str) -> None:
    """Find the terminal as it is, and type into it."""
    await desk.settled(phone, uuid)
    await desk.run(phone, uuid, shell.say(WORDS))


async def come_and_go(desk: CheckedTabs, uuid: str, *, channel: bool, politely: bool) -> None:
    """Leave the terminal printing, and come back to it."""
    phone = await arrive(desk, channel=channel)
    await use(desk, phone, uuid)
    await desk.type(phone, uuid, desk.flood(uuid, AWAY))
    await desk.printing(phone, uuid)
    if not politely:
        await phone.vanish()
    await depart(desk, phone)
    phone = await arrive(desk, after=phone)
    await use(desk, phone, uuid)
    await depart(desk, phone)


async def half_open(desk: CheckedTabs, uuid: str, *, channel: bool) -> None:
    """Fall silent without a close, and come back as the same device while the agent believes in the one before."""
    silent = await arrive(desk, channel=channel)
    await use(desk, silent, uuid)
    await desk.type(silent, uuid, desk.flood(uuid, AWAY))
    await desk.printing(silent, uuid)
    desk.ignore(silent)
    with visits.silent(silent):
        if channel:
            await visits.silence_channel(silent)
        phone = await arrive(desk, like=silent)
        await use(desk, phone, uuid)
    await silent.vanish()
    await depart(desk, silent)
    await use(desk, phone, uuid)
    await depart(desk, phone)


async def channel_to_relay(desk: CheckedTabs, uuid: str) -> None:
    """The channel ends while the terminal prints: little, of which the screen has all, or much."""
    phone = await arrive(desk, channel=True)
    await use(desk, phone, uuid)
    size = desk.world.random.choice((AWAY, LARGE))
    await desk.type(phone, uuid, desk.flood(uuid, size))
    await desk.printing(phone, uuid)
    desk.blink(phone)
    await phone.drop_channel()
    await use(desk, phone, uuid)
    await depart(desk, phone)


async def relay_to_channel(desk: CheckedTabs, uuid: str) -> None:
    """The channel opens while the terminal prints."""
    phone = await visits.new_phone(desk)
    await visits.arrive(desk.world, phone)
    await desk.settled(phone, uuid)
    await desk.type(phone, uuid, desk.flood(uuid, LARGE))
    await visits.on_channel(desk.world, phone)
    await use(desk, phone, uuid)
    await depart(desk, phone)


async def relay_drops(desk: CheckedTabs, uuid: str) -> None:
    """The phone loses the relay while the channel serves, comes back to it, and leaves on both."""
    phone = await arrive(desk, channel=True)
    await use(desk, phone, uuid)
    await desk.type(phone, uuid, desk.flood(uuid, LARGE))
    await desk.printing(phone, uuid)
    await phone.drop_relay()
    await use(desk, phone, uuid)
    await phone.reconnect(PATIENCE)
    await use(desk, phone, uuid)
    await depart(desk, phone)


async def second_phone(desk: CheckedTabs, uuid: str) -> None:
    """A second phone is refused while the first is there, and takes over when it has left.

    Where there may be one only, that one just comes and goes.
    """
    first = await arrive(desk)
    await use(desk, first, uuid)
    if desk.world.most_phones == 1:
        await depart(desk, first)
        return
    second = await visits.new_phone(desk, 1, webrtc=False)
    await second.connect(PATIENCE)
    await refuses(second, second.pair(desk.world.target.device_id, PATIENCE))
    await desk.type(first, uuid, desk.flood(uuid, AWAY))
    await desk.printing(first, uuid)
    await depart(desk, first)
    await visits.arrive(desk.world, second)
    await use(desk, second, uuid)
    await depart(desk, second)


async def refused(desk: CheckedTabs, uuid: str) -> None:
    """A token that is none, an agent that is none; then all is as before."""
    phone = await visits.new_phone(desk, webrtc=False)
    right = phone.token
    phone.token = "no.such.token"  # noqa: S105 - that is the point
    await refuses(phone, phone.connect(PATIENCE))
    await phone.drop_relay()
    phone.token = right
    await phone.connect(PATIENCE)
    await refuses(phone, phone.pair(visits.device_id(1000), PATIENCE))
    await visits.arrive(desk.world, phone)
    await use(desk, phone, uuid)
    await depart(desk, phone)


async def refuses(phone: Phone, asking: Awaitable[object]) -> None:
    """Expect a refusal, in so many words. Raises PhoneError when it is granted, or nothing comes."""
    try:
        await asking
    except PhoneError as error:
        if error.event in ("timeout", "not_connected"):
            raise
    else:
        raise PhoneError("error", f"expected {phone.name} to be refused; it was not")


async def relay_restart(desk: CheckedTabs, uuid: str) -> None:
    """The relay ends, politely or not, under a phone that it serves; agent and phone come back to it."""
    phone = await arrive(desk)
    await use(desk, phone, uuid)
    await desk.type(phone, uuid, desk.flood(uuid, AWAY))
    await desk.printing(phone, uuid)
    await desk.world.target.restart_relay(politely=desk.world.random.random() < 0.5)
    await phone.until(lambda: not phone.relay_is_up, "the connection to the old relay to end", PATIENCE)
    await visits.arrive(desk.world, phone)
    await use(desk, phone, uuid)
    await depart(desk, phone)


ACTIONS: Mapping[str, Callable[[CheckedTabs, str], Awaitable[None]]] = {
    "polite relay": partial(come_and_go, channel=False, politely=True),
    "vanish relay": partial(come_and_go, channel=False, politely=False),
    "half-open relay": partial(half_open, channel=False),
    "polite channel": partial(come_and_go, channel=True, politely=True),
    "vanish channel": partial(come_and_go, channel=True, politely=False),
    "half-open channel": partial(half_open, channel=True),
    "channel to relay": channel_to_relay,
    "relay to channel": relay_to_channel,
    "relay drops": relay_drops,
    "second phone": second_phone,
    "refused": refused,
    "relay restart": relay_restart,
}
"""The kinds of cycles that begin and end without a phone, with a terminal that stays."""
